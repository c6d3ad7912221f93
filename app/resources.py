"""Where the files lie that the program reads at run time: in the repository, or inside the installed package."""

from pathlib import Path

_INSTALLED = Path(__file__).resolve().parent / "_resources"
_REPOSITORY = Path(__file__).resolve().parent.parent


def resource_path(name: str) -> Path:
    """The file or folder `name` ("templates", "seed_data/gpus.csv"). Raises FileNotFoundError where there is none."""
    path = (_INSTALLED if _INSTALLED.is_dir() else _REPOSITORY) / name
    if not path.exists():
        raise FileNotFoundError(f"'{name}' is missing from this installation: {path}")
    return path

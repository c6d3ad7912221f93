"""The wheel, installed in a clean environment far from the repository, has everything that the program reads."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.processes import free_port, run, serving

ROOT = Path(__file__).resolve().parents[2]
CONTAINER = str(ROOT / "scripts" / "container.py")
UV = str(Path(sys.executable).with_name("uv"))
OUTSIDE = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a new environment that holds the wheel and what it depends on, nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    run([UV, "build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT)], OUTSIDE)
    (wheel,) = folder.glob("rigwise-*.whl")
    run([UV, "venv", "--quiet", "--python", sys.executable, str(folder / "venv")], OUTSIDE)
    python = folder / "venv" / "bin" / "python"
    constraints = str(ROOT / "constraints.txt")
    run([UV, "pip", "install", "--quiet", "--python", str(python), "--constraint", constraints, str(wheel)], OUTSIDE)
    return python.parent


@pytest.mark.parametrize(
    "name", ["templates", "static/vendor/htmx.min.js", "static/vendor/swagger-ui-bundle.js", "migrations", "seed_data"]
)
def test_the_installed_wheel_holds(installed: Path, tmp_path: Path, name: str) -> None:
    printed = run(
        [str(installed / "python"), "-c", f"from app.resources import resource_path; print(resource_path({name!r}))"], OUTSIDE, cwd=tmp_path
    )
    path = Path(printed.strip())
    assert path.is_relative_to(installed.parent)
    assert path.is_file() or any(path.iterdir())


def test_a_missing_resource_is_named(installed: Path, tmp_path: Path) -> None:
    script = "from app.resources import resource_path\ntry: resource_path('nothing.csv')\nexcept FileNotFoundError as error: print(error)"
    assert "'nothing.csv' is missing" in run([str(installed / "python"), "-c", script], OUTSIDE, cwd=tmp_path)


def test_it_migrates_seeds_and_serves_as_the_container_does(installed: Path, tmp_path: Path) -> None:
    port, database = free_port(), f"sqlite:///{tmp_path / 'rigwise.sqlite'}"
    environment = {**OUTSIDE, "HOST": "127.0.0.1", "PORT": str(port), "RIGWISE_DATABASE_URL": database}
    command = [str(installed / "python"), CONTAINER]
    with serving(command, environment, port, tmp_path / "server.log", cwd=tmp_path) as address:
        assert "<form" in httpx.get(address).raise_for_status().text
        assert len(httpx.get(f"{address}/static/vendor/htmx.min.js").raise_for_status().content) > 10_000
        run([*command, "healthcheck"], environment)
    stopped = subprocess.run([*command, "healthcheck"], env=environment, check=False)
    assert stopped.returncode == 1

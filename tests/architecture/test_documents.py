"""The documents for operators tell of what there is: every test that they name, every setting, every command."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from app.cli import app
from app.settings import Settings

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENTS = ("docs/operations.md", "docs/reliability.md", "docs/security.md")
_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`")
_COMMAND = re.compile(r"\brigwise ([a-z]+)\b")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_test_that_is_named_is_there(document: str) -> None:
    named = _TEST.findall((ROOT / document).read_text())
    assert len(named) > 10
    for file, test in named:
        assert (ROOT / file).is_file(), file
        assert not test or f"def {test}(" in (ROOT / file).read_text(), f"{file}::{test}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_of_the_program_that_is_named_is_there(document: str) -> None:
    for named in re.findall(r"`(app/[\w/.]+)`", (ROOT / document).read_text()):
        assert (ROOT / named).exists(), named


def test_every_setting_is_described() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    assert {name for name in Settings.model_fields if f"`RIGWISE_{name.upper()}`" not in text} == set()


def test_no_command_is_described_that_there_is_not() -> None:
    commands = set(get_command(app).commands)  # type: ignore[attr-defined]
    shown = set(_COMMAND.findall(re.sub(r"docker[^\n]*|--[^\n]*rigwise\n", "", (ROOT / "docs/operations.md").read_text())))
    assert shown - commands - {"rigwise"} == set()
    assert {"backup", "restore", "check", "migrate", "seed", "serve"} <= shown

"""Fetching the front-end assets: nothing is done twice, and a failure is one clear sentence."""

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _load(script: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("assets_under_test", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _fake_npm(folder: Path, script: str) -> None:
    npm = folder / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """scripts/assets.py in a repository of its own that has fetched nothing yet and cannot fetch anything."""
    (tmp_path / "scripts").mkdir()
    for name in ("package.json", "package-lock.json", "scripts/assets.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.setenv("PATH", str(tmp_path))
    return _load(tmp_path / "scripts" / "assets.py")


def test_the_repository_itself_is_up_to_date_after_set_up() -> None:
    assert _load(ROOT / "scripts" / "assets.py").up_to_date()
    assert 'version:"2.0.11"' in (ROOT / "static" / "vendor" / "htmx.min.js").read_text()


def test_without_npm_and_without_the_node_wheel_the_failure_says_what_to_install(
    assets: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert assets.main() == 1
    assert "npm was not found: install Node.js" in capsys.readouterr().err


def test_a_fake_npm_that_fails_is_reported_with_its_last_lines(
    assets: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _fake_npm(tmp_path, "echo 'the registry is closed' >&2; exit 1")
    assert assets.main() == 1
    assert "the registry is closed" in capsys.readouterr().err
    assert not assets.STAMP.exists()


def test_a_served_file_that_vanishes_makes_the_assets_out_of_date(assets: ModuleType, tmp_path: Path) -> None:
    sources = " ".join(f"node_modules/{source}" for source in assets.SERVED)
    _fake_npm(tmp_path, f'for file in {sources}; do /bin/mkdir -p "${{file%/*}}"; echo content > "$file"; done')
    assert assets.main() == 0
    assert assets.up_to_date()
    (tmp_path / "static" / "vendor" / "htmx.min.js").unlink()
    assert not assets.up_to_date()

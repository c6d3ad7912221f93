"""What may and may not be kept in the repository."""

import json
import re
import tomllib

from tests.architecture.source import ROOT, place, tracked_files

OF_ONE_MACHINE = re.compile(r"(?<![\w.-])/(?:work|farm|root|home/\w+)/[\w.]")
THIRD_PARTY = re.compile(r"\.min\.(?:js|css)$|^static/vendor/|^node_modules/|^tests/browser/vendor/")
LARGEST_FILE_BYTES = 2_000_000


def _text_files() -> dict[str, str]:
    texts = {}
    for path in tracked_files():
        content = path.read_bytes()
        if b"\0" not in content[:8000]:
            texts[place(path)] = content.decode("utf-8")
    return texts


def test_no_path_of_one_machine_is_written_down() -> None:
    offenders = [f"{name}: {found[0]}" for name, text in _text_files().items() for found in OF_ONE_MACHINE.finditer(text)]
    assert not offenders, "\n".join(offenders)


def test_pinned_dependencies_name_no_address() -> None:
    pinned = (ROOT / "constraints.txt").read_text()
    assert "://" not in pinned
    assert "index-url" not in pinned


def test_every_pinned_dependency_has_a_hash() -> None:
    entries = re.split(r"\n(?=[a-z0-9])", (ROOT / "constraints.txt").read_text().split("\n", 2)[2])
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_every_declared_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = [*project["dependencies"], *(name for extra in project["optional-dependencies"].values() for name in extra)]
    names = {re.split(r"[\[<>=; ]", requirement)[0].lower() for requirement in declared}
    pinned = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    assert names - pinned == set()


def test_front_end_packages_are_locked_by_hash_and_not_by_address() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    third_party = {name: package for name, package in packages.items() if name}
    assert [name for name, package in third_party.items() if "resolved" in package] == []
    assert [name for name, package in third_party.items() if not package["integrity"].startswith("sha512-")] == []


def test_no_third_party_file_and_no_uv_lock_is_kept() -> None:
    names = [place(path) for path in tracked_files()]
    assert [name for name in names if THIRD_PARTY.search(name) or name.endswith("uv.lock")] == []


def test_no_file_is_too_large_to_review() -> None:
    assert [place(path) for path in tracked_files() if path.stat().st_size > LARGEST_FILE_BYTES] == []

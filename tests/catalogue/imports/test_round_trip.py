"""Out and in again: nothing changes that nobody changed; and what an import did can be undone to the byte."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.export import TABLES, export_csv, plain_cell, safe_cell
from app.catalogue.facts import Changes
from app.catalogue.history import current_revision
from app.catalogue.imports.apply import import_file, undo_import
from app.catalogue.imports.dry_run import day_in
from app.catalogue.imports.profiles import Profile
from app.catalogue.revisions import record
from app.catalogue.seed import seed
from app.database import Database
from app.errors import Conflict, InvalidInput, NotFound
from tests.catalogue.builders import item, occasion
from tests.catalogue.imports.shelf import exported, imported, judged, moment

OWN = Profile()
SAMPLES = Path(__file__).parents[4] / "shared" / "import-samples"
FILES = sorted(path for path in SAMPLES.rglob("*") if path.suffix in {".csv", ".json", ".jsonl"}) if SAMPLES.exists() else []


def table_of(database: Database, table: str | None) -> str:
    text = io.StringIO(newline="")
    with database.read() as session:
        export_csv(session, text, table)
    return text.getvalue()


@pytest.mark.parametrize("table", [None, *TABLES])
def test_an_exported_table_comes_back_unchanged(shelf: Database, table: str | None) -> None:
    text = table_of(shelf, table)
    verdicts = {found.verdict for found in judged(shelf, text, OWN)} if text.count("\n") > 1 else set()
    assert verdicts <= {"unchanged"}


def test_the_whole_catalogue_fills_an_empty_database(shelf: Database, sqlite_url: str, tmp_path: Path, migrated_file: Path) -> None:
    text = exported(shelf)
    empty = Database(f"sqlite:///{tmp_path / 'empty.sqlite'}")
    (tmp_path / "empty.sqlite").write_bytes(migrated_file.read_bytes())
    assert imported(empty, text, OWN).revision == 1
    assert exported(empty) == text
    empty.close()


def test_the_seeded_catalogue_comes_back_unchanged_in_either_form(database: Database) -> None:
    seed(database)
    for text in (exported(database), table_of(database, None)):
        assert imported(database, text, OWN).revision is None


def test_an_edited_cell_is_one_change_of_one_cell_and_undone_to_the_byte(shelf: Database) -> None:
    before = exported(shelf)
    text = before.replace('"power_w": 350, ', '"power_w": 340, ', 1).replace('"amount": "900.00"', '"amount": "880.00"')
    changed = [found for found in judged(shelf, text, OWN) if found.verdict != "unchanged"]
    assert [(found.was, found.would_be) for found in changed] == [
        ("power_w: 350", "power_w: 340"), ("$900 on 2026-11-01", "$880 on 2026-11-01"),
    ]  # fmt: skip
    done = imported(shelf, text, OWN)
    assert exported(shelf) == text
    assert done.batch is not None
    undo_import(shelf, done.batch, moment())
    assert exported(shelf) == before


def test_a_row_of_ours_names_what_is_wrong_with_it(shelf: Database) -> None:
    rows = (
        '[{"record": "ram", "id": "x", "name": "X", "modules": 0}, {"record": "thing"}, {"record": "price", "item": "none", "amount": 5}]'
    )
    reasons = [found.reason for found in judged(shelf, rows, OWN)]
    assert "memory_type: Field required" in reasons[0]
    assert "record is 'thing'" in reasons[1]
    assert "currency: Field required" in reasons[2]


@given(st.text(alphabet="'=+-@\t\ra1 ", max_size=8))
def test_no_cell_is_a_formula_and_every_cell_comes_back(text: str) -> None:
    assert not safe_cell(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert plain_cell(safe_cell(text)) == text


def test_a_name_that_is_a_formula_is_neutral_in_a_table_and_whole_in_the_catalogue(shelf: Database) -> None:
    with shelf.write() as session:
        record(session, Changes(items=(item("ram", "evil", name="=HYPERLINK(1)", notes="-1"),)), occasion())
    text = table_of(shelf, "ram")
    assert "'=HYPERLINK(1)" in text
    assert ",=HYPERLINK" not in text
    assert imported(shelf, text, OWN).revision is None


def test_an_undone_import_is_undone_once(shelf: Database) -> None:
    done = imported(shelf, "Artikel,Preis\nrtx-3090,850\n")
    assert done.batch is not None
    undo_import(shelf, done.batch, moment())
    with pytest.raises(Conflict, match=f"import {done.batch} was undone in revision 3"):
        undo_import(shelf, done.batch, moment())
    with pytest.raises(NotFound):
        undo_import(shelf, 99, moment())


def test_a_file_that_does_not_say_when_its_prices_were_seen_is_asked(shelf: Database) -> None:
    with pytest.raises(InvalidInput, match="observed_on"):
        imported(shelf, "name,price,chipset,memory,boost_clock\nX,1,RTX 3090,24,1\n", Profile())


@pytest.mark.skipif(not FILES, reason="the samples of other projects are not here")
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_real_file_is_imported_once_and_undone_to_the_byte(sqlite_database: Database, path: Path) -> None:
    seed(sqlite_database)
    before = exported(sqlite_database)
    profile = Profile(observed_on=day_in(str(path.relative_to(SAMPLES))) or day_in("2025-07-23"))
    with path.open("rb") as file:
        done = import_file(sqlite_database, file, profile, moment())
        assert done.run.rows == path.read_text(encoding="utf-8").count("\n") - 1 or path.suffix != ".csv"
        again = import_file(sqlite_database, file, profile, moment())
    assert again.revision is None
    if done.batch is None:  # processors and boards
        assert set(done.run.counts) == {"skipped", "rejected", "ambiguous"} - ({"ambiguous"} if "board" in path.name else set())
        return
    assert exported(sqlite_database) != before
    undo_import(sqlite_database, done.batch, moment())
    assert exported(sqlite_database) == before
    with sqlite_database.read() as session:
        assert current_revision(session) == 3

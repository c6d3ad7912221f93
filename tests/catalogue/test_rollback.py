"""Rolling back: whatever happened since, the catalogue is afterwards exactly what it was, and the look beforehand told so."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.catalogue.assemble import Snapshot
from app.catalogue.chain import check
from app.catalogue.facts import AliasFact, Changes, PriceFact
from app.catalogue.history import aliases_at, current_revision, prices_at
from app.catalogue.reversal import reversal_of
from app.catalogue.revisions import record
from app.catalogue.rollback import changes_back_to, snapshot_after
from app.catalogue.snapshot import snapshot_at
from app.database import Database
from app.errors import InvalidInput
from tests.catalogue.builders import item, occasion, price, rate

GPU, KIT = item("gpu", "card"), item("ram", "kit")
START = Changes(items=(GPU, KIT), prices=(price("card", "900"), price("kit", "90")), rates=(rate("USD", "1.1"),))


def alias(name: str, item_id: str = "") -> AliasFact:
    return AliasFact(name=name, item=item_id, source="a test")


def recorded(database: Database, changes: Changes) -> int:
    with database.write() as session:
        return record(session, changes, occasion())


def rolled_back(database: Database, revision: int) -> int:
    with database.write() as session:
        return record(session, changes_back_to(session, revision), occasion("rollback"))


def contents(snapshot: Snapshot) -> tuple[object, ...]:
    """A snapshot without its number."""
    catalogue = replace(snapshot.catalogue, revision=0)
    return catalogue, dict(snapshot.items), dict(snapshot.prices), dict(snapshot.aliases)


def at(database: Database, revision: int) -> tuple[object, ...]:
    with database.read() as session:
        return contents(snapshot_at(session, revision))


def test_everything_since_is_undone_by_one_revision(database: Database) -> None:
    recorded(database, START)
    recorded(database, Changes(items=(item("gpu", "card", memory_gb=48), item("ram", "other")), prices=(price("other", "50"),)))
    recorded(database, Changes(withdrawn_prices=(price("card", "900"),), prices=(price("card", "1000"),), rates=(rate("USD", "1.2"),)))
    recorded(database, Changes(aliases=(alias("Card Deluxe", "card"),)))
    with database.read() as session:
        promised = contents(snapshot_after(session, changes_back_to(session, 1)))
    assert rolled_back(database, 1) == 5
    assert at(database, 5) == at(database, 1) == promised
    assert rolled_back(database, 1) == 5, "nothing left to do"
    assert rolled_back(database, 4) == 6, "a rollback can be rolled back"
    assert at(database, 6) == at(database, 4)
    assert check(database) == ()


def test_the_observation_that_corrected_another_still_does_after_a_rollback(database: Database) -> None:
    wrong, right = price("card", "9000"), price("card", "900")
    recorded(database, Changes(items=(GPU,)))
    recorded(database, Changes(prices=(wrong,)))
    recorded(database, Changes(prices=(right,)))
    recorded(database, Changes(withdrawn_prices=(wrong,)))
    recorded(database, Changes(withdrawn_prices=(right,)))
    rolled_back(database, 3)
    with database.read() as session:
        assert prices_at(session, current_revision(session)) == [wrong, right]
    assert at(database, 6) == at(database, 3)


def test_other_names_stand_for_one_item_until_they_are_taken_away(database: Database) -> None:
    recorded(database, START)
    recorded(database, Changes(aliases=(alias("Card Deluxe", "card"),)))
    assert recorded(database, Changes(aliases=(alias("Card Deluxe", "card"),))) == 2, "known already"
    number = recorded(database, Changes(aliases=(alias("Card Deluxe", "kit"),)))
    with database.read() as session:
        assert snapshot_at(session, 2).aliases == {"Card Deluxe": "card"}
        assert snapshot_at(session, number).aliases == {"Card Deluxe": "kit"}
        undo = reversal_of(session, number).changes
    recorded(database, undo)
    recorded(database, Changes(aliases=(alias("Card Deluxe"),)))
    with database.read() as session:
        assert snapshot_at(session, 4).aliases == {"Card Deluxe": "card"}
        assert snapshot_at(session, 5).aliases == {}
        assert [(one.name, one.item) for one in aliases_at(session, 5)] == [("Card Deluxe", "")]
    assert check(database) == ()


@pytest.mark.parametrize("wrong", [alias("Card", "nothing"), alias("kit", "card")])
def test_a_name_must_stand_for_an_item_that_exists_and_not_be_the_id_of_another(database: Database, wrong: AliasFact) -> None:
    recorded(database, START)
    with pytest.raises(InvalidInput):
        recorded(database, Changes(aliases=(wrong,)))


ACTS: list[Callable[[list[PriceFact]], Changes]] = [
    lambda _: Changes(items=(item("gpu", "card", memory_gb=48),)),
    lambda _: Changes(items=(item("gpu", "card"),)),
    lambda _: Changes(items=(item("ram", "other"),), prices=(price("other", "10"),)),
    lambda _: Changes(prices=(price("card", "800"),)),
    lambda _: Changes(prices=(price("card", "700"), price("card", "650", "2026-11-05"))),
    lambda _: Changes(rates=(rate("USD", "1.3"), rate("GBP", "0.9"))),
    lambda _: Changes(withdrawn_rates=(rate("USD", "1.1"),)),
    lambda _: Changes(aliases=(alias("Name", "card"),)),
    lambda _: Changes(aliases=(alias("Name"),)),
    lambda standing: Changes(withdrawn_prices=tuple(standing[:1])),
    lambda standing: Changes(withdrawn_prices=tuple(standing[-1:])),
]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(st.integers(0, len(ACTS) - 1), min_size=1, max_size=8), back=st.integers(1, 9))
def test_any_history_can_be_rolled_back_to_any_point(
    acts: list[int], back: int, migrated_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("history") / "rigwise.sqlite"
    file.write_bytes(migrated_file.read_bytes())
    database = Database(f"sqlite:///{file}")
    newest = recorded(database, START)
    for act in acts:
        with database.read() as session:
            standing = prices_at(session, newest)
        newest = recorded(database, ACTS[act](standing))
    target = min(back, newest)
    expected = at(database, target)
    with database.read() as session:
        assert contents(snapshot_after(session, changes_back_to(session, target))) == expected
    assert at(database, rolled_back(database, target)) == expected
    assert check(database) == ()
    database.close()

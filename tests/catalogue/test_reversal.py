"""Undoing a revision: what it did is gone, what came before and after it stays."""

from app.catalogue.chain import check
from app.catalogue.facts import Changes, ItemFact, PriceFact, RateFact
from app.catalogue.history import current_revision, items_at, prices_at, rates_at
from app.catalogue.reversal import reversal_of
from app.catalogue.revisions import record
from app.database import Database
from tests.catalogue.builders import item, occasion, price, rate

GPU = item("gpu", "rtx-3090")
FIRST = Changes(items=(GPU,), prices=(price("rtx-3090", "900"),), rates=(rate("USD", "1.1"),))
State = tuple[set[ItemFact], set[PriceFact], set[RateFact]]


def recorded(database: Database, changes: Changes) -> int:
    with database.write() as session:
        return record(session, changes, occasion())


def undone(database: Database, revision: int) -> tuple[str, ...]:
    """Undoes a revision; what had to stay."""
    with database.write() as session:
        reversal = reversal_of(session, revision)
        record(session, reversal.changes, occasion("rollback"))
    assert check(database) == ()
    return reversal.kept


def state(database: Database) -> State:
    with database.read() as session:
        now = current_revision(session)
        return set(items_at(session, now)), set(prices_at(session, now)), set(rates_at(session, now))


def test_everything_that_a_revision_did_is_undone(database: Database) -> None:
    recorded(database, FIRST)
    before = state(database)
    number = recorded(
        database,
        Changes(
            items=(item("gpu", "rtx-3090", name="GeForce RTX 3090"), item("ram", "kit")),
            prices=(price("rtx-3090", "850"), price("kit", "90")),
            rates=(rate("USD", "1.2"),),
            withdrawn_prices=FIRST.prices,
            withdrawn_rates=FIRST.rates,
        ),
    )
    assert undone(database, number) == ()
    assert state(database) == before


def test_undoing_the_undoing_brings_it_back(database: Database) -> None:
    recorded(database, FIRST)
    number = recorded(database, Changes(items=(item("ram", "kit"),), prices=(price("kit", "90"),)))
    after = state(database)
    undone(database, number)
    undone(database, number + 1)
    assert state(database) == after


def test_what_a_later_revision_changed_stays_and_is_named(database: Database) -> None:
    recorded(database, FIRST)
    number = recorded(database, Changes(items=(item("ram", "kit"), item("ram", "other"), item("ram", "gone"))))
    recorded(database, Changes(items=(item("ram", "kit", name="Kit"),), prices=(price("other", "90"),)))
    kept = undone(database, number)
    assert {found.id for found in state(database)[0]} == {"rtx-3090", "kit", "other"}
    assert [sentence.split()[0] for sentence in kept] == ["kit", "other"]


def test_an_item_that_another_names_stays(database: Database) -> None:
    number = recorded(database, FIRST)
    recorded(database, Changes(items=(item("cloud", "offer", gpu="rtx-3090"),)))
    assert undone(database, number) == ("rtx-3090 stays: offer names it",)


def test_a_price_withdrawn_since_stays_withdrawn(database: Database) -> None:
    recorded(database, FIRST)
    number = recorded(database, Changes(prices=(price("rtx-3090", "850"),)))
    recorded(database, Changes(withdrawn_prices=(price("rtx-3090", "850"),)))
    undone(database, number)
    assert state(database)[1] == set(FIRST.prices)

"""Recording changes: one revision for one act, none for nothing, and never a row rewritten."""

from collections.abc import Callable
from typing import TypeVar

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.catalogue.chain import check
from app.catalogue.facts import Changes, ItemFact, PriceFact, RateFact
from app.catalogue.history import current_revision, items_at, prices_at, rates_at
from app.catalogue.revisions import Occasion, record
from app.catalogue.seed import read_seed, seed
from app.catalogue.snapshot import snapshot_at
from app.catalogue.tables import Revision
from app.database import Database, writing_engine
from app.errors import InvalidInput
from tests.catalogue.builders import item, occasion, price, rate

GPU = item("gpu", "rtx-3090")
FIRST = Changes(items=(GPU,), prices=(price("rtx-3090", "900"),), rates=(rate("USD", "1.1"),))
T = TypeVar("T")
TABLES = ("revision", "item", "item_version", "price", "exchange_rate", "withdrawal", "item_withdrawal")


def recorded(database: Database, changes: Changes, when: Occasion | None = None) -> int:
    """The number of the current revision after recording."""
    with database.write() as session:
        return record(session, changes, when or occasion())


def held(database: Database, read: Callable[[Session, int], T], revision: int) -> T:
    """What `read` finds at a revision."""
    with database.read() as session:
        return read(session, revision)


def test_a_set_of_changes_is_one_revision_with_who_when_and_why(database: Database) -> None:
    assert recorded(database, FIRST, occasion("import", at="2026-11-20T09:30:00", actor="eddie")) == 1
    with database.read() as session:
        revision = session.get_one(Revision, 1)
        assert (revision.actor, revision.kind, revision.reason, revision.parent_id) == ("eddie", "import", "for a test", None)
        assert revision.at.isoformat() == "2026-11-20T09:30:00+00:00"


def test_recording_the_same_again_makes_no_revision(database: Database) -> None:
    assert [recorded(database, FIRST), recorded(database, FIRST), recorded(database, Changes())] == [1, 1, 1]


def test_a_fact_named_twice_is_recorded_once(database: Database) -> None:
    recorded(database, Changes(items=(GPU, GPU), prices=FIRST.prices * 2, rates=FIRST.rates * 2))
    assert len(held(database, prices_at, 1)) == len(held(database, rates_at, 1)) == 1


def test_facts_come_back_as_they_were_recorded(database: Database) -> None:
    facts = Changes(
        items=(GPU, item("drive", "disk", notes="with a note", medium="hdd", interface="sata", read_mb_s=285.5)),
        prices=(price("disk", "669.99", currency="GBP", region="UK", tax_included=True, shop="Shop", url="https://shop.example/1"),),
        rates=(rate("GBP", "0.8338"), rate("IDR", "17000")),
    )
    recorded(database, facts)
    assert set(held(database, items_at, 1)) == set(facts.items)
    assert held(database, prices_at, 1) == list(facts.prices)
    assert held(database, rates_at, 1) == list(facts.rates)


def test_an_edit_keeps_what_was_there_before(database: Database) -> None:
    recorded(database, FIRST)
    assert recorded(database, Changes(items=(item("gpu", "rtx-3090", name="GeForce RTX 3090"),))) == 2
    assert [i.name for i in held(database, items_at, 1)] == ["RTX-3090"]
    assert [i.name for i in held(database, items_at, 2)] == ["GeForce RTX 3090"]


def test_a_retired_item_leaves_the_catalogue_and_stays_in_the_history(database: Database) -> None:
    recorded(database, FIRST)
    recorded(database, Changes(items=(item("gpu", "rtx-3090", status="retired"),)))
    assert "rtx-3090" in held(database, snapshot_at, 1).catalogue.gpus
    now = held(database, snapshot_at, 2)
    assert "rtx-3090" not in now.catalogue.gpus
    assert now.items["rtx-3090"].status == "retired"


def test_a_withdrawn_price_counts_no_longer_but_did_then(database: Database) -> None:
    wrong = price("rtx-3090", "9.00", "2026-11-10")
    recorded(database, FIRST)
    recorded(database, Changes(prices=(wrong,)))
    assert recorded(database, Changes(withdrawn_prices=(wrong,)), occasion("rollback")) == 3
    assert [held(database, snapshot_at, n).prices["rtx-3090"][0].money.minor for n in (1, 2, 3)] == [90000, 900, 90000]


def test_a_withdrawn_price_can_be_recorded_anew_and_withdrawn_again(database: Database) -> None:
    recorded(database, FIRST)
    again = Changes(prices=FIRST.prices)
    gone = Changes(withdrawn_prices=FIRST.prices)
    assert [recorded(database, changes) for changes in (gone, gone, again, again, gone)] == [2, 2, 3, 3, 4]
    assert held(database, prices_at, 4) == []
    assert check(database) == ()


def test_a_withdrawn_item_is_gone_until_it_is_recorded_anew(database: Database) -> None:
    recorded(database, FIRST)
    recorded(database, Changes(withdrawn_items=("rtx-3090",), withdrawn_prices=FIRST.prices), occasion("rollback"))
    recorded(database, FIRST)
    assert [[found.id for found in held(database, items_at, n)] for n in (1, 2, 3)] == [["rtx-3090"], [], ["rtx-3090"]]
    assert check(database) == ()


def test_an_item_with_prices_or_offers_cannot_be_withdrawn(sqlite_database: Database) -> None:
    offer = item("cloud", "offer", gpu="rtx-3090")
    recorded(sqlite_database, Changes(items=(*FIRST.items, offer), prices=FIRST.prices))
    for changes, path in (
        (Changes(withdrawn_items=("rtx-3090", "offer")), "rtx-3090"),
        (Changes(withdrawn_items=("rtx-3090",), withdrawn_prices=FIRST.prices), "offer"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            recorded(sqlite_database, changes)
        assert [error.path for error in refusal.value.errors] == [path]


def test_a_withdrawn_rate_gives_way_to_the_one_before(database: Database) -> None:
    wrong = rate("USD", "11.1", "2026-11-19")
    recorded(database, FIRST)
    recorded(database, Changes(rates=(wrong,)))
    recorded(database, Changes(withdrawn_rates=(wrong,)))
    assert [str(held(database, snapshot_at, n).catalogue.rates.rate("USD")) for n in (1, 2, 3)] == ["1.1", "11.1", "1.1"]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        (Changes(prices=(price("nothing", "5"),)), "nothing"),
        (Changes(items=(item("platform", "box", included_gpu="nothing", included_gpu_quantity=1),)), "box"),
        (Changes(items=(item("cloud", "offer", gpu="nothing"),)), "offer"),
        (Changes(items=(item("ram", "rtx-3090"),)), "rtx-3090"),
    ],
)
def test_what_refers_to_nothing_is_refused_and_nothing_is_recorded(sqlite_database: Database, changes: Changes, path: str) -> None:
    recorded(sqlite_database, FIRST)
    mixed = Changes(items=(*changes.items, item("gpu", "innocent")), prices=changes.prices)
    with pytest.raises(InvalidInput) as refused:
        recorded(sqlite_database, mixed)
    assert refused.value.errors[0].path == path
    assert held(sqlite_database, lambda session, _: current_revision(session), 0) == 1
    assert [i.id for i in held(sqlite_database, items_at, 9)] == ["rtx-3090"]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}"])
def test_recorded_rows_can_neither_be_changed_nor_removed(database: Database, table: str, statement: str) -> None:
    recorded(database, FIRST)
    recorded(database, Changes(withdrawn_prices=FIRST.prices, withdrawn_items=("rtx-3090",)))
    column = "item_id = item_id" if table in {"item_version", "item_withdrawal"} else "id = id"
    with pytest.raises(DBAPIError, match="kept as they are"), database.write() as session:
        session.execute(text(statement.format(table).replace("id = id", column)))


def test_the_chain_holds_after_many_kinds_of_changes(database: Database) -> None:
    seed(database)
    recorded(database, Changes(items=(item("gpu", "new-card"),), prices=(price("new-card", "1"),)))
    recorded(database, Changes(withdrawn_prices=(price("new-card", "1"),)))
    assert check(database) == ()


@pytest.mark.parametrize(
    ("forgery", "first_broken"),
    [
        ("UPDATE price SET amount_minor = 1 WHERE revision_id = 2", 2),
        ("UPDATE item_version SET notes = 'better' WHERE revision_id = 1", 1),
        ("UPDATE exchange_rate SET per_euro = '2'", 1),
        ("UPDATE revision SET reason = 'another' WHERE id = 2", 2),
        ("UPDATE revision SET actor = 'nobody' WHERE id = 3", 3),
        ("DELETE FROM price WHERE revision_id = 2", 2),
        ("UPDATE price SET revision_id = 3 WHERE revision_id = 2", 2),
        ("UPDATE item SET slug = 'rtx-9999'", 1),
    ],
)
def test_whoever_changes_the_history_breaks_the_chain(sqlite_database: Database, forgery: str, first_broken: int) -> None:
    recorded(sqlite_database, FIRST)
    recorded(sqlite_database, Changes(prices=(price("rtx-3090", "800", "2026-11-12"),)))
    recorded(sqlite_database, Changes(prices=(price("rtx-3090", "700", "2026-11-13"),)))
    _forge(sqlite_database.url, forgery)
    assert f"revision {first_broken} " in check(sqlite_database)[0]


def test_a_removed_revision_is_noticed(sqlite_database: Database) -> None:
    for amount in ("900", "800", "700"):
        recorded(sqlite_database, Changes(items=FIRST.items, prices=(price("rtx-3090", amount, f"2026-11-0{amount[0]}"),)))
    _forge(sqlite_database.url, "DELETE FROM price WHERE revision_id = 2", "DELETE FROM revision WHERE id = 2")
    assert check(sqlite_database)[:2] == (
        "revision 2 is missing: the next one is 3",
        "revision 3 does not follow the revision before it",
    )


def _forge(url: str, *statements: str) -> None:
    """What somebody with the file in hand can do."""
    engine = writing_engine(url, foreign_keys=False)
    with engine.begin() as connection:
        for (trigger,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").all():
            connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def test_seeding_twice_gives_the_same_revision(database: Database) -> None:
    assert [seed(database), seed(database)] == [1, 1]


def test_a_seeded_catalogue_is_the_one_that_the_tables_describe(database: Database) -> None:
    seed(database)
    facts = read_seed()
    assert {i.id: i for i in held(database, items_at, 1)} == {i.id: i for i in facts.items}
    assert set(held(database, prices_at, 1)) == set(facts.prices)
    assert set(held(database, rates_at, 1)) == set(facts.rates)


def test_seeding_does_not_overrule_a_person(sqlite_database: Database) -> None:
    seed(sqlite_database)
    facts = read_seed()
    card = next(i for i in facts.items if i.id == "rtx-3090")
    withdrawn = next(p for p in facts.prices if p.item == "rtx-3090" and p.condition == "used")
    edited: ItemFact = card.model_copy(update={"notes": "checked by hand"})
    dropped: RateFact = facts.rates[-1]
    assert recorded(sqlite_database, Changes(items=(edited,), withdrawn_prices=(withdrawn,), withdrawn_rates=(dropped,))) == 2
    assert seed(sqlite_database) == 2
    prices: list[PriceFact] = held(sqlite_database, prices_at, 2)
    assert withdrawn not in prices
    assert edited in held(sqlite_database, items_at, 2)

"""Seeded databases for the benchmarks: SQLite and PostgreSQL, with the catalogue as it is or many times over."""

import os
import random
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path

from app.catalogue.facts import Changes, ItemFact, PriceFact
from app.catalogue.revisions import Occasion, record
from app.catalogue.seed import read_seed, seed
from app.clock import now
from app.database import Database
from app.migrate import migrate

POSTGRES = Path(__file__).resolve().parent.parent / "scripts" / "postgres.sh"


@contextmanager
def sqlite(times: int = 1) -> Iterator[str]:
    """The address of a seeded SQLite database, its catalogue `times` times over."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/bench.sqlite"
        _fill(url, times)
        yield url


@contextmanager
def postgres(port: int, times: int = 1) -> Iterator[str]:
    """The same on a throw-away PostgreSQL server."""
    folder = tempfile.mkdtemp(prefix="rigwise-bench-")
    subprocess.run([POSTGRES, "start", folder, str(port)], check=True, capture_output=True)
    try:
        url = f"postgresql+psycopg://app@127.0.0.1:{port}/app"
        _fill(url, times)
        yield url
    finally:
        subprocess.run([POSTGRES, "stop", folder], check=True, capture_output=True)
        subprocess.run(["rm", "-rf", folder], check=True)  # noqa: S607  (its owner is another user)


def environment(url: str) -> dict[str, str]:
    """The settings of a server on this database."""
    return {**os.environ, "RIGWISE_DATABASE_URL": url}


def _fill(url: str, times: int) -> None:
    migrate(url)
    with closing(Database(url)) as database:
        seed(database)
        if times > 1:
            occasion = Occasion(at=now(), actor="benchmark", kind="import", reason="a larger catalogue")
            with database.write() as session:
                record(session, _copies(times - 1), occasion)


def _copies(number: int) -> Changes:
    """Every item under new names, each copy's prices moved by up to a quarter, so that copies compete."""
    facts, chance = read_seed(), random.Random(1)
    return Changes(
        items=tuple(_copy(item, copy) for copy in range(number) for item in facts.items),
        prices=tuple(_moved(price, copy, chance) for copy in range(number) for price in facts.prices),
    )


def _copy(item: ItemFact, copy: int) -> ItemFact:
    return item.model_copy(update={"id": f"{item.id}-copy-{copy}", "name": f"{item.name} (copy {copy})"})


def _moved(price: PriceFact, copy: int, chance: random.Random) -> PriceFact:
    moved = (price.amount * Decimal(chance.uniform(0.75, 1.25))).quantize(Decimal(1)) + 1
    return price.model_copy(update={"item": f"{price.item}-copy-{copy}", "amount": moved})

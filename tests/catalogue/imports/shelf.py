"""A small catalogue to import into, and the import of a text into it."""

import io
from datetime import UTC, date, datetime
from typing import Any

from app.catalogue.export import export_json
from app.catalogue.facts import AliasFact, Changes
from app.catalogue.imports.apply import Imported, import_file, judge_file
from app.catalogue.imports.judge import Judgement
from app.catalogue.imports.profiles import Profile
from app.catalogue.revisions import Occasion
from app.database import Database
from tests.catalogue.builders import item, price, rate

TODAY = date(2026, 11, 21)
CATALOGUE = Changes(
    items=(
        item("gpu", "rtx-3060-12gb", name="GeForce RTX 3060 12GB", memory_gb=12, visible_mib=12000),
        item("gpu", "rtx-3090", name="GeForce RTX 3090"),
        item("gpu", "a100-pcie", name="A100 PCIe 80GB", memory_gb=80, visible_mib=80000),
        item("gpu", "a100-sxm", name="A100 SXM4 80GB", memory_gb=80, visible_mib=80000),
        item("gpu", "h100", name="H100 80GB", memory_gb=80, visible_mib=80000),
        item("drive", "samsung-990-pro-2tb", name="Samsung 990 Pro 2TB", capacity_gb=2000),
        item("drive", "samsung-990-pro-4tb", name="Samsung 990 Pro 4TB", capacity_gb=4000),
        item("ram", "kit", name="Corsair Vengeance 32GB DDR5-6000 C30"),
    ),
    prices=(
        price("rtx-3090", "900.00", "2026-11-01"),
        price("rtx-3060-12gb", "300.00", "2026-11-01"),
        price("samsung-990-pro-2tb", "180.00", "2026-11-01"),
        price("kit", "360.00", "2026-11-01"),
    ),
    rates=(rate("USD", "1.1"), rate("GBP", "0.85")),
    aliases=(AliasFact(name="Ampere flagship", item="rtx-3090", source="a test"),),
)
PRICES = Profile(
    source="supplier", format="prices", columns={"item": "Artikel", "amount": "Preis"}, constants={"currency": "USD"}, observed_on=TODAY
)


def judged(database: Database, text: str | bytes, profile: Profile = PRICES, **options: Any) -> list[Judgement]:
    """The verdict on every row."""
    verdicts: list[Judgement] = []
    data = text if isinstance(text, bytes) else text.encode()
    judge_file(database, io.BytesIO(data), profile, today=TODAY, watch=verdicts.append, **options)
    return verdicts


def imported(database: Database, text: str | bytes, profile: Profile = PRICES, **options: Any) -> Imported:
    """What comes of importing the text."""
    data = text if isinstance(text, bytes) else text.encode()
    return import_file(database, io.BytesIO(data), profile, moment(), **options)


def moment() -> Occasion:
    """Somebody imports a file."""
    return Occasion(at=datetime(2026, 11, 21, 9, tzinfo=UTC), actor="eddie", kind="import", reason="weekly", batch="list.csv")


def exported(database: Database) -> str:
    """The whole catalogue as it would be exported."""
    text = io.StringIO()
    with database.read() as session:
        export_json(session, text)
    return text.getvalue()

"""The hddhunt price index (github.com/AdamDudley/hddhunt-price-index, CC BY 4.0): new internal 3.5-inch SATA disks at Amazon.com,
for each capacity the cheapest listing and the median of all.

An index tells of a class, not of a product: it becomes two items of status "market" for each capacity.
"""

from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from pydantic import ValidationError

from app.catalogue.facts import ItemFact
from app.catalogue.imports.formats.format import Format
from app.catalogue.imports.formats.values import number, required
from app.catalogue.imports.profiles import Profile
from app.catalogue.imports.rows import Cells, as_text
from app.catalogue.imports.statements import Naming, RowProblem, Statement, reason_of

SOURCE = "HDDHunt price index (hddhunt.com, Amazon.com US, CC BY 4.0)"
_CENT = Decimal("0.01")


def _tier(cells: Cells, profile: Profile) -> Iterator[Statement]:
    """One row of the CSV file."""
    day, tier = as_text(cells["snapshot_date"]), required(cells, "capacity_tb")
    yield _cheapest(tier, required(cells, "price_usd"), day, as_text(cells["drive"]), profile)
    yield from _median(tier, number(cells, "median_usd_per_tb"), as_text(cells["median_sample_n"]), day, profile)


def _record(cells: Cells, profile: Profile) -> Iterator[Statement]:
    """One record of the JSON file; its day is that on which the listing was last seen."""
    pick, tier = cells["pick"] or {}, required(cells, "tier")
    day = as_text(pick.get("last_updated"))[:10]
    yield _cheapest(tier, required(pick, "price"), day, as_text(pick.get("name")), profile)
    yield from _median(tier, number(cells, "tier_median_price_per_tb"), as_text(cells["tier_median_sample_n"]), day, profile)


def _day_of_series(cells: Cells, profile: Profile) -> Iterator[Statement]:
    """One line of the time series: the cheapest price per terabyte of every capacity."""
    tiers = cells["per_tier"]
    if not isinstance(tiers, dict):
        raise RowProblem("per_tier is not an object of capacities")
    for tier in tiers:
        per_tb = required(tiers, tier)
        note = f"{per_tb} per TB times {tier} TB"
        fields = {"amount": per_tb * Decimal(tier), "observed_on": as_text(cells["date"]), "kind": "derived", "note": note}
        yield _statement(Decimal(tier), "cheapest", fields, profile)


def _cheapest(tier: Decimal, amount: Decimal, day: str, listing: str, profile: Profile) -> Statement:
    fields = {"amount": amount, "observed_on": day, "kind": "retail", "note": f"listing: {listing}"}
    return _statement(tier, "cheapest", fields, profile)


def _median(tier: Decimal, per_tb: Decimal | None, sample: str, day: str, profile: Profile) -> Iterator[Statement]:
    if per_tb is not None:
        note = f"median of {sample} listings: {per_tb} per TB times {tier} TB"
        fields = {"amount": per_tb * tier, "observed_on": day, "kind": "retail", "note": note}
        yield _statement(tier, "median", fields, profile)


def _statement(tier: Decimal, which: str, fields: dict[str, Any], profile: Profile) -> Statement:
    name = f"New internal 3.5in SATA HDD {tier}TB ({which} listing)"
    item = f"class-hdd-sata-{tier}tb" + ("" if which == "median" else f"-{which}")
    price = {
        **fields, "amount": fields["amount"].quantize(_CENT, rounding=ROUND_HALF_EVEN), "note": fields["note"][:600],
        "currency": "USD", "condition": "new", "region": "US", "tax_included": False, "shop": "Amazon.com",
        "source": profile.source, **profile.constants,
    }  # fmt: skip
    made = _class(tier, item, name, fields["observed_on"], profile)
    return Statement(label=name, naming=Naming(kind="drive", names=(item,), by_id=True), item=made, price=price)


def _class(tier: Decimal, id_: str, name: str, day: str, profile: Profile) -> ItemFact:
    try:
        return ItemFact.read("drive", {
            "id": id_, "name": name, "status": "market", "medium": "hdd", "grade": "consumer", "capacity_gb": int(tier * 1000),
            "interface": "sata", "source": profile.source, "as_of": day, "confidence": "medium",
            "notes": "a price index of every grade, not a product",
        })  # fmt: skip
    except ValidationError as error:
        raise RowProblem(reason_of(error)) from None


def _format(name: str, title: str, columns: set[str], read: Callable[[Cells, Profile], Iterator[Statement]]) -> Format:
    return Format(name=name, title=f"HDDHunt, {title}", columns=frozenset(columns), read=read, source=SOURCE)


FORMATS = (
    _format("hddhunt", "price index as CSV", {"capacity_tb", "price_usd", "snapshot_date"}, _tier),
    _format("hddhunt-json", "price index as JSON", {"tier", "pick"}, _record),
    _format("hddhunt-series", "time series as JSON Lines", {"date", "per_tier"}, _day_of_series),
)

"""Rigwise's own tables, as `rigwise export` writes them and as `seed_data/` has them: one row per fact, every field by its name."""

from collections.abc import Callable, Iterator
from functools import partial

from pydantic import ValidationError

from app.catalogue.export import RECORD, TABLES, plain_cell
from app.catalogue.facts import AliasFact, ItemFact, PriceFact, RateFact
from app.catalogue.imports.formats.format import Format
from app.catalogue.imports.profiles import Profile
from app.catalogue.imports.rows import Cells
from app.catalogue.imports.statements import Naming, RowProblem, Statement, reason_of
from app.hardware import PartKind

_MARKS: dict[PartKind, str] = {
    "gpu": "visible_mib", "ram": "module_gb", "drive": "medium", "platform": "platform_class", "cloud": "provisioning",
}  # fmt: skip


def _item(kind: PartKind, cells: Cells, profile: Profile) -> Iterator[Statement]:
    item = ItemFact.read(kind, _fields(kind, cells))
    yield Statement(label=item.name, item=item, replaces=True)


def _price(cells: Cells, profile: Profile) -> Iterator[Statement]:
    fields = _fields("price", cells)
    name = str(fields.pop("item", ""))
    PriceFact.model_validate({**fields, "item": name})
    yield Statement(label=name, naming=Naming(kind=None, names=(name,), by_id=True), price=fields, no_item_because="add the item first")


def _rate(cells: Cells, profile: Profile) -> Iterator[Statement]:
    rate = RateFact.model_validate(_fields("rate", cells))
    yield Statement(label=f"{rate.currency} on {rate.as_of}", rates=(rate,))


def _alias(cells: Cells, profile: Profile) -> Iterator[Statement]:
    alias = AliasFact.model_validate(_fields("alias", cells))
    yield Statement(label=alias.name, alias=alias)


def _fields(table: str, cells: Cells) -> dict[str, object]:
    """The cells of a row, without the columns that only other kinds of rows have."""
    known = TABLES[table]
    return {
        name: plain_cell(value) if isinstance(value, str) else value
        for name, value in cells.items()
        if name != RECORD and (name in known or value not in ("", None))
    }


_READERS: dict[str, Callable[[Cells, Profile], Iterator[Statement]]] = {
    **{kind: partial(_item, kind) for kind in _MARKS},
    "price": _price,
    "rate": _rate,
    "alias": _alias,
}


def _checked(read: Callable[[Cells, Profile], Iterator[Statement]], cells: Cells, profile: Profile) -> Iterator[Statement]:
    try:
        yield from read(cells, profile)
    except ValidationError as error:
        raise RowProblem(reason_of(error)) from None


def _any(cells: Cells, profile: Profile) -> Iterator[Statement]:
    record = str(cells[RECORD])
    if record not in _READERS:
        raise RowProblem(f"{RECORD} is '{record[:40]}'; it must be one of {', '.join(_READERS)}")
    yield from _checked(_READERS[record], cells, profile)


FORMATS = (
    Format(name="rigwise", title="Rigwise, the whole catalogue", columns=frozenset({RECORD}), read=_any),
    *(
        Format(
            name=f"rigwise-{kind}",
            title=f"Rigwise, table of {kind} items",
            columns=frozenset({"id", "name", "as_of", mark}),
            read=partial(_checked, _READERS[kind]),
        )
        for kind, mark in _MARKS.items()
    ),
    Format(
        name="rigwise-price",
        title="Rigwise, table of prices",
        columns=frozenset({"item", "amount", "currency", "observed_on", "source", "kind"}),
        read=partial(_checked, _price),
    ),
    Format(
        name="rigwise-rate",
        title="Rigwise, table of exchange rates",
        columns=frozenset({"currency", "per_euro", "as_of"}),
        read=partial(_checked, _rate),
    ),
    Format(
        name="rigwise-alias",
        title="Rigwise, table of other names",
        columns=frozenset({"name", "item", "source"}),
        read=partial(_checked, _alias),
    ),
)

"""The catalogue as files that a spreadsheet opens, and that `rigwise import` reads back without finding anything new.

Facts stand in an order of their own, not in that of recording: what an undone import put in and took out leaves no trace in the bytes.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO, cast

from pydantic import BaseModel
from sqlalchemy.orm import Session

from app.catalogue.facts import AliasFact, ItemFact, PriceFact, RateFact
from app.catalogue.history import aliases_at, current_revision, items_at, prices_at, rates_at
from app.catalogue.specs import SPECS
from app.errors import InvalidInput
from app.hardware import PartKind

RECORD = "record"
"""The column that says which table a row of the whole catalogue belongs to."""


def _item_columns(kind: PartKind) -> tuple[str, ...]:
    first = ("id", "name", "vendor", "status")
    return (*first, *SPECS[kind].model_fields, "source", "as_of", "confidence", "notes")


TABLES: dict[str, tuple[str, ...]] = {
    "rate": tuple(RateFact.model_fields),
    **{kind: _item_columns(kind) for kind in SPECS},
    "alias": tuple(AliasFact.model_fields),
    "price": tuple(PriceFact.model_fields),
}
"""The columns of every table, by the name that its rows have under "record"; what a row needs stands before it."""

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
Record = dict[str, Any]


def export_csv(session: Session, file: TextIO, table: str | None = None) -> None:
    """Writes one table, or the whole catalogue with a column `record`. A cell that a spreadsheet would run as a formula gets a quote."""
    columns = (RECORD, *dict.fromkeys(name for names in TABLES.values() for name in names)) if table is None else TABLES[_known(table)]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    for record in records(session, table):
        writer.writerow(safe_cell(_as_cell(record.get(name))) for name in columns)


def export_json(session: Session, file: TextIO, table: str | None = None) -> None:
    """Writes one table, or the whole catalogue, as an array of objects, one to a line."""
    separator = "[\n"
    for record in records(session, table and _known(table)):
        file.write(separator + json.dumps(record, ensure_ascii=False))
        separator = ",\n"
    file.write("[]\n" if separator == "[\n" else "\n]\n")


def records(session: Session, table: str | None = None) -> Iterator[Record]:
    """Every fact that stands at the current revision, as a row; of one table or, with `record`, of all."""
    revision = current_revision(session)
    for name in TABLES if table is None else (table,):
        for fields in _facts_of(session, revision, name):
            yield {RECORD: name, **fields} if table is None else fields


def safe_cell(text: str) -> str:
    """The text, with a quote before it where a spreadsheet would run it as a formula (OWASP, "CSV injection")."""
    return f"'{text}" if _FORMULA.match(text) else text


def plain_cell(text: str) -> str:
    """The text that `safe_cell` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _known(table: str) -> str:
    if table not in TABLES:
        raise InvalidInput(f"there is no table '{table[:40]}'; there are {', '.join(TABLES)}", "table")
    return table


def _facts_of(session: Session, revision: int, table: str) -> Iterator[Record]:
    if table == "price":
        yield from _sorted(prices_at(session, revision))
    elif table == "rate":
        yield from _sorted(rates_at(session, revision))
    elif table == "alias":
        yield from _sorted(alias for alias in aliases_at(session, revision) if alias.item)
    else:
        items = sorted(items_at(session, revision, cast("PartKind", table)), key=lambda item: item.id)
        yield from (item_record(item) for item in items)


def item_record(item: ItemFact) -> Record:
    """One item as a flat row, its specification among the other fields."""
    fields = item.model_dump(mode="json", exclude={"kind", "spec"}) | item.spec.model_dump(mode="json")
    return {name: fields[name] for name in TABLES[item.kind]}


def _sorted(facts: Iterable[BaseModel]) -> list[Record]:
    return sorted((fact.model_dump(mode="json") for fact in facts), key=_order)


def _order(record: Mapping[str, Any]) -> list[str]:
    return [str(value) for value in record.values()]


def _as_cell(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)

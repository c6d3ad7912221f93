"""A shared result as rows of a table: what its CSV files hold."""

from typing import Any

from app.results.permalinks import StoredResult
from app.web.contexts.values import Document

BILL_COLUMNS = (
    "role", "machine", "part", "name", "quantity", "unit_price", "currency", "condition", "owned", "observed_on", "age_days", "source",
)  # fmt: skip
MATHS_COLUMNS = ("ledger", "key", "label", "bytes", "formula", "source")
_LEDGERS = ("gpu_memory", "host_memory", "storage")


def bill_rows(stored: StoredResult) -> list[dict[str, Any]]:
    """A row for each line of each pick's bill; ages are those of the day on which it was shared."""
    return [_line(pick, line) for pick in stored.advice["picks"] for line in pick["machine"]["price"]["lines"]]


def maths_rows(stored: StoredResult) -> list[dict[str, Any]]:
    """A row for each term of each ledger."""
    estimate = stored.advice["estimate"]
    ledgers = [(name, estimate[name]) for name in _LEDGERS if estimate[name]]
    return [{"ledger": name, **term} for name, ledger in ledgers for term in ledger["terms"]]


def _line(pick: Document, line: Document) -> dict[str, Any]:
    part, price = line["part"], line["unit_price"]
    told = {"part": part["id"], "name": part["name"], "unit_price": price["amount"], "currency": price["currency"]}
    return {"owned": False, **line, **told, "role": pick["role"], "machine": pick["machine"]["id"]}

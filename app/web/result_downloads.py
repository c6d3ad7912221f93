"""A shared result as rows of a table: what its CSV files hold."""

from typing import Any

from app.results.permalinks import StoredResult
from app.web.contexts.values import Document

BILL_COLUMNS = (
    "role", "machine", "part", "name", "quantity", "unit_price", "currency", "condition", "owned", "observed_on", "age_days", "source",
)  # fmt: skip
MATHS_COLUMNS = ("ledger", "key", "label", "bytes", "formula", "source")
JOINT_MATHS_COLUMNS = ("job", *MATHS_COLUMNS)
_LEDGERS = ("gpu_memory", "host_memory", "storage")


def bill_rows(stored: StoredResult) -> list[dict[str, Any]]:
    """A row for each line of each pick's bill; ages are those of the day on which it was shared."""
    return [_line(pick, line) for pick in stored.advice["picks"] for line in pick["machine"]["price"]["lines"]]


def maths_rows(stored: StoredResult) -> list[dict[str, Any]]:
    """A row for each term of each ledger; of several jobs with the number of the job."""
    if "estimates" not in stored.advice:
        return _terms(stored.advice["estimate"])
    return [{"job": number, **row} for number, estimate in enumerate(stored.advice["estimates"], start=1) for row in _terms(estimate)]


def maths_columns(stored: StoredResult) -> tuple[str, ...]:
    """The columns of these rows."""
    return JOINT_MATHS_COLUMNS if "estimates" in stored.advice else MATHS_COLUMNS


def _terms(estimate: Document) -> list[dict[str, Any]]:
    ledgers = [(name, estimate[name]) for name in _LEDGERS if estimate[name]]
    return [{"ledger": name, **term} for name, ledger in ledgers for term in ledger["terms"]]


def _line(pick: Document, line: Document) -> dict[str, Any]:
    part, price = line["part"], line["unit_price"]
    told = {"part": part["id"], "name": part["name"], "unit_price": price["amount"], "currency": price["currency"]}
    return {"owned": False, **line, **told, "role": pick["role"], "machine": pick["machine"]["id"]}

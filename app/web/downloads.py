"""The figures of a page as a file: CSV that a spreadsheet opens without running anything, and JSON."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.responses import JSONResponse, Response

from app.catalogue.export import safe_cell


def csv_download(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], name: str) -> Response:
    """Rows as a file of that name, one column for each key; a key that a row lacks is an empty cell."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return download(text.getvalue(), "text/csv; charset=utf-8", f"{name}.csv")


def json_download(document: Any) -> Response:
    """A document to read or to keep."""
    return JSONResponse(document)


def download(text: str, media_type: str, name: str) -> Response:
    """A text as a file; `name` has letters, digits, dots and dashes only."""
    return Response(text, media_type=media_type, headers={"Content-Disposition": f'inline; filename="{name}"'})


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return safe_cell(text) if isinstance(value, str) else text

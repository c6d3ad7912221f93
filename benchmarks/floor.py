"""The floor that pages are measured against: a bare FastAPI and Jinja page of as many bytes as asked for, and nothing else."""

import os

from fastapi import FastAPI, Response
from jinja2 import Environment

ROW = "<tr><td>{{ row.name }}</td><td>{{ row.amount }}</td><td>{{ row.note }}</td></tr>\n"
ROW_BYTES = 73

app = FastAPI()
_page = Environment(autoescape=True).from_string(
    "<!doctype html><title>Floor</title><table>{% for row in rows %}" + ROW + "{% endfor %}</table>"
)  # fmt: skip
_rows = [{"name": f"row {i:05d}", "amount": f"{i:09d}", "note": "a cell"} for i in range(int(os.environ["FLOOR_BYTES"]) // ROW_BYTES)]


@app.get("/")
def page() -> Response:
    """The page."""
    return Response(_page.render(rows=_rows), media_type="text/html")


@app.get("/readyz")
def ready() -> dict[str, str]:
    """Ready."""
    return {"status": "ok"}

"""From text to rows: CSV with any common delimiter, JSON, JSON Lines, or the XML of the European Central Bank."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, TextIO, cast
from xml.etree import ElementTree

import ijson

from app.catalogue.imports.files import chunks, lines, start_of
from app.errors import InvalidInput

Cells = Mapping[str, Any]
"""What a row says under each column: texts in CSV; numbers, lists and nested objects too in JSON."""

DELIMITERS = ",;\t|"
DEEPEST = 16  # levels of JSON
LONGEST_CELL = 10_000  # characters
MOST_COLUMNS = 200
_SURPLUS = "\0surplus"  # cells beyond the header; a name that no file can have


@dataclass(frozen=True, slots=True)
class Row:
    """One row and where it stands: the line of a CSV file (where the row begins), else the number of the record."""

    line: int
    cells: Cells


def rows(text: TextIO) -> Iterator[Row]:
    """The rows of a table, one by one. Raises InvalidInput where the file as a whole cannot be read."""
    start = start_of(text)
    match start[-1:]:
        case "":
            raise InvalidInput("the file is empty")
        case "[":
            return _json_array(chunks(text, start))
        case "{":
            return _json_lines(lines(text, start))
        case "<":
            return _xml(lines(text, start))
    return _csv(lines(text, start.lstrip()))


def _csv(text: Iterator[str]) -> Iterator[Row]:
    header = next(text)
    reader = csv.reader(chain((header,), text), delimiter=max(DELIMITERS, key=header.count), strict=True)
    begins = 0
    try:
        columns = _columns(next(reader))
        begins = reader.line_num + 1
        for cells in reader:
            if any(cells):
                yield Row(begins, _cells(columns, cells))
            begins = reader.line_num + 1
    except csv.Error as error:
        raise InvalidInput(f"the row that begins in line {max(begins, 1)} cannot be read: {_plainly(str(error))}") from None


def _columns(header: list[str]) -> list[str]:
    columns = [name.strip() for name in header]
    named = [name for name in columns if name]
    if len(columns) > MOST_COLUMNS:
        raise InvalidInput(f"the file has {len(columns)} columns; {MOST_COLUMNS} are the most")
    if repeated := sorted({name for name in named if named.count(name) > 1}):
        raise InvalidInput(f"the column '{repeated[0][:60]}' is there twice; rename or remove one of them")
    return columns


def _cells(columns: list[str], cells: list[str]) -> dict[str, Any]:
    """Each cell under its column. More cells than columns mean that a value has an unquoted delimiter: the row cannot be trusted."""
    named = {name: cell for name, cell in zip(columns, cells, strict=False) if name}
    return named | {_SURPLUS: len(cells)} if any(cells[len(columns) :]) else named


def _plainly(error: str) -> str:
    if "unexpected end" in error:
        return "a quotation mark is opened and never closed"
    if "expected after" in error:
        return "there is text after a closing quotation mark; quotation marks inside a cell are doubled"
    if "field limit" in error:
        return "a cell is too long"
    return error


def _json_array(text: Iterator[bytes]) -> Iterator[Row]:
    try:
        for number, record in enumerate(ijson.items(ijson.parse(_shallow(_Stream(text))), "item"), start=1):
            yield Row(number, _object(record, number))
    except ijson.JSONError as error:
        raise InvalidInput(f"this is not valid JSON: {str(error).splitlines()[0][:200]}") from None


def _json_lines(text: Iterator[str]) -> Iterator[Row]:
    for number, line in enumerate(text, start=1):
        if line.strip():
            try:
                record = next(ijson.items(ijson.parse(_shallow(_Stream(iter((line.encode(),))))), ""))
            except (ijson.JSONError, StopIteration):
                raise InvalidInput(f"line {number} is not one JSON object; a JSON file is an array, or one object in each line") from None
            yield Row(number, _object(record, number))


def _object(record: object, number: int) -> Cells:
    if not isinstance(record, dict):
        raise InvalidInput(f"record {number} is not an object with named fields")
    return record


def _shallow(stream: "_Stream") -> Iterator[tuple[str, Any]]:
    """The events of the parser. Raises InvalidInput before nesting so deep that building the objects would exhaust the stack."""
    depth = 0
    for event, value in ijson.basic_parse(stream):
        depth += event.startswith("start") - event.startswith("end_")
        if depth > DEEPEST:
            raise InvalidInput(f"this JSON nests deeper than {DEEPEST} levels; a table is a list of flat records")
        yield event, value


class _Stream:
    """Pieces of text as the stream that the JSON parser reads."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, size: int = -1) -> bytes:
        """The next piece, however long it is; empty at the end, or where nothing is asked for."""
        return b"" if size == 0 else next(self._pieces, b"")


def _xml(text: Iterator[str]) -> Iterator[Row]:
    """One row for each element that has a `time`, with what its children say of each currency (eurofxref-*.xml)."""
    parser: ElementTree.XMLPullParser[Any] = ElementTree.XMLPullParser(("end",))
    number = 0
    try:
        for line in text:
            if "<!DOCTYPE" in line or "<!ENTITY" in line:
                raise InvalidInput("XML with a DOCTYPE or entities is not accepted")
            parser.feed(line)
            for _, element in cast("Iterator[tuple[str, ElementTree.Element]]", parser.read_events()):
                if day := element.get("time"):
                    number += 1
                    yield Row(number, {"Date": day} | {str(child.get("currency")): child.get("rate") for child in element})
                    element.clear()
    except ElementTree.ParseError as error:
        raise InvalidInput(f"this is not valid XML: {error}") from None


def refusal_of(row: Row) -> str:
    """Why the row as a whole cannot be used; empty where it can."""
    if (found := row.cells.get(_SURPLUS)) is not None:
        return f"the row has {found} cells, the header {len(row.cells) - 1}; put a value that contains the delimiter in quotation marks"
    too_long = next((name for name, value in row.cells.items() if len(str(value)) > LONGEST_CELL), None)
    if too_long is not None:
        return f"the cell '{too_long[:60]}' has more than {LONGEST_CELL:,} characters"
    if any("\0" in value for value in row.cells.values() if isinstance(value, str)):
        return "a cell holds a NUL character"
    return ""


def as_text(value: object) -> str:
    """The value of a cell as CSV would have it: empty for nothing, lists joined by commas."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ",".join(as_text(part) for part in value)
    return json.dumps(value) if isinstance(value, bool | dict) else str(value).strip()

"""Frames of polars 2.1.0: reading, sorting, grouping, joining, filtering. Measured with two threads on seventeen tables."""

from dataclasses import replace

from app.estimation.classical.plan import Plan, Step, present, product
from app.estimation.classical.reading import CATEGORY_TEXT_CHARACTERS, STRING_CHARACTERS, columns_of, file_bytes
from app.estimation.classical.task import Task
from app.estimation.ledger import Term
from app.units import MB

SOURCE = "polars 2.1.0; measured on seventeen tables"
VIEW_BYTES = 16  # a string is a view: up to twelve characters lie in it, longer ones beside it
VIEW_CHARACTERS = 12
MOST_MAPPED_BYTES = 275 * MB  # pages of a CSV file that stay mapped while it is parsed; three files of 350 to 600 MB
DECODING_BYTES = 30 * MB  # threads, buffers of the parser or decoder
ROW_BYTES = 20  # row numbers, hashes or group numbers of a row
DEFAULT_SELECTED = 0.5


def read(task: Task) -> tuple[Step, Task]:
    """read_csv or read_parquet, or a frame that is in memory already."""
    frame = _frame(task)
    buffers = product("decoding", "Threads and buffers", SOURCE, bytes=DECODING_BYTES)
    mapped = min(file_bytes(task), MOST_MAPPED_BYTES) if task.workload.source_format == "csv" else 0
    pages = product("mapped_file", "Pages of the file, mapped; reclaimable", SOURCE, bytes=mapped)
    return Step(name="read", transient=present(pages), retained=(*frame, buffers)), task


def _frame(task: Task) -> tuple[Term, ...]:
    columns = columns_of(task)
    number = task.item_bytes if task.workload.column_types is None else 8
    text = VIEW_BYTES + (CATEGORY_TEXT_CHARACTERS if CATEGORY_TEXT_CHARACTERS > VIEW_CHARACTERS else 0)
    string = VIEW_BYTES + (STRING_CHARACTERS if STRING_CHARACTERS > VIEW_CHARACTERS else 0)
    return present(
        product("frame_numbers", "Frame: numbers", SOURCE, rows=task.rows, columns=columns.floats + columns.ints, bytes=number),
        product("frame_labels", "Frame: labels", SOURCE, rows=task.rows, columns=columns.labels, bytes=8),
        product("frame_categories", "Frame: text columns with few values", SOURCE, rows=task.rows, columns=columns.texts, bytes=text),
        product("frame_strings", "Frame: text columns", SOURCE, rows=task.rows, columns=columns.strings, bytes=string),
    )


def _keys(task: Task) -> Term:
    return product("row_numbers", "Row numbers, hashes, groups", SOURCE, rows=task.rows, bytes=ROW_BYTES)


def _plan(step: Step) -> Plan:
    return Plan(family="polars", steps=(step,))


def reading(task: Task) -> Plan:
    """Nothing after the data step."""
    del task
    return Plan(family="polars", steps=())


def sort(task: Task) -> Plan:
    """A sorted copy of all columns."""
    copy = product("sorted", "Sorted copy", SOURCE, rows=task.rows, columns=task.columns, bytes=task.item_bytes)
    return _plan(Step(name="sort", transient=(_keys(task),), retained=(copy,)))


def join(task: Task) -> Plan:
    """All columns of both sides are gathered anew: `right_rows` and `right_cols` describe the table on the right."""
    right_rows, right = task.count("right_rows", task.rows), task.count("right_cols", task.columns, "right_columns")
    other = product("right_table", "Table on the right", SOURCE, rows=right_rows, columns=right + 1, bytes=8)
    joined = product("joined", "Joined table", SOURCE, rows=task.rows, columns=task.columns + right + 1, bytes=8)
    return _plan(Step(name="join", transient=(_keys(task),), retained=(other, joined)))


def group(task: Task) -> Plan:
    """Groups and aggregates: `groups` of them."""
    groups = min(task.rows, task.count("groups", task.workload.cardinality))
    result = product("aggregates", "Result", SOURCE, groups=groups, columns=task.columns, bytes=8)
    return _plan(Step(name="group", transient=(_keys(task),), retained=(result,)))


def select_rows(task: Task) -> Plan:
    """A copy of the rows that pass; `selected` is their share."""
    passing = replace(task, rows=round(task.rows * min(1.0, task.number("selected", DEFAULT_SELECTED))))
    kept = product("selected", "Rows that pass", SOURCE, rows=passing.rows, columns=task.columns, bytes=task.item_bytes)
    return _plan(Step(name="filter", transient=(_keys(task),), retained=(kept,)))

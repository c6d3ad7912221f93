"""Reading files with pandas, and what a table, a text collection or a set of images takes once it is in memory.

All figures: pandas 3.1.1, pyarrow 26.0.1, numpy 2.4.6 on Linux; measured, one fresh process per case.
"""

from dataclasses import dataclass, replace

from app.estimation.classical.plan import Step, present, product, total
from app.estimation.classical.task import Task
from app.estimation.ledger import Term
from app.units import MB, MIB
from app.workloads.classical import ColumnTypes

TARGET_BYTES = 8  # int64 labels or float64 targets
CATEGORY_TEXT_CHARACTERS = 9  # a short name such as a city, where nothing is known of the strings
STRING_CHARACTERS = 16  # an identifier
ARROW_OFFSET_BYTES = 8  # large_string: one 64-bit offset per value
OBJECT_POINTER_BYTES = 8
PYTHON_STR_BYTES = 49  # sys.getsizeof("") in CPython 3.11
CHARACTERS_PER_WORD = 9.6  # with the space; prose in English has about 6
DOCUMENT_POINTER_BYTES = 8

# Characters of one value in a CSV file with its comma, and bytes in a Parquet file (snappy). Measured on random values.
CSV_BYTES = {"float": 19.6, "int": 6.9, "category_text": CATEGORY_TEXT_CHARACTERS + 3, "string": STRING_CHARACTERS + 3}
PARQUET_BYTES = {"float": 10.0, "int": 6.7, "category_text": 1.3, "string": 17.8}
CSV_TARGET_BYTES = 2
OTHER_FILE = 4  # a size stated that many times off is that of other data

# What stays with the process besides the data: modules loaded on first use, heap that temporaries left behind. Medians of 60 cases.
LEAST_SLACK_BYTES, MOST_SLACK_BYTES, SLACK_SHARE = 2 * MB, 13 * MB, 0.2

PARALLEL_FROM_BYTES = 5 * MIB  # pandas/io/parsers/readers.py, _PARALLEL_READ_MIN_BYTES
PARALLEL_WORKERS = 2  # as measured; pandas takes up to six, which adds one chunk of 4 MB each
CHUNK_BYTES = 4 * MIB  # the same file, _PARALLEL_CHUNK_BYTES
MOST_PIECES = 1800  # columns x chunks, _PARALLEL_MAX_COLUMN_PIECES
ROWS_PER_CHUNK = 2000  # _PARALLEL_MIN_CHUNK_ROWS
TOKEN_BYTES = 16  # pointer and offset of one field, pandas/_libs/src/parser/tokenizer.c
TOKENS_ALIVE = 0.6  # share of the parser's buffers not yet freed when the frame is gathered; fitted on eight widths from 10 to 2000
CHUNKS_LEFT = 0.43  # share of freed chunks that the heap holds after reading; median of twelve files

PANDAS = "pandas 3.1.1"
CSV_SOURCE = f"{PANDAS}, io/parsers/readers.py, _read_csv_parallel"
MEASURED = "measured; numpy 2.4.6"


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of a frame by type; a file has a label column beside them, a whole number."""

    floats: int
    ints: int
    texts: int
    strings: int
    labels: int

    @property
    def numeric(self) -> int:
        """Columns of 8-byte numbers."""
        return self.floats + self.ints + self.labels

    @property
    def all(self) -> int:
        """All columns."""
        return self.numeric + self.texts + self.strings


def columns_of(task: Task) -> Columns:
    """The columns of the workload's file: as typed, else all of the table's type."""
    types = task.workload.column_types
    if types is None:
        whole = task.dtype.startswith(("int", "uint", "bool"))
        types = ColumnTypes(int=task.columns) if whole else ColumnTypes(float=task.columns)
    labels = 0 if task.workload.source_format == "memory" else 1
    return Columns(types.float, types.int, types.category_text, types.string, labels)


def file_bytes(task: Task) -> int:
    """Size of the workload's CSV or Parquet file: as stated where that can be the size of such a table, else by its columns."""
    stated, usual = task.workload.data.bytes, _usual_file_bytes(task)
    return stated if usual / OTHER_FILE < stated < usual * OTHER_FILE else usual


def _usual_file_bytes(task: Task) -> int:
    columns = columns_of(task)
    sizes = PARQUET_BYTES if task.workload.source_format == "parquet" else CSV_BYTES
    per_row = (
        columns.floats * sizes["float"]
        + columns.ints * sizes["int"]
        + columns.texts * sizes["category_text"]
        + columns.strings * sizes["string"]
    )
    return round(task.rows * (per_row + CSV_TARGET_BYTES))


def frame_terms(task: Task, rows: int) -> tuple[Term, ...]:
    """A frame in memory: numbers in blocks, strings in Arrow arrays, categories as codes, strings as Python objects where asked."""
    columns = columns_of(task)
    number_bytes = 4 if _reads_single(task) else 8
    text_bytes = _text_bytes(task, CATEGORY_TEXT_CHARACTERS, distinct=False)
    string_bytes = _text_bytes(task, STRING_CHARACTERS, distinct=True)
    return present(
        product("frame_floats", "Frame: floating-point columns", PANDAS, rows=rows, columns=columns.floats, bytes=number_bytes),
        product(
            "frame_integers", "Frame: whole-number columns and labels", PANDAS, rows=rows, columns=columns.ints + columns.labels, bytes=8
        ),
        product("frame_categories", "Frame: text columns with few values", PANDAS, rows=rows, columns=columns.texts, bytes=text_bytes),
        product("frame_strings", "Frame: text columns", PANDAS, rows=rows, columns=columns.strings, bytes=string_bytes),
    )


def _text_bytes(task: Task, characters: int, *, distinct: bool) -> int:
    """Bytes of one string in a frame: Arrow keeps characters and an offset, objects a pointer and, where all differ, a Python string."""
    if not distinct and (task.flag("category", default=False) or task.workload.source_format == "memory"):
        return code_bytes(task.workload.cardinality)
    if task.flag("infer_string", default=True):
        return characters + ARROW_OFFSET_BYTES
    return OBJECT_POINTER_BYTES + (PYTHON_STR_BYTES + characters if distinct else 0)


def code_bytes(cardinality: int) -> int:
    """Bytes of one category code: the smallest signed integer that holds them all."""
    return next((size for size, limit in ((1, 2**7), (2, 2**15)) if cardinality < limit), 4)


def data_step(task: Task) -> tuple[Step, Task]:
    """The step that brings the data into memory, and the task as it is from then on."""
    workload = task.workload
    if workload.documents:
        return _documents(task), task
    if workload.source_format == "csv":
        return read_csv(task), replace(task, column_major=True, dtype=_frame_dtype(task))
    if workload.source_format == "parquet":
        return read_parquet(task), replace(task, column_major=True, dtype=_frame_dtype(task))
    return _table(task), task


def _reads_single(task: Task) -> bool:
    """Whether floating-point columns are read as float32."""
    return task.value("dtype") == "float32" or task.dtype == "float32"


def _frame_dtype(task: Task) -> str:
    return "float32" if _reads_single(task) else "float64"


def _table(task: Task) -> Step:
    """A table that is in memory already, mapped from a file, or a frame of categories."""
    target = product("target", "Labels or target values", MEASURED, rows=task.rows if task.has_target else 0, bytes=TARGET_BYTES)
    if task.workload.container == "memmap":
        return Step(name="open", retained=(*present(target), *_mapped(task)))
    values = _values(task)
    frame = task.workload.container == "dataframe" or task.workload.column_types is not None
    slack = MOST_SLACK_BYTES if frame else min(MOST_SLACK_BYTES, LEAST_SLACK_BYTES + SLACK_SHARE * total(values))
    kept = product("slack", "Modules loaded on first use, heap left behind", "medians of 60 measured cases", bytes=slack)
    return Step(name="read", retained=present(*values, target, kept))


def _mapped(task: Task) -> tuple[Term, ...]:
    """Pages of a mapped file stay resident while RAM is free; networks count only those that they touch."""
    if task.workload.library in ("pytorch", "keras"):
        return ()
    return (
        product(
            "mapped_table",
            "Mapped pages of the file; reclaimable",
            "numpy.memmap",
            rows=task.rows,
            columns=task.columns,
            bytes=task.item_bytes,
        ),
    )


def _values(task: Task) -> tuple[Term, ...]:
    if task.is_sparse:
        return (
            product(
                "data",
                "Stored values with column numbers",
                "scipy.sparse CSR",
                rows=task.rows,
                values_per_row=task.values_per_row,
                bytes=task.stored_value_bytes,
            ),
            product("row_pointers", "Row pointers", "scipy.sparse CSR", rows=task.rows + 1, bytes=task.index_bytes),
        )
    if task.workload.column_types is not None:
        return frame_terms(task, task.rows)
    return (product("data", "Table in memory", MEASURED, rows=task.rows, columns=task.columns, bytes=task.item_bytes),)


def _documents(task: Task) -> Step:
    documents, words = task.workload.documents or task.rows, task.workload.words_per_document or 100
    characters = words * CHARACTERS_PER_WORD + PYTHON_STR_BYTES + DOCUMENT_POINTER_BYTES
    text = product(
        "data", "Documents as Python strings", "CPython 3.11: 49 B and a byte a character", documents=documents, bytes=characters
    )
    return Step(name="read", retained=(text,))


def read_csv(task: Task) -> Step:
    """pandas.read_csv with the engine and chunk size of the hyper-parameters."""
    if task.value("chunksize"):
        return _read_in_chunks(task)
    if task.text("engine", "c") == "pyarrow":
        return _read_csv_arrow(task)
    return _read_csv_parallel(task)


def _read_csv_parallel(task: Task) -> Step:
    """The file is mapped and parsed by several threads; numeric columns are gathered into blocks while the chunks are alive."""
    size = file_bytes(task)
    frame = frame_terms(task, task.rows)
    numeric = numeric_bytes(frame)
    by_column = task.value("dtype") is not None or _reads_single(task) or task.flag("category", default=False)
    copied = numeric // columns_of(task).numeric if by_column else numeric
    gathering = present(
        product("mapped_file", "The file itself, mapped; reclaimable", CSV_SOURCE, file_bytes=size),
        product("chunks", "Parsed chunks beside the frame, given back", CSV_SOURCE, share=1 - CHUNKS_LEFT, bytes=copied),
        product("parser", "Tokens of the chunks in work", CSV_SOURCE, share_alive=TOKENS_ALIVE, bytes=_parser_bytes(task, size)),
    )
    left = product("freed_chunks", "Parsed chunks that the heap holds", MEASURED, share=CHUNKS_LEFT, bytes=copied)
    return Step(name="read", transient=gathering, retained=(*frame, *present(left)))


def _parser_bytes(task: Task, size: int) -> int:
    """Buffers of the chunks that are being parsed at one time."""
    columns = columns_of(task).all
    if size < PARALLEL_FROM_BYTES:
        return size
    by_size = min(size // CHUNK_BYTES, MOST_PIECES // columns, task.rows // ROWS_PER_CHUNK)
    chunks = max(2, by_size, min(3 * PARALLEL_WORKERS, task.rows // ROWS_PER_CHUNK))
    in_work = min(1.0, PARALLEL_WORKERS / chunks)
    return round(in_work * (size + TOKEN_BYTES * task.rows * columns))


def _read_in_chunks(task: Task) -> Step:
    """Chunk by chunk nothing is mapped; a chunk, its predecessor and the parser's copy are alive."""
    rows = min(task.rows, task.count("chunksize", 10_000))
    per_row = sum(term.bytes for term in frame_terms(task, rows)) / rows
    chunk = product("chunks", "Chunks in work", "measured on three chunk sizes", copies=2.5, rows=rows, bytes_per_row=per_row)
    parser = product("parser", "Parser and reader", "measured on three chunk sizes", bytes=20 * MB)
    return Step(name="read", transient=(chunk, parser))


def _read_csv_arrow(task: Task) -> Step:
    """Arrow's blocks of text, its table, and two copies of the numbers on their way into pandas blocks."""
    frame = frame_terms(task, task.rows)
    source = f"{PANDAS}, engine='pyarrow'; fitted on five files"
    return Step(
        name="read",
        transient=(product("text_blocks", "Text blocks held by Arrow's allocator", source, blocks=1.2, file_bytes=file_bytes(task)),),
        retained=(
            *frame,
            *present(product("arrow_table", "Arrow table and copies of its numbers", source, copies=2, bytes=numeric_bytes(frame))),
        ),
    )


def read_parquet(task: Task) -> Step:
    """pandas.read_parquet: file buffers, Arrow's table and the frame; Arrow's allocator gives little back."""
    frame = frame_terms(task, task.rows)
    source = f"{PANDAS} with pyarrow 26.0.1; apache/arrow issues 45504, 44472, 45882"
    text = sum(term.bytes for term in frame) - numeric_bytes(frame)
    return Step(
        name="read",
        retained=(
            *frame,
            *present(
                product("file_buffers", "File buffers", source, file_bytes=file_bytes(task)),
                product("arrow_table", "Arrow's copy of the numbers", source, copies=PARQUET_COPIES, bytes=numeric_bytes(frame)),
                product("decoding", "Decoded strings", source, share=PARQUET_TEXT, bytes=text),
                product("arrow_pool", "Arrow's memory pool", source, bytes=PARQUET_POOL_BYTES),
            ),
        ),
    )


PARQUET_COPIES = 1.0
PARQUET_TEXT = 0.6
PARQUET_POOL_BYTES = 20 * MB


def numeric_bytes(frame: tuple[Term, ...]) -> int:
    """Bytes of a frame's blocks of numbers."""
    return sum(term.bytes for term in frame if term.key in ("frame_floats", "frame_integers"))

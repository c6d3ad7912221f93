"""From the bytes of an import file to text: what the file really is decides, not its name."""

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO, TextIO, cast

from app.errors import InvalidInput

LARGEST_FILE = 32 * 2**20
"""Bytes of a file as it is sent."""

LARGEST_TEXT = 128 * 2**20
"""Bytes of a file once it is unpacked: what 100,000 rows need, several times over."""

LONGEST_LINE = 256 * 1024
"""Characters of one line; the widest table of ours has some 2,000."""

CHUNK = 64 * 1024

_NOT_TEXT = (
    (b"PK\x03\x04", "this is a spreadsheet or a zip archive, not text; save the sheet as CSV and import that"),
    (b"\xd0\xcf\x11\xe0", "this is an old Excel or Word file, not text; save the sheet as CSV and import that"),
    (b"%PDF", "this is a PDF, not a table; import the CSV or JSON that it was made from"),
    (b"\x28\xb5\x2f\xfd", "this file is packed with zstd; unpack it, or pack it with gzip"),
)
_GZIP = b"\x1f\x8b"
_BOMS = (
    (b"\xff\xfe\x00\x00", ""),  # UTF-32 begins like UTF-16
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


class _Counted(io.RawIOBase):
    """A stream that gives up after so many bytes: a small archive can unpack into more than a machine holds."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._read = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # narrower than typeshed's Buffer
        """As of any raw stream. Raises InvalidInput where the file is too large or its packing is damaged."""
        try:
            data = self._stream.read(len(buffer))
        except (OSError, EOFError, zlib.error):
            raise InvalidInput("the file is packed with gzip, but the packing is damaged; pack it again") from None
        self._read += len(data)
        if self._read > LARGEST_TEXT:
            raise InvalidInput(f"the file holds more than {LARGEST_TEXT // 2**20} MB of text; import it in parts")
        buffer[: len(data)] = data
        return len(data)


def open_text(file: BinaryIO) -> TextIO:
    """The text of a file in UTF-8 or UTF-16, packed with gzip or not, read as it is needed. Raises InvalidInput for anything else."""
    packed = file.read(len(_GZIP)) == _GZIP
    file.seek(0)
    unpacked = cast("BinaryIO", gzip.GzipFile(fileobj=file)) if packed else file
    stream = io.BufferedReader(_Counted(unpacked))
    return io.TextIOWrapper(stream, encoding=_encoding(stream.peek(64)), newline="")


def _encoding(start: bytes) -> str:
    for mark, sentence in _NOT_TEXT:
        if start.startswith(mark):
            raise InvalidInput(sentence)
    if start.startswith(_GZIP):
        raise InvalidInput("the file is packed twice; unpack it once")
    encoding = next((name for mark, name in _BOMS if start.startswith(mark)), "utf-8")
    if not encoding:
        raise InvalidInput("the file is in UTF-32; save it as UTF-8")
    return encoding


def lines(text: TextIO, start: str) -> Iterator[str]:
    """The lines of a text with their ends; `start` is what was read of it before.

    Raises InvalidInput naming the line that is too long, not text, or holds a NUL.
    """
    number = 1
    try:
        while line := start + text.readline(LONGEST_LINE + 1):
            start = ""
            if len(line) > LONGEST_LINE:
                raise InvalidInput(f"line {number} is longer than {LONGEST_LINE:,} characters; is a quote never closed?")
            if "\0" in line:
                raise InvalidInput(f"line {number} holds a NUL character; the file is damaged, or it is not text")
            yield line
            number += 1
    except UnicodeError:
        raise _not_text(text, f"line {number} or one soon after it") from None


def start_of(text: TextIO) -> str:
    """What the text begins with, up to the first character that is no space; empty where there is none."""
    start = ""
    try:
        while len(start) < LONGEST_LINE and (character := text.read(1)):
            start += character
            if not character.isspace():
                return start
    except UnicodeError:
        raise _not_text(text, "the file") from None
    return ""


def chunks(text: TextIO, start: str) -> Iterator[bytes]:
    """The text in pieces of UTF-8, for a parser that knows no lines; `start` is what was read of it before."""
    try:
        yield start.encode()
        while piece := text.read(CHUNK):
            yield piece.encode()
    except UnicodeError:
        raise _not_text(text, "the file") from None


def _not_text(text: TextIO, place: str) -> InvalidInput:
    return InvalidInput(f"{place} is not valid {text.encoding.removesuffix('-sig').upper()}; save the file as UTF-8")

"""Whatever is uploaded is read, or refused with a sentence; never half of it."""

import gzip
import io
import zipfile

import pytest

from app.catalogue.imports import files
from app.database import Database
from app.errors import InvalidInput
from tests.catalogue.imports.shelf import exported, imported, judged

LIST = 'Artikel,Preis\n"GeForce RTX 3090, used",850.00\nGeForce RTX 3090,850.00\n'


def spreadsheet() -> bytes:
    """What Excel saves, under whatever name."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        LIST.encode(),
        LIST.encode("utf-8-sig"),
        LIST.encode("utf-16"),
        b"\xff\xfe" + LIST.encode("utf-16-le"),
        gzip.compress(LIST.encode()),
        LIST.replace("\n", "\r\n").encode(),
        LIST.replace(",8", ";8").replace("Artikel,", "Artikel;").encode(),
        b'[{"Artikel": "x", "Preis": null}, {"Artikel": "GeForce RTX 3090", "Preis": 850.0}]',
        b'{"Artikel": "x", "Preis": null}\n{"Artikel": "GeForce RTX 3090", "Preis": 850.0}\n',
    ],
    ids=["utf-8", "bom", "utf-16", "utf-16-le", "gzip", "crlf", "semicolon", "json", "jsonl"],
)
def test_every_common_writing_of_a_table_is_read_alike(shelf: Database, data: bytes) -> None:
    found = judged(shelf, data)[-1]
    assert (found.verdict, found.item, str(found.price and found.price.money)) == ("changed", "rtx-3090", "$850")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "the file is empty"),
        (b"Artikel,Preis\n", "no rows below its header"),
        (LIST.encode() + b"x\0y,5\n", "line 4 holds a NUL"),
        (LIST.encode() + b"\xff\xfe,5\n", "not valid UTF-8"),
        (b'Artikel,Preis\nGeForce RTX 3090,850\n"lone,5\nother,6\n', "row that begins in line 3.*never closed"),
        (b'Artikel,Preis\n"GeForce" RTX 3090,850\n', "row that begins in line 2.*after a closing quotation mark"),
        (b"Artikel,Preis\n" + b"x" * 10_000_000 + b",5\n", "line 2 is longer"),
        (b'Artikel,Preis\n"' + b"x\n" * 5_000_000 + b'",5\n', "begins in line 2.*too long"),
        (spreadsheet(), "save the sheet as CSV"),
        (gzip.compress(gzip.compress(LIST.encode())), "packed twice"),
        (gzip.compress(LIST.encode())[:-9], "packing is damaged"),
        (LIST.encode("utf-32"), "UTF-32"),
        (b"Artikel,Preis,Preis\nx,1,2\n", "'Preis' is there twice"),
        (b'[{"Artikel": "x", ', "not valid JSON"),
        (b"[" * 100_000, "nests deeper"),
        (b'{"a": ' * 100_000, "nests deeper|longer"),
        (b'{"Artikel": "x",\n"Preis": 5}', "line 1 is not one JSON object"),
        (b"[1, 2]", "record 1 is not an object"),
        (b'<?xml version="1.0"?>\n<!DOCTYPE x [<!ENTITY a "b">]>\n<x/>', "DOCTYPE"),
        (b"<x><y>", "not valid XML|no rows"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_a_sentence(shelf: Database, data: bytes, sentence: str) -> None:
    before = exported(shelf)
    with pytest.raises(InvalidInput, match=f"(?s){sentence}"):
        imported(shelf, data)
    assert exported(shelf) == before


def test_a_small_archive_that_unpacks_into_a_flood_is_refused(shelf: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST_TEXT", 2**20)
    bomb = gzip.compress(LIST.encode() + b"nothing,1\n" * 500_000)
    assert len(bomb) < 20_000
    with pytest.raises(InvalidInput, match="more than 1 MB"):
        imported(shelf, bomb)


def test_a_row_with_a_surplus_cell_or_a_huge_one_is_rejected_and_the_others_stand(shelf: Database) -> None:
    text = LIST + "GeForce RTX 3060 12GB, the new one,310\n" + "y" * 20_000 + ",5\n"
    verdicts = [(found.line, found.verdict) for found in judged(shelf, text)]
    assert verdicts[1:] == [(3, "changed"), (4, "rejected"), (5, "rejected")]

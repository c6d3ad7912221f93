"""Shared results."""

import json
import re
import secrets
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.backup.integrity import problems_of
from app.catalogue.facts import Changes
from app.catalogue.revisions import record
from app.database import Database
from app.errors import NotFound, TooLarge
from app.results.permalinks import LARGEST_RESULT_BYTES, SCHEMA_VERSION, load_result, save_result
from tests.catalogue.builders import item, occasion

REQUEST = {"workload": {"kind": "training", "model": {"preset": "resnet50"}}, "limits": {"max_gpus": 2}}
ADVICE = {"catalogue_revision": 1, "picks": [], "note": "Grüße, 机器 \x00 \ud800", "rate": 0.1, "bytes": 2**53 + 1, "nothing": None}
NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def archive(database: Database) -> Database:
    with database.write() as session:
        record(session, Changes(items=(item("gpu", "rtx-3090"),)), occasion())
    return database


def save(database: Database, **changes: object) -> str:
    documents = {"request": REQUEST, "advice": ADVICE, **changes}
    return save_result(database, documents["request"], documents["advice"], revision=1, estimator_version="1.4.0", now=NOON)  # type: ignore[arg-type]


def test_a_shared_result_comes_back_as_it_was(archive: Database) -> None:
    found = load_result(archive, save(archive))
    assert (found.request, found.advice) == (REQUEST, ADVICE)
    assert (found.created_at, found.revision, found.estimator_version, found.schema_version) == (NOON, 1, "1.4.0", SCHEMA_VERSION)


def test_an_id_has_128_bits_and_is_never_the_same(archive: Database) -> None:
    ids = {save(archive) for _ in range(20)}
    assert len(ids) == 20
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", found) for found in ids)


def test_equal_results_have_equal_fingerprints_and_others_do_not(archive: Database) -> None:
    same = {load_result(archive, save(archive)).fingerprint for _ in range(2)}
    assert len(same) == 1
    assert load_result(archive, save(archive, request={"workload": {}})).fingerprint not in same


@pytest.mark.parametrize(
    "wrong", ["A" * 22, "A" * 21, "A" * 23, "", "../../etc/passwd", "A" * 21 + "\n", "é" * 22, "a" * 10_000, "' OR 1=1 --"]
)
def test_an_unknown_and_an_impossible_id_are_refused_alike(archive: Database, wrong: str) -> None:
    save(archive)
    with pytest.raises(NotFound) as unknown:
        load_result(archive, "B" * 22)
    with pytest.raises(NotFound) as refused:
        load_result(archive, wrong)
    assert str(refused.value) == str(unknown.value)


def test_a_result_that_is_too_long_is_refused_and_not_kept(archive: Database) -> None:
    with pytest.raises(TooLarge):
        save(archive, advice={"text": secrets.token_urlsafe(LARGEST_RESULT_BYTES)})
    with archive.read() as session:
        assert session.scalar(text("SELECT count(*) FROM result")) == 0


def test_a_row_takes_less_than_64_kb_however_long_the_answer(archive: Database) -> None:
    save(archive, advice={"frontier": [{"machine": f"machine {i}", "price": i} for i in range(5_000)]})
    with archive.read() as session:
        kept = session.execute(text("SELECT request, advice FROM result")).one()
    assert sum(len(part) for part in kept) <= 64 * 1024


def test_a_result_kept_before_results_were_packed_reads_the_same(archive: Database) -> None:
    """Rows cannot be changed, so those of the first release stay as they were written."""
    packed = load_result(archive, save(archive))
    columns = "id, created_at, revision_id, schema_version, estimator_version, request, advice, fingerprint"
    with archive.write() as session:
        session.execute(
            text(f"INSERT INTO result ({columns}) SELECT :id, created_at, revision_id, schema_version, estimator_version, "
                 ":request, :advice, fingerprint FROM result"),
            {"id": "P" * 22, "request": plain(packed.request), "advice": plain(packed.advice)},
        )  # fmt: skip
    assert replace(load_result(archive, "P" * 22), id=packed.id) == packed
    assert problems_of(archive) == ()


def plain(document: object) -> str:
    return json.dumps(document, separators=(",", ":"))


def test_a_shared_result_cannot_be_changed(archive: Database) -> None:
    found = save(archive)
    with pytest.raises(DBAPIError, match="kept as they are"), archive.write() as session:
        session.execute(text("UPDATE result SET advice = '{}'"))
    assert load_result(archive, found).advice == ADVICE


def test_a_result_of_a_revision_that_does_not_exist_is_refused(archive: Database) -> None:
    with pytest.raises(DBAPIError):
        save_result(archive, REQUEST, ADVICE, revision=99, estimator_version="1", now=NOON)

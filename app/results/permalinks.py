"""Shared results: a request and its answer, frozen under an address that nobody can guess."""

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.database import Database
from app.errors import NotFound, TooLarge
from app.results.tables import Result, packed

SCHEMA_VERSION = 1
"""Of the stored documents; a page can always tell how to read an old one."""

LARGEST_RESULT_BYTES = 64 * 1024
"""As they are kept, packed: the most that somebody without an account can make this program store with one request."""

_ID_BYTES = 16  # 128 bits of chance, 22 characters
_ID = re.compile(r"[A-Za-z0-9_-]{22}")

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResult:
    """A request and its answer as they were given."""

    id: str
    created_at: datetime
    revision: int  # of the catalogue that was searched
    estimator_version: str
    schema_version: int
    request: Document
    advice: Document
    fingerprint: str  # SHA-256 of all but the id: equal results, equal fingerprints


def save_result(database: Database, request: Document, advice: Document, *, revision: int, estimator_version: str, now: datetime) -> str:
    """Keeps the two documents and returns the id of 22 characters. Raises TooLarge where they are too long to keep."""
    asked, answered = _text(request), _text(advice)
    if len(packed(asked)) + len(packed(answered)) > LARGEST_RESULT_BYTES:
        raise TooLarge(f"this result is too large to share: at most {LARGEST_RESULT_BYTES // 1024} kB can be kept")
    row = Result(
        id=secrets.token_urlsafe(_ID_BYTES),
        created_at=now,
        revision_id=revision,
        schema_version=SCHEMA_VERSION,
        estimator_version=estimator_version,
        request=asked,
        advice=answered,
        fingerprint=_fingerprint(asked, answered, str(revision), estimator_version, str(SCHEMA_VERSION)),
    )
    number = row.id
    with database.write() as session:
        session.add(row)
    return number


def load_result(database: Database, result_id: str) -> StoredResult:
    """The result kept under `result_id`. Raises NotFound, the same for an id that is unknown and one that cannot be."""
    with database.read() as session:
        row = session.get(Result, result_id) if _ID.fullmatch(result_id) else None
        if row is None:
            raise NotFound("there is no shared result at this address; perhaps a character is missing at the end of the link")
        return StoredResult(
            id=row.id,
            created_at=row.created_at,
            revision=row.revision_id,
            estimator_version=row.estimator_version,
            schema_version=row.schema_version,
            request=json.loads(row.request),
            advice=json.loads(row.advice),
            fingerprint=row.fingerprint,
        )


def is_untouched(row: Result) -> bool:
    """Whether a stored row still has the fingerprint of what it holds."""
    held = _fingerprint(row.request, row.advice, str(row.revision_id), row.estimator_version, str(row.schema_version))
    return held == row.fingerprint


def _text(document: Document) -> str:
    return json.dumps(document, separators=(",", ":"), allow_nan=False)


def _fingerprint(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()

"""Generated requests against the whole API and generated text in every field of the form: an answer or a sentence, never a failure.

`make fuzz` does the same with many more cases.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from starlette.testclient import TestClient

from app.catalogue.seed import seed
from app.database import Database
from app.main import create_app
from app.migrate import migrate
from app.settings import Settings
from app.web.forms.tabs import TABS
from app.web.middleware import throttle
from tests.web.markup import read

CASES = int(os.environ.get("RIGWISE_FUZZ_CASES", "6"))  # for each operation of the API, and for each test of the form
QUIET = settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
# "3" is taken for 3, because people send numbers as text; and no schema knows which models the library has.
BEYOND_THE_SCHEMA = [negative_data_rejection, positive_data_acceptance]

HOSTILE = (
    "\0", "\u202eabc", "9" * 100_000, "1e400", "-1", "NaN",
    "'; DROP TABLE item; --", "<script>alert(1)</script>", "{{7*7}}", "\U0001f4a5" * 50,
    "../../etc/passwd", "%00", "\r\nSet-Cookie: a=b", "=cmd|' /C calc'!A0", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    "1,2,3," * 5000, "a" * 100_000, "0x10", "١٢٣", "1_0", " ", "1 000 000 000 000 000 000 000 EUR",
)  # fmt: skip
TEXTS = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=200), st.integers().map(str), st.floats().map(str))

TEXT_IN_ADDRESS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
FIELDS_OF_MODEL = ("model", "paste", "config", "extra", "pick", "preset")


_FOLDER = tempfile.TemporaryDirectory(prefix="rigwise-fuzz-")
_URL = f"sqlite:///{_FOLDER.name}/rigwise.sqlite"
_APP = create_app(Settings(database_url=_URL))  # made here: the description of the API is read when tests are collected
SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", _APP)


@pytest.fixture(scope="module", autouse=True)
def fuzzed_site() -> Iterator[FastAPI]:
    """The site on a seeded database; sharing is not limited, so that it is fuzzed too."""
    migrate(_URL)
    database = Database(_URL)
    seed(database)
    database.close()
    with pytest.MonkeyPatch.context() as patch, TestClient(_APP):
        patch.setattr(throttle, "LIMITS", {})
        yield _APP
    _FOLDER.cleanup()


@pytest.mark.slow
@pytest.mark.timeout(3600)
@SCHEMA.parametrize()
@QUIET
def test_whatever_is_sent_to_the_api_it_answers_as_its_description_says(case: schemathesis.Case) -> None:
    case.call_and_validate(excluded_checks=BEYOND_THE_SCHEMA)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("tab", [tab.name for tab in TABS])
def test_whatever_is_typed_into_the_form_the_page_stands_and_shows_it_escaped(fuzzed_site: FastAPI, tab: str) -> None:
    client = TestClient(fuzzed_site, base_url="http://rigwise.test", raise_server_exceptions=False, follow_redirects=False)
    names = [field.name for one in TABS if one.name == tab for field in one.fields] + [
        "model",
        "paste",
        "config",
        "extra",
        "pick",
        "preset",
    ]

    @QUIET
    @given(typed=st.dictionaries(st.sampled_from(names), TEXTS, min_size=1, max_size=4), path=st.sampled_from(["/", "/answer"]))
    def check(typed: dict[str, str], path: str) -> None:
        answer = client.post(path, data={"task": tab, **typed}, headers={"HX-Request": "true"} if path == "/answer" else {})
        assert answer.status_code in {200, 303, 413, 422}, (typed, answer.status_code)
        assert "<script>alert" not in answer.text
        assert "Set-Cookie" not in answer.headers
        if path == "/" and answer.status_code != 303:
            assert read(answer.text).problems == []

    check()


@pytest.mark.slow
@QUIET
@given(path=TEXT_IN_ADDRESS, query=TEXT_IN_ADDRESS)
def test_whatever_address_is_asked_for_there_is_an_answer(fuzzed_site: FastAPI, path: str, query: str) -> None:
    client = TestClient(fuzzed_site, base_url="http://rigwise.test", raise_server_exceptions=False, follow_redirects=False)
    for start in ("/", "/r/", "/catalogue/item/", "/api/v1/results/", "/static/", "/compare?r="):
        assert client.get(f"{start}{quote(path)}{'&' if '?' in start else '?'}q={quote(query)}").status_code < 500, start


def test_the_folder_of_static_files_has_no_way_out(fuzzed_site: FastAPI) -> None:
    client = TestClient(fuzzed_site, base_url="http://rigwise.test")
    assert Path(__file__).exists()
    for path in ("../app/settings.py", "..%2fapp%2fsettings.py", "%2e%2e/app/settings.py", "....//app/settings.py", "/etc/passwd", ""):
        assert client.get(f"/static/{path}").status_code in {404, 405}, path

"""Whatever a program sends, the API answers as its description says."""

import tempfile
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings

_APP = create_app(Settings(database_url=f"sqlite:///{Path(tempfile.gettempdir()) / 'rigwise-description.sqlite'}"))
# "3" is taken for 3, because people send numbers as text; and no schema knows which models the library has.
BEYOND_THE_SCHEMA = [negative_data_rejection, positive_data_acceptance]
SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", _APP)


@pytest.mark.slow
@SCHEMA.include(path_regex="estimate|models").parametrize()
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_answers_are_those_of_the_description(case: schemathesis.Case) -> None:
    case.call_and_validate(excluded_checks=BEYOND_THE_SCHEMA)


def test_the_description_can_be_read_without_a_database() -> None:
    assert TestClient(_APP).get("/openapi.json").status_code == 200

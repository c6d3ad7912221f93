"""What a machine may lack for a test: a browser, PostgreSQL."""

import os
from typing import NoReturn

import pytest

IN_CI = os.environ.get("CI") == "true"


def lacking(what: str) -> NoReturn:
    """Skips the test and says what is missing; where CI=true it fails instead, so that nothing goes untested unnoticed."""
    if IN_CI:
        pytest.fail(what)
    pytest.skip(what)

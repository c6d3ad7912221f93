"""What was worked out is kept, as much of it as there is room for."""

import pytest
from starlette.testclient import TestClient

from app.web.cache import NewestKept
from app.web.site import LONGEST_ADDRESS_KEPT


def test_a_value_is_made_once_for_each_key() -> None:
    made: list[str] = []
    kept: NewestKept[str, int] = NewestKept(4)
    assert [kept.get(key, lambda key=key: made.append(key) or len(made)) for key in "abab"] == [1, 2, 1, 2]
    assert made == ["a", "b"]


def test_what_was_not_asked_for_the_longest_goes_first() -> None:
    kept: NewestKept[str, str] = NewestKept(2)
    for key in ("a", "b", "a", "c"):
        kept.get(key, lambda key=key: key)
    assert kept.get("a", lambda: "made again") == "a"
    assert kept.get("b", lambda: "made again") == "made again"


def test_a_failure_is_not_kept() -> None:
    kept: NewestKept[str, str] = NewestKept(2)
    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: str(1 / 0))
    assert kept.get("a", lambda: "made") == "made"


def test_themes_do_not_mix(client: TestClient) -> None:
    plain = client.get("/?batch=6").text
    dark = TestClient(client.app, base_url="http://rigwise.test", cookies={"theme": "dark"}).get("/?batch=6").text
    assert 'data-theme="dark"' not in plain
    assert 'data-theme="dark"' in dark


def test_an_address_too_long_to_keep_is_answered_all_the_same(client: TestClient) -> None:
    text = "n" * LONGEST_ADDRESS_KEPT
    assert text in client.get("/", params={"model": text}).text

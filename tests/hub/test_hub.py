"""The hub client against a hub that may be slow, huge, lying or down, and against names and addresses made to deceive."""

import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from app.errors import InvalidInput
from app.hub.client import FAILURES_BEFORE_REST, FOUND_SECONDS, MISSING_SECONDS, REST_SECONDS, Hub
from app.hub.network import GuardedTransport, is_public
from tests.hub.fake import CONFIG, fake_hub

SECONDS = 1.0  # in place of four, so that the tests are quick


class Clock:
    """A clock that goes only when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def fake() -> Iterator[tuple[str, list[str]]]:
    with fake_hub() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


def anywhere(_: str) -> bool:
    return True


def guarded(allowed: Callable[[str], bool] = anywhere, **arguments: object) -> Callable[[], httpx.BaseTransport]:
    return lambda: GuardedTransport(seconds=SECONDS, allowed=allowed, **arguments)  # type: ignore[arg-type]


@pytest.fixture
def hub(fake: tuple[str, list[str]], clock: Clock) -> Hub:
    return Hub(fake[0], guarded(), clock)


def refusal(hub: Hub, repository: str) -> str:
    with pytest.raises(InvalidInput) as refused:
        hub.config_of(repository)
    assert [error.path for error in refused.value.errors] == ["repository"]
    return str(refused.value)


def test_a_config_is_read_and_remembered_for_a_day(hub: Hub, fake: tuple[str, list[str]], clock: Clock) -> None:
    for _ in range(3):
        assert hub.config_of("acme/fine") == CONFIG.decode()
    assert fake[1] == ["/acme/fine/resolve/main/config.json"]
    clock.now += FOUND_SECONDS + 1
    hub.config_of("acme/fine")
    assert len(fake[1]) == 2


def test_a_redirect_within_the_hub_is_followed(hub: Hub) -> None:
    assert hub.config_of("acme/moved") == CONFIG.decode()


@pytest.mark.parametrize(("name", "said"), [("missing", "has no config.json"), ("private", "no public model")])
def test_what_is_not_there_is_told_and_remembered_for_ten_minutes(
    hub: Hub, fake: tuple[str, list[str]], clock: Clock, name: str, said: str
) -> None:
    assert said in refusal(hub, f"acme/{name}")
    assert said in refusal(hub, f"acme/{name}")
    assert len(fake[1]) == 1
    clock.now += MISSING_SECONDS + 1
    refusal(hub, f"acme/{name}")
    assert len(fake[1]) == 2


@pytest.mark.parametrize("name", ["elsewhere", "loops", "bomb", "huge", "slow", "slow-headers", "not-text", "broken"])
def test_a_hostile_answer_is_cut_off_in_time(hub: Hub, name: str) -> None:
    started = time.monotonic()
    assert "cannot be reached" in refusal(hub, f"acme/{name}")
    assert time.monotonic() - started < SECONDS + 1


@pytest.mark.parametrize(
    "name",
    [
        "", "acme", "acme/", "/acme", "acme/fine/more", "../etc/passwd", "acme/..", "acme/../..", "..%2f..%2f", "acme%2ffine",
        "acme/fine?x=1", "acme/fine#x", "acme@evil.test/fine", "acme:80/fine", "http://evil.test/x", "//evil.test/x", "acme\\fine",
        "acme/fi ne", "acme/fine\r\nHost: evil.test", "acme/fine\n", "127.0.0.1:8000/x", "[::1]/x", "acmé/fine", "acme/fine\u2024json",
        "acme\u2215fine", "a" * 97 + "/b", "a/" + "b" * 97, "-acme/fine", "acme/.git", "acme/a..b", "\0/a",
    ],
)  # fmt: skip
def test_a_name_that_is_none_is_refused_before_anything_is_sent(hub: Hub, fake: tuple[str, list[str]], name: str) -> None:
    assert "organisation/name" in refusal(hub, name)
    assert fake[1] == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.1.2.3", "100.64.0.1", "224.0.0.1",
        "::1", "::", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "ff02::1", "255.255.255.255", "198.18.0.1",
    ],
)  # fmt: skip
def test_an_address_inside_somebodys_network_is_never_connected_to(fake: tuple[str, list[str]], address: str) -> None:
    """Whatever the name server says, and whenever: the address that is checked is the one that is connected to."""
    assert not is_public(address)
    assert "cannot be reached" in refusal(Hub(fake[0], guarded(is_public, resolver=lambda *_: [address])), "acme/fine")
    assert fake[1] == []


def test_a_name_with_one_good_and_one_inner_address_is_refused(fake: tuple[str, list[str]]) -> None:
    assert is_public("8.8.8.8")
    mixed = guarded(is_public, resolver=lambda *_: ["8.8.8.8", "127.0.0.1"])
    assert "cannot be reached" in refusal(Hub(fake[0], mixed), "acme/fine")


def test_a_name_that_changes_its_mind_is_resolved_once(fake: tuple[str, list[str]]) -> None:
    asked: list[str] = []

    def changing(host: str, _: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    seen: list[str] = []
    Hub(fake[0], guarded(lambda address: not seen.append(address), resolver=changing)).config_of("acme/fine")  # type: ignore[func-returns-value]
    assert (len(asked), seen) == (1, ["127.0.0.1"])


def test_proxies_of_the_environment_are_not_asked(fake: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert Hub(fake[0], guarded()).config_of("acme/fine") == CONFIG.decode()


def test_a_hub_that_fails_is_left_alone_for_a_while_and_what_is_known_is_still_told(
    hub: Hub, fake: tuple[str, list[str]], clock: Clock
) -> None:
    hub.config_of("acme/fine")
    for index in range(FAILURES_BEFORE_REST):
        refusal(hub, f"a{index}/broken")
    sent = len(fake[1])
    started = time.monotonic()
    assert "cannot be reached" in refusal(hub, "acme/other")
    assert time.monotonic() - started < 0.1
    assert len(fake[1]) == sent
    assert hub.config_of("acme/fine") == CONFIG.decode()
    clock.now += REST_SECONDS + 1
    assert hub.config_of("acme/other") == CONFIG.decode()

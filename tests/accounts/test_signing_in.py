"""Signing in: who gets a session, who must wait, and what a stranger learns."""

import re
from contextlib import suppress
from datetime import timedelta
from threading import Thread

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from app.accounts import audit, passwords
from app.accounts.audit import COMMAND_LINE, AuditFilter
from app.accounts.sessions import CONFIRMED_FOR, IDLE, LONGEST, end_session_of, end_sessions, find_session
from app.accounts.sign_in import Credentials, SignInRefused, confirm, sign_in
from app.accounts.tables import SignInAttempt, UserSession
from app.accounts.throttle import PER_ACCOUNT, PER_NETWORK
from app.accounts.users import disable, user_named
from app.accounts.visitor import Visitor, client_of, network_of
from app.database import Database
from app.errors import TooMany
from tests.accounts.builders import HERE, NOON, PASSWORD, added, later, signed_in, token_for, user

WRONG = "not the password"


def refused(database: Database, name: str = "ada", password: str = WRONG, *, at: timedelta = timedelta(0), visitor: Visitor = HERE) -> str:
    with pytest.raises(SignInRefused) as caught:
        sign_in(database, Credentials(name=name, password=password), visitor, NOON + at)
    return str(caught.value)


def acts(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        return [(entry.actor, entry.act) for entry in reversed(audit.entries(session, AuditFilter()))]


def test_the_right_password_opens_a_session_that_only_its_token_finds(database: Database) -> None:
    added(database)
    token = token_for(database, " ADA ")
    found = find_session(database, token, HERE, NOON)
    assert found is not None
    assert (found.name, found.role) == ("ada", "admin")
    assert find_session(database, token[:-1], HERE, NOON) is None
    with database.read() as session:
        (row,) = session.scalars(select(UserSession))
        assert token not in (row.token_hash, row.client, row.network)
        assert re.fullmatch(r"[0-9a-f]{64}", row.token_hash)
    assert len(token) >= 43, "256 bits of chance"


def test_a_wrong_password_an_unknown_name_and_a_disabled_user_get_the_same_sentence(database: Database) -> None:
    added(database)
    added(database, "bob")
    with database.write() as session:
        disable(session, user_named(session, "bob"), COMMAND_LINE, NOON)
    assert refused(database) == refused(database, "nobody", PASSWORD) == refused(database, "bob", PASSWORD)
    assert refused(database) == refused(database, "a\0b", PASSWORD) == refused(database, "x" * 10_000, PASSWORD)


@pytest.mark.parametrize(("name", "password"), [("ada", WRONG), ("ada", PASSWORD), ("nobody", PASSWORD), ("gone", PASSWORD)])
def test_every_attempt_costs_one_check_of_a_hash_of_the_same_cost(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch, name: str, password: str
) -> None:
    added(sqlite_database)
    added(sqlite_database, "gone", "editor")
    with sqlite_database.write() as session:
        disable(session, user_named(session, "gone"), COMMAND_LINE, NOON)
    passwords.matches(None, PASSWORD)  # the stand-in for nobody is made once
    hashed: list[str] = []
    verify = PasswordHasher.verify

    def counted(hasher: PasswordHasher, kept: str, offered: str) -> bool:
        hashed.append(kept)
        return verify(hasher, kept, offered)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    with suppress(SignInRefused):
        sign_in(sqlite_database, Credentials(name=name, password=password), HERE, NOON)
    (kept,) = hashed
    assert not passwords.is_outdated(kept)


def test_a_name_that_is_none_never_reaches_the_log(database: Database) -> None:
    added(database)
    refused(database, "my secret password typed in the wrong field")
    refused(database)
    assert acts(database)[1:] == [("somebody", "sign-in.refused"), ("ada", "sign-in.refused")]
    with database.read() as session:
        assert not [row for row in session.scalars(select(SignInAttempt)) if "secret" in row.account]


def test_the_sixth_attempt_after_five_failures_must_wait_even_with_the_right_password(database: Database) -> None:
    added(database)
    for _ in range(PER_ACCOUNT.free):
        refused(database)
    with pytest.raises(TooMany) as caught:
        token_for(database)
    assert 0 < caught.value.retry_after_s <= 61
    assert token_for(database, at=later(seconds=61))


def test_each_further_failure_doubles_the_wait_up_to_an_hour_and_a_success_ends_it(database: Database) -> None:
    added(database)
    at, waits = timedelta(0), []
    for _ in range(PER_ACCOUNT.free):
        refused(database, at=at)
    for _ in range(8):
        with pytest.raises(TooMany) as caught:
            refused(database, at=at, visitor=Visitor(network=f"{at}", client=""))
        waits.append(round(caught.value.retry_after_s / 60))
        at += timedelta(seconds=caught.value.retry_after_s)
        refused(database, at=at, visitor=Visitor(network=f"{at}", client=""))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    token_for(database, at=NOON + at + timedelta(hours=1, seconds=1), visitor=Visitor(network="elsewhere", client=""))
    for _ in range(PER_ACCOUNT.free):
        refused(database, at=at + timedelta(hours=1, seconds=2), visitor=Visitor(network="elsewhere", client=""))


def test_one_network_that_tries_many_names_must_wait_and_others_need_not(database: Database) -> None:
    added(database)
    for number in range(PER_NETWORK.free):
        refused(database, f"name{number}")
    with pytest.raises(TooMany):
        token_for(database)
    assert token_for(database, visitor=Visitor(network="198.51.100.0/24", client=""))


def test_attempts_at_the_same_time_cannot_outrun_the_throttle(sqlite_database: Database) -> None:
    added(sqlite_database)
    outcomes: list[str] = []

    def attempt() -> None:
        try:
            sign_in(sqlite_database, Credentials(name="ada", password="wrong"), HERE, NOON)
        except Exception as error:  # noqa: BLE001 - the kind of failure is what is counted
            outcomes.append(type(error).__name__)

    threads = [Thread(target=attempt) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0 < outcomes.count("SignInRefused") <= PER_ACCOUNT.free
    assert set(outcomes) <= {"SignInRefused", "TooMany", "Busy"}


def test_a_session_ends_when_it_is_idle_and_after_half_a_day_however_busy(database: Database) -> None:
    added(database)
    idle, busy = token_for(database), token_for(database)
    assert find_session(database, idle, HERE, NOON + IDLE - timedelta(seconds=1))
    assert find_session(database, busy, HERE, NOON + IDLE) is None
    step = IDLE - timedelta(minutes=1)
    at = NOON
    while at + step < NOON + LONGEST:
        at += step
        assert (find_session(database, idle, HERE, at) is None) == (at - NOON >= LONGEST)
    assert find_session(database, idle, HERE, NOON + LONGEST) is None


def test_an_ended_session_does_not_come_back_when_the_clock_is_set_back(database: Database) -> None:
    added(database)
    token = token_for(database)
    assert find_session(database, token, HERE, NOON + IDLE) is None
    assert find_session(database, token, HERE, NOON) is None


def test_signing_out_disabling_and_signing_out_everywhere_end_a_session_at_once(database: Database) -> None:
    added(database)
    added(database, "bob")
    first, second, third = (token_for(database, "bob") for _ in range(3))
    end_session_of(database, first)
    assert [bool(find_session(database, token, HERE, NOON)) for token in (first, second)] == [False, True]
    with database.write() as session:
        assert end_sessions(session, user(database, "bob").id) == 2
    assert not find_session(database, second, HERE, NOON)
    third = token_for(database, "bob")
    with database.write() as session:
        disable(session, user_named(session, "bob"), COMMAND_LINE, NOON)
    assert not find_session(database, third, HERE, NOON)


def test_the_password_is_asked_for_again_after_ten_minutes_and_wrong_ones_count(database: Database) -> None:
    added(database)
    who = signed_in(database)
    assert who.is_confirmed(NOON)
    assert not who.is_confirmed(NOON + CONFIRMED_FOR)
    for _ in range(PER_ACCOUNT.free):
        with pytest.raises(SignInRefused):
            confirm(database, who, "wrong", later(minutes=20))
    with pytest.raises(TooMany):
        confirm(database, who, PASSWORD, later(minutes=20))
    confirm(database, who, PASSWORD, later(minutes=22))
    with database.read() as session:
        assert session.get_one(UserSession, who.token_hash).confirmed_at == later(minutes=22)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("testclient", "unknown"),
    ],
)
def test_addresses_are_kept_shortened(address: str, network: str) -> None:
    assert network_of(address) == network


def test_a_browser_is_kept_by_its_name_alone() -> None:
    chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
    assert (client_of(chrome), client_of("curl/8.1")) == ("Chrome on Linux", "a program")

"""The second factor: codes of an authenticator, recovery codes, and none of them twice."""

import pyotp
import pytest
from sqlalchemy import select

from app.accounts.account import (
    begin_second_factor,
    change_password,
    finish_second_factor,
    pending_enrolment,
    renew_recovery_codes,
    switch_second_factor_off,
)
from app.accounts.sessions import find_session
from app.accounts.sign_in import SignInRefused
from app.accounts.tables import RecoveryCode
from app.database import Database
from app.errors import InvalidInput
from tests.accounts.builders import HERE, NOON, PASSWORD, added, later, signed_in, token_for, user


def enrolled(database: Database) -> tuple[str, ...]:
    """Sets the second factor of ada up at noon; the recovery codes."""
    added(database)
    who = signed_in(database)
    begin_second_factor(database, who)
    return finish_second_factor(database, who, code_at(database, 0), NOON)


def code_at(database: Database, minutes: float) -> str:
    return pyotp.TOTP(user(database).totp_secret or "").at(later(minutes=minutes))


def test_the_secret_counts_only_after_a_first_code_was_typed(database: Database) -> None:
    added(database)
    who = signed_in(database)
    begin_second_factor(database, who)
    address, secret = pending_enrolment(database, who) or ("", "")
    assert address.startswith("otpauth://totp/Rigwise:ada?")
    assert len(secret) == 32, "160 bits"
    assert token_for(database)
    with pytest.raises(InvalidInput):
        finish_second_factor(database, who, "000000", NOON)
    assert len(finish_second_factor(database, who, code_at(database, 0), NOON)) == 10
    assert pending_enrolment(database, who) is None
    with pytest.raises(SignInRefused):
        token_for(database)
    with pytest.raises(InvalidInput, match="on already"):
        begin_second_factor(database, who)


def test_a_code_is_accepted_once_within_a_step_of_its_time(database: Database) -> None:
    enrolled(database)
    code = code_at(database, 5)
    assert token_for(database, at=later(minutes=5, seconds=25), code=f"{code[:3]} {code[3:]}")
    with pytest.raises(SignInRefused):
        token_for(database, at=later(minutes=5, seconds=26), code=code)
    with pytest.raises(SignInRefused):
        token_for(database, at=later(minutes=9), code=code_at(database, 7))


def test_the_code_that_set_it_up_does_not_sign_in(database: Database) -> None:
    enrolled(database)
    with pytest.raises(SignInRefused):
        token_for(database, at=later(seconds=5), code=code_at(database, 0))


def test_an_older_code_is_refused_after_a_newer_one(database: Database) -> None:
    enrolled(database)
    assert token_for(database, at=later(minutes=5), code=code_at(database, 5))
    with pytest.raises(SignInRefused):
        token_for(database, at=later(minutes=5), code=code_at(database, 4.5))


def test_each_recovery_code_signs_in_once_however_it_is_typed(database: Database) -> None:
    first, second, *_ = enrolled(database)
    assert token_for(database, at=later(minutes=1), code=first.upper().replace("-", " "))
    with pytest.raises(SignInRefused):
        token_for(database, at=later(minutes=2), code=first)
    assert token_for(database, at=later(minutes=3), code=second)
    with database.read() as session:
        kept = [row.code_hash for row in session.scalars(select(RecoveryCode))]
    assert first not in kept


def test_new_recovery_codes_end_the_old_ones(database: Database) -> None:
    old, *_ = enrolled(database)
    token_for(database, at=later(minutes=1), code=code_at(database, 1))
    who = find_session(database, token_for(database, at=later(minutes=2), code=code_at(database, 2)), HERE, later(minutes=2))
    assert who is not None
    new, *_ = renew_recovery_codes(database, who, later(minutes=2))
    with pytest.raises(SignInRefused):
        token_for(database, at=later(minutes=3), code=old)
    assert token_for(database, at=later(minutes=3), code=new)
    switch_second_factor_off(database, who, later(minutes=4))
    assert token_for(database, at=later(minutes=4))


def test_an_empty_code_is_no_code(database: Database) -> None:
    enrolled(database)
    with pytest.raises(SignInRefused):
        token_for(database, at=later(minutes=1), code="")


def test_a_new_password_ends_every_session_and_opens_another(database: Database) -> None:
    added(database)
    elsewhere, who = token_for(database), signed_in(database)
    token = change_password(database, who, PASSWORD, "quite another long one", HERE, NOON)
    assert find_session(database, elsewhere, HERE, NOON) is None
    assert find_session(database, token, HERE, NOON)
    with pytest.raises(SignInRefused):
        token_for(database)


@pytest.mark.parametrize(
    ("current", "chosen", "path"),
    [
        ("wrong", "quite another long one", "current_password"),
        (PASSWORD, PASSWORD, "password"),
        (PASSWORD, "short", "password"),
        (PASSWORD, "aaaaaaaaaaaaaaaaaaaa", "password"),
        (PASSWORD, "Correct Horse Battery Staple", "password"),
        (PASSWORD, "x" * 201, "password"),
    ],
)
def test_a_new_password_must_be_long_new_and_not_the_first_that_anybody_tries(
    database: Database, current: str, chosen: str, path: str
) -> None:
    added(database)
    with pytest.raises(InvalidInput) as caught:
        change_password(database, signed_in(database), current, chosen, HERE, NOON)
    assert caught.value.errors[0].path == path
    assert token_for(database)

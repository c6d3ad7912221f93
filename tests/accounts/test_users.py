"""Users and the log of what is done to them, on the command line too."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner

from app.accounts import audit
from app.accounts.audit import COMMAND_LINE, AuditFilter
from app.accounts.users import add_user, disable, enable, reset_second_factor, set_role, user_named, users
from app.cli import app as command_line
from app.database import Database
from app.errors import InvalidInput
from app.settings import get_settings
from tests.accounts.builders import NOON, PASSWORD, added, later, token_for


@pytest.mark.parametrize("name", ["", "a", "-x", "a b", "x" * 81, "ada<script>", "ada\n"])
def test_a_name_that_could_mislead_is_refused(sqlite_database: Database, name: str) -> None:
    with pytest.raises(InvalidInput), sqlite_database.write() as session:
        add_user(session, name if name != "ada\n" else "ada\nx", "editor", "hash", COMMAND_LINE, NOON, must_change=False)


def test_a_name_can_be_taken_only_once(database: Database) -> None:
    added(database)
    with pytest.raises(InvalidInput, match="already"):
        added(database, "Ada")


def test_the_last_administrator_can_be_neither_disabled_nor_demoted(database: Database) -> None:
    added(database)
    added(database, "bob")
    added(database, "eve", "editor")
    with database.write() as session:
        disable(session, user_named(session, "bob"), COMMAND_LINE, NOON)
    with pytest.raises(InvalidInput, match="only administrator"), database.write() as session:
        disable(session, user_named(session, "ada"), COMMAND_LINE, NOON)
    with pytest.raises(InvalidInput, match="only administrator"), database.write() as session:
        set_role(session, user_named(session, "ada"), "editor", COMMAND_LINE, NOON)
    with database.write() as session:
        enable(session, user_named(session, "bob"), COMMAND_LINE, NOON)
        set_role(session, user_named(session, "ada"), "editor", COMMAND_LINE, NOON)
    with database.read() as session:
        assert [(user.name, user.role) for user in users(session)] == [("ada", "editor"), ("bob", "admin"), ("eve", "editor")]


def test_every_act_is_in_the_log_with_who_did_it(database: Database) -> None:
    added(database)
    added(database, "bob", "editor")
    with database.write() as session:
        bob = user_named(session, "bob")
        set_role(session, bob, "admin", COMMAND_LINE, later(hours=1))
        set_role(session, bob, "admin", COMMAND_LINE, later(hours=1))
        disable(session, bob, COMMAND_LINE, later(hours=2))
        reset_second_factor(session, bob, COMMAND_LINE, later(hours=3))
    token_for(database)
    with database.read() as session:
        found = [(one.actor, one.act, one.subject) for one in audit.entries(session, AuditFilter())]
        assert found == [
            ("ada", "sign-in.done", ""),
            ("command line", "user.disable", "bob"),
            ("command line", "user.role", "bob"),
            ("command line", "user.add", "bob"),
            ("command line", "user.add", "ada"),
        ]
        assert [one.act for one in audit.entries(session, AuditFilter(act="user.", subject="BO"))] == [
            "user.disable",
            "user.role",
            "user.add",
        ]
        assert [one.act for one in audit.entries(session, AuditFilter(actor="ada"))] == ["sign-in.done"]
        assert len(audit.entries(session, AuditFilter(since=NOON.date(), until=NOON.date()), before=5, limit=2)) == 2
        assert audit.entries(session, AuditFilter(until=later(days=-1).date())) == []
    assert audit.check(database) == ()


def test_the_database_refuses_to_change_the_log_and_a_change_behind_its_back_is_noticed(sqlite_database: Database) -> None:
    added(sqlite_database)
    added(sqlite_database, "bob")
    for statement in ("UPDATE audit_entry SET actor = 'eve' WHERE id = 1", "DELETE FROM audit_entry"):
        with pytest.raises(DBAPIError), sqlite_database.write() as session:
            session.execute(text(statement))
    with sqlite_database.write() as session:
        session.execute(text("DROP TRIGGER audit_entry_refuse_update"))
        session.execute(text("UPDATE audit_entry SET subject = 'eve' WHERE id = 1"))
    assert len(audit.check(sqlite_database)) == 1
    with sqlite_database.write() as session:
        session.execute(text("DROP TRIGGER audit_entry_refuse_delete"))
        session.execute(text("DELETE FROM audit_entry WHERE id = 1"))
    assert "missing" in audit.check(sqlite_database)[0]


@pytest.fixture
def on_the_command_line(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("RIGWISE_DATABASE_URL", sqlite_url)
    get_settings.cache_clear()
    yield CliRunner()
    get_settings.cache_clear()


def test_the_first_administrator_comes_from_the_command_line(on_the_command_line: CliRunner, sqlite_database: Database) -> None:
    assert on_the_command_line.invoke(command_line, ["user", "add", "Ada"], input=f"{PASSWORD}\n").exit_code == 0
    assert on_the_command_line.invoke(command_line, ["user", "add", "bob", "--role", "editor"], input=f"{PASSWORD}\n").exit_code == 0
    assert token_for(sqlite_database)
    assert on_the_command_line.invoke(command_line, ["user", "disable", "bob"]).exit_code == 0
    listed = on_the_command_line.invoke(command_line, ["user", "list"]).output.splitlines()
    assert [line.split("\t")[:3] for line in listed] == [["ada", "admin", "active"], ["bob", "editor", "disabled"]]
    changed = on_the_command_line.invoke(command_line, ["user", "password", "ada"], input="quite another long one\n")
    assert changed.exit_code == 0
    assert PASSWORD not in changed.output


@pytest.mark.parametrize(
    ("arguments", "typed", "complaint"),
    [
        (["add", "ada"], "short\n", "15 characters"),
        (["add", "ada"], "", "no password"),
        (["disable", "nobody"], "", "no user called"),
        (["password", "nobody"], f"{PASSWORD}\n", "no user called"),
    ],
)
def test_the_command_line_says_what_is_wrong(on_the_command_line: CliRunner, arguments: list[str], typed: str, complaint: str) -> None:
    outcome = on_the_command_line.invoke(command_line, ["user", *arguments], input=typed)
    assert complaint in str(outcome.exception)

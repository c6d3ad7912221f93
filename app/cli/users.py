"""`rigwise user`: the first administrator, and help for whoever locked themselves out."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from app.accounts.roles import Role
from app.clock import now
from app.errors import InvalidInput

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.accounts.audit import Actor
    from app.database import Database

commands = typer.Typer(help="Users of the admin pages.")

Name = Annotated[str, typer.Argument(help="The user's name, as in ada or ada@example.org.")]


@commands.command("add")
def add(name: Name, role: Annotated[Role, typer.Option(help="What the user may do.")] = "admin") -> None:
    """Add a user. The password is asked for, or read from standard input."""
    from app.accounts import users as accounts

    password_hash = accounts.checked_hash(_password(), name)
    with _writing() as (session, us):
        accounts.add_user(session, name, role, password_hash, us, now(), must_change=False)
    typer.echo(f"{accounts.normalised(name)} may sign in as {role}")


@commands.command("list")
def list_users() -> None:
    """List the users with role, state and second factor."""
    from app.accounts import users as accounts

    with closing(_database()) as database, database.read() as session:
        for user in accounts.users(session):
            state = "disabled" if user.disabled_at else "active"
            factor = "second factor" if user.totp_confirmed_at else "password only"
            typer.echo(f"{user.name}\t{user.role}\t{state}\t{factor}\tsince {user.created_at:%Y-%m-%d}")


@commands.command("disable")
def disable(name: Name) -> None:
    """Keep a user out and end their sessions."""
    from app.accounts import users as accounts

    with _writing() as (session, us):
        accounts.disable(session, accounts.user_named(session, name), us, now())
    typer.echo(f"{accounts.normalised(name)} is disabled")


@commands.command("enable")
def enable(name: Name) -> None:
    """Let a disabled user in again."""
    from app.accounts import users as accounts

    with _writing() as (session, us):
        accounts.enable(session, accounts.user_named(session, name), us, now())
    typer.echo(f"{accounts.normalised(name)} may sign in again")


@commands.command("password")
def password(name: Name, reset_second_factor: Annotated[bool, typer.Option(help="Switch the second factor off too.")] = False) -> None:
    """Give a user another password and end their sessions."""
    from app.accounts import users as accounts

    password_hash = accounts.checked_hash(_password(), name)
    with _writing() as (session, us):
        user = accounts.user_named(session, name)
        accounts.set_password(session, user, password_hash, us, now(), must_change=False)
        if reset_second_factor:
            accounts.reset_second_factor(session, user, us, now())
    typer.echo(f"{accounts.normalised(name)} has a new password")


def _password() -> str:
    """Asked for twice on a terminal, one line of standard input elsewhere; never an argument, which others could read."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    if line := sys.stdin.readline().rstrip("\r\n"):
        return line
    raise InvalidInput("no password on standard input; type one, or pipe it in")


@contextmanager
def _writing() -> "Iterator[tuple[Session, Actor]]":
    """A writing transaction, and whom the audit log is to name."""
    from app.accounts.audit import COMMAND_LINE

    with closing(_database()) as database, database.write() as session:
        yield session, COMMAND_LINE


def _database() -> "Database":
    from app.database import Database
    from app.settings import get_settings

    return Database(get_settings().database_url)

"""The command line: one of the two places where the rooms are put together (the other is main.py)."""

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from app.cli.imports import export, import_, undo
from app.cli.serving import refuse, serve
from app.cli.users import commands as user_commands
from app.errors import InvalidInput, RigwiseError

if TYPE_CHECKING:
    from app.database import Database
    from app.hardware import Catalogue, Gpu

app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, help="Which machine a machine-learning job needs, and which one to buy."
)  # fmt: skip
app.add_typer(user_commands, name="user")
app.command("import")(import_)
app.command()(undo)
app.command()(export)
app.command()(serve)

Document = Annotated[Path | None, typer.Argument(help="JSON file; standard input where none is given.")]
Batch = Annotated[bool, typer.Option("--batch", help="JSON Lines in, JSON Lines out, in the same order.")]
LARGEST_DOCUMENT = 4 * 2**20  # bytes of one document


def main() -> None:
    """Runs the command line; every error that people can mend is one line on standard error and exit status 2."""
    try:
        sys.exit(app(standalone_mode=False))
    except RigwiseError as error:
        sys.exit(_complain(str(error)))
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except OSError as error:
        sys.exit(_complain(f"{error.filename or 'file'}: {error.strerror or error}"))
    except typer.TyperException as error:
        sys.exit(_complain(str(error)))


def _complain(message: str) -> int:
    print(f"rigwise: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201 - the command line speaks here
    return 2


@app.command()
def estimate(
    file: Document = None,
    batch: Batch = False,
    gpu: Annotated[str | None, typer.Option(help="Catalogue id of a GPU: adds the speed on it.")] = None,
    gpus: Annotated[int, typer.Option(min=1, max=65_536, help="How many of that GPU.")] = 1,
) -> None:
    """Estimate what one workload needs."""
    from app.estimation.service import estimate_document, speed_on

    if gpu is None:
        _answer(file, batch, estimate_document)
        return
    card = _gpu(gpu)
    _answer(file, batch, lambda document: speed_on(document, card, gpus))


@app.command()
def capacity(
    gpu: Annotated[str, typer.Option(help="Catalogue id of a GPU.")],
    file: Document = None,
    batch: Batch = False,
    gpus: Annotated[int, typer.Option(min=1, max=65_536, help="How many of that GPU.")] = 1,
    ram_gb: Annotated[float | None, typer.Option(min=1, max=10**6, help="RAM beside them, for layers that do not fit.")] = None,
) -> None:
    """Say how large one workload may be on these cards: context, users, batch, weight format; and what becomes of one too large."""
    from app.estimation.service import capacity_on

    card = _gpu(gpu)
    _answer(file, batch, lambda document: capacity_on(document, card, gpus, ram_gb))


@app.command()
def advise(file: Document = None, batch: Batch = False) -> None:
    """Advise on machines for one request: {"workload": ..., "limits": ...}, or for several jobs on one machine:
    {"workloads": [...], "together": "either" or "at_once", "limits": ...}."""
    from app.advisor import advise_document
    from app.clock import today

    catalogue = _catalogue()
    day = today()
    _answer(file, batch, lambda document: advise_document(document, catalogue, today=day))


@app.command()
def migrate() -> None:
    """Bring the database to the current schema."""
    from app.migrate import migrate as run
    from app.settings import get_settings

    run(get_settings().database_url)


@app.command()
def seed() -> None:
    """Put the researched catalogue into the database; run again, it changes nothing."""
    from app.catalogue.seed import seed as run

    with _database() as database:
        typer.echo(f"catalogue revision {run(database)}")


@app.command()
def check(backup: Annotated[Path | None, typer.Argument(help="A backup; the database itself where none is given.")] = None) -> None:
    """Verify that the database, or a backup, is whole: file, references, the catalogue's history, shared results."""
    from app.backup.backups import verify_backup
    from app.backup.integrity import problems_of

    if backup:
        problems = verify_backup(backup)
    else:
        with _database() as database:
            problems = problems_of(database)
    refuse(problems)
    typer.echo("the backup is whole" if backup else "the database is whole, its history complete and untouched")


@app.command()
def backup(file: Path) -> None:
    """Copy the database to a new file while the site runs, and verify the copy."""
    from app.backup.backups import make_backup
    from app.clock import now
    from app.settings import get_settings

    made = make_backup(get_settings().database_url, file, now())
    typer.echo(f"{file}: {made.size:,} bytes, catalogue revision {made.revision}, verified; SHA-256 {made.sha256}")


@app.command()
def restore(
    file: Path, replace: Annotated[bool, typer.Option("--replace", help="Where there is a database already; the old one is kept.")] = False
) -> None:
    """Put a backup in the place of the database, and check it. The server must be stopped."""
    from app.backup.backups import restore_backup
    from app.clock import now
    from app.settings import get_settings

    kept = restore_backup(get_settings().database_url, file, now(), replace=replace)
    typer.echo("restored and checked" + (f"; the database before it is kept as {kept}" if kept else ""))


def _database() -> "AbstractContextManager[Database]":
    from app.database import Database
    from app.settings import get_settings

    return closing(Database(get_settings().database_url))


def _catalogue() -> "Catalogue":
    from app.catalogue.snapshot import CatalogueCache

    with _database() as database:
        return CatalogueCache(database).current()


def _gpu(name: str) -> "Gpu":
    gpus = _catalogue().gpus
    if name not in gpus:
        close = get_close_matches(name, gpus, n=3)
        hint = f"; did you mean {', '.join(close)}?" if close else ""
        raise InvalidInput(f"--gpu: there is no GPU '{name[:60]}' in the catalogue{hint}")
    return gpus[name]


def _answer(file: Path | None, batch: bool, answer: Callable[[object], dict[str, Any]]) -> None:
    source = file.open(encoding="utf-8") if file else sys.stdin
    with source:
        if batch:
            _answer_lines(source, answer)
        else:
            typer.echo(json.dumps(answer(_parsed(source.read(LARGEST_DOCUMENT + 1))), indent=2))


def _answer_lines(lines: TextIO, answer: Callable[[object], dict[str, Any]]) -> None:
    for line in lines:
        if not line.strip():
            continue
        try:
            result = answer(_parsed(line))
        except RigwiseError as error:
            result = {"error": problem(error)}
        sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()


def problem(error: RigwiseError) -> dict[str, Any]:
    """The error as problem+json has it."""
    fields = error.errors if isinstance(error, InvalidInput) else ()
    return {
        "title": error.title, "status": error.status, "detail": str(error),
        "errors": [{"path": field.path, "message": field.message} for field in fields],
    }  # fmt: skip


def _parsed(text: str) -> object:
    if len(text) > LARGEST_DOCUMENT:
        raise InvalidInput(f"the document is longer than {LARGEST_DOCUMENT:,} characters")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidInput(f"this is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except (ValueError, RecursionError):
        raise InvalidInput("this JSON has numbers that are too long or nests too deeply") from None


if __name__ == "__main__":
    main()

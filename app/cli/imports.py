"""`rigwise import`, `undo` and `export`: price lists and catalogues in and out."""

import re
import sys
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.clock import now
from app.errors import InvalidInput

if TYPE_CHECKING:
    from app.catalogue.imports.apply import Imported, Witness
    from app.catalogue.imports.dry_run import DryRun
    from app.catalogue.imports.judge import Judgement
    from app.catalogue.imports.profiles import Profile
    from app.catalogue.revisions import Occasion
    from app.database import Database
    from app.recommendation.machine import Machine

ACTOR = "command line"
PROGRESS_EVERY = 10_000
"""Rows between two lines of progress on standard error."""

SHOWN = frozenset({"confirm", "ambiguous", "rejected"})
Pairs = Annotated[list[str] | None, typer.Option(help="FIELD=COLUMN: which column of a price list holds one of our fields.")]
Constants = Annotated[list[str] | None, typer.Option(help="FIELD=VALUE that holds for every row, such as currency=EUR or provider=Lambda.")]


def import_(  # noqa: PLR0913, PLR0917  (one argument for each option)
    file: Annotated[Path, typer.Argument(help="CSV, JSON, JSON Lines or ECB XML; packed with gzip or not.")],
    source: Annotated[str, typer.Option(help="Who made the file; how its files are read is kept under this name.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be recorded.")] = False,
    observed_on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="When the prices were seen.")] = None,
    format_: Annotated[str, typer.Option("--format", help="Name of the format, where its columns do not tell it.")] = "",
    column: Pairs = None,
    constant: Constants = None,
    accept_jumps: Annotated[bool, typer.Option("--accept-jumps", help="Take prices that moved by more than 40 %.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for the history.")] = "",
    verbose: Annotated[bool, typer.Option("--verbose", help="List every row that is left out, with its reason.")] = False,
) -> None:
    """Import prices, items or exchange rates as one revision, and say what became of every row."""
    from app.catalogue.imports.apply import import_file, judge_file
    from app.catalogue.imports.judge import EVERY_ROW
    from app.catalogue.revisions import Occasion

    said = {"format": format_, "columns": _pairs(column, "--column"), "constants": _pairs(constant, "--constant")}
    accepted = EVERY_ROW if accept_jumps else ()
    watch = _Progress(verbose)
    with closing(_database()) as database, file.open("rb") as opened:
        profile = _profile(database, file, source, observed_on.date() if observed_on else None, said)
        if dry_run:
            run = judge_file(database, opened, profile, today=now().date(), accepted=accepted, watch=watch)
            _tell(run, "would be recorded" if run.changes else "nothing new")
            _tell_consequences(database, run)
            return
        occasion = Occasion(at=now(), actor=ACTOR, kind="import", reason=reason or f"import of {file.name}", batch=file.name)
        done = import_file(database, opened, profile, occasion, accepted=accepted, watch=watch, witness=_witness(occasion))
        _tell(done.run, _outcome(done))


def undo(batch: Annotated[int, typer.Argument(help="Number of the import.")]) -> None:
    """Undo an import as a whole, by a new revision."""
    from app.catalogue.imports.apply import undo_import
    from app.catalogue.revisions import Occasion

    occasion = Occasion(at=now(), actor=ACTOR, kind="rollback", reason=f"import {batch} undone")
    with closing(_database()) as database:
        revision, kept = undo_import(database, batch, occasion, _witness(occasion))
    typer.echo(f"revision {revision} undoes import {batch}")
    for sentence in kept:
        typer.echo(f"  {sentence}")


def export(
    table: Annotated[str | None, typer.Argument(help="One of gpu, ram, drive, platform, cloud, price, rate, alias.")] = None,
    format_: Annotated[Literal["json", "csv"], typer.Option("--format", help="How to write it.")] = "json",
    output: Annotated[Path | None, typer.Option(help="File to write; standard output where none is named.")] = None,
) -> None:
    """Write the catalogue as it stands, in a form that `rigwise import` reads back."""
    from app.catalogue.export import export_csv, export_json

    write = export_csv if format_ == "csv" else export_json
    with closing(_database()) as database, database.read() as session:
        if output is None:
            write(session, sys.stdout, table)
            return
        with output.open("w", encoding="utf-8", newline="") as file:
            write(session, file, table)


class _Progress:
    """Tells how far the import is, and of every row that is left out where that is wanted."""

    def __init__(self, verbose: bool) -> None:
        self._verbose = verbose
        self._told = 0

    def __call__(self, judgement: "Judgement") -> None:
        self._told += 1
        if self._told % PROGRESS_EVERY == 0:
            typer.echo(f"{self._told:,} rows ...", err=True)
        if self._verbose and judgement.verdict in SHOWN:
            typer.echo(f"  line {judgement.line}: {judgement.verdict}: {judgement.label}: {judgement.reason}", err=True)


def _profile(database: "Database", file: Path, source: str, observed_on: date | None, said: Mapping[str, object]) -> "Profile":
    """What is known of the source, with what is said now over it; the day from the path, else from the file itself."""
    from app.catalogue.imports.dry_run import day_in
    from app.catalogue.imports.sources import made_profile, profile_of

    with database.read() as session:
        known = profile_of(session, source) if source else None
    day = observed_on or day_in(str(file.absolute()))
    if day is None:
        day = datetime.fromtimestamp(file.stat().st_mtime, tz=UTC).date()
        typer.echo(f"prices without a day count as seen on {day}, when the file was last written; --observed-on says otherwise", err=True)
    return made_profile(known, source=source, observed_on=day, **said)


def _tell(run: "DryRun", outcome: str) -> None:
    counts = ", ".join(f"{count:,} {verdict}" for verdict, count in run.counts.most_common())
    typer.echo(f"{run.format.title}: {run.rows:,} rows: {counts}")
    typer.echo(outcome)


def _outcome(done: "Imported") -> str:
    if done.batch is None:
        return "nothing new: no revision"
    return f"recorded as revision {done.revision}; `rigwise undo {done.batch}` undoes it"


def _tell_consequences(database: "Database", run: "DryRun") -> None:
    """For which ready-made jobs another machine would be recommended."""
    from app.catalogue.rollback import snapshot_after
    from app.catalogue.snapshot import snapshot_at
    from app.consequences import consequences

    if not run.can_be_tried:
        typer.echo("the recommendations were not tried with it" if run.changes else "no recommendation would change")
        return
    with database.read() as session:
        before = snapshot_at(session, run.revision).catalogue
        after = snapshot_after(session, run.changes).catalogue
    changed = consequences(before, after, now().date())
    flips = [found for found in changed if _machine(found.before) != _machine(found.after)]
    for found in flips:
        prices = f"{found.before.total if found.before else 'none'} -> {found.after.total if found.after else 'none'}"
        typer.echo(f"  {found.preset.title}, {found.role}: {_machine(found.before)} -> {_machine(found.after)} ({prices})")
    typer.echo(f"recommendations of the ready-made jobs: {len(flips)} other machines, {len(changed) - len(flips)} other prices or drives")


def _machine(machine: "Machine | None") -> str:
    if machine is None:
        return "nothing"
    gpus = f"{machine.gpu_quantity} x {machine.gpu.name}, " if machine.gpu else ""
    return f"{gpus}{machine.platform.name}"


def _witness(occasion: "Occasion") -> "Witness":
    """Notes the act in the audit log, in the same transaction."""
    from app.accounts.audit import COMMAND_LINE, note

    return lambda session, act, subject: note(session, COMMAND_LINE, act, subject, occasion.reason, at=occasion.at)


def _pairs(given: list[str] | None, option: str) -> dict[str, str]:
    pairs = {}
    for text in given or ():
        match = re.fullmatch(r"([a-z_]+)=(.+)", text)
        if match is None:
            raise InvalidInput(f"{option}: '{text[:60]}' is not of the form field=value")
        pairs[match[1]] = match[2]
    return pairs


def _database() -> "Database":
    from app.database import Database
    from app.settings import get_settings

    return Database(get_settings().database_url)

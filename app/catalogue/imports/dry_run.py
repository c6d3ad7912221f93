"""The dry run: a file held against the catalogue row by row, and what would be recorded. Nothing is changed by it."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from typing import Any, BinaryIO, NoReturn

from app.catalogue.facts import AliasFact, Changes, ItemFact, PriceFact, RateFact
from app.catalogue.imports.files import open_text
from app.catalogue.imports.formats import format_of
from app.catalogue.imports.formats.format import Format
from app.catalogue.imports.judge import Judge, Judgement
from app.catalogue.imports.profiles import Profile
from app.catalogue.imports.rows import Row, refusal_of, rows
from app.catalogue.imports.standing import Standing
from app.catalogue.imports.statements import RowProblem
from app.errors import InvalidInput

MOST_NEW_PARTS = 5_000
"""With more new parts than this the recommendations are not tried: each would take seconds and gigabytes."""

Watch = Callable[[Judgement], None]
UNDATED = "the file does not say when its prices were seen; give the day, such as 2026-10-30"
_DAY = re.compile(r"(20\d\d)-?([01]\d)-?([0-3]\d)")


@dataclass(slots=True)
class DryRun:
    """What a file would do to the catalogue at `revision`: how many rows of each verdict, and the facts to be recorded."""

    revision: int
    format: Format
    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    items: dict[str, ItemFact] = field(default_factory=dict)
    aliases: list[AliasFact] = field(default_factory=list)
    prices: list[PriceFact] = field(default_factory=list)
    rates: list[RateFact] = field(default_factory=list)
    withdrawn_prices: list[PriceFact] = field(default_factory=list)
    withdrawn_rates: list[RateFact] = field(default_factory=list)

    def add(self, judgement: Judgement) -> None:
        """Counts a verdict and keeps its facts."""
        self.counts[judgement.verdict] += 1
        if judgement.verdict not in {"new", "changed"}:
            return
        if judgement.new_item:
            self.items[judgement.new_item.id] = judgement.new_item
        if judgement.alias:
            self.aliases.append(judgement.alias)
        if judgement.price:
            self.prices.append(judgement.price)
        if judgement.withdrawn_price:
            self.withdrawn_prices.append(judgement.withdrawn_price)
        self.rates += judgement.rates
        self.withdrawn_rates += judgement.withdrawn_rates

    @property
    def can_be_tried(self) -> bool:
        """Whether the recommendations can be worked out with what would be recorded."""
        return bool(self.changes) and len(self.items) <= MOST_NEW_PARTS

    @property
    def changes(self) -> Changes:
        """What would be recorded."""
        return Changes(
            items=tuple(self.items.values()),
            aliases=tuple(self.aliases),
            prices=tuple(self.prices),
            rates=tuple(self.rates),
            withdrawn_prices=tuple(self.withdrawn_prices),
            withdrawn_rates=tuple(self.withdrawn_rates),
        )


def dry_run(
    file: BinaryIO, profile: Profile, standing: Standing, *, today: date, accepted: Iterable[int] = (), watch: Watch | None = None
) -> DryRun:
    """Judges every row of the file; `watch` is told each verdict as it falls. `standing` is used up by it.

    Raises InvalidInput where the file as a whole cannot be read, or its format or day is not known.
    """
    every_row = rows(open_text(file))
    first = next(every_row, None)
    if first is None:
        raise InvalidInput("the file has no rows below its header")
    format_ = format_of([name for name in first.cells if not name.startswith("\0")], profile.format)
    _refuse_undated(format_, first, profile)
    judge = Judge(standing=standing, profile=_with_source(profile, format_), today=today, accepted=accepted)
    run = DryRun(revision=standing.revision, format=format_)
    for row in chain((first,), every_row):
        run.rows += 1
        for judgement in _judged(row, format_, judge):
            run.add(judgement)
            if watch:
                watch(judgement)
    return run


def _judged(row: Row, format_: Format, judge: Judge) -> Iterator[Judgement]:
    """The verdicts on what one row says: on several things, if it says several."""
    reason = refusal_of(row)
    try:
        if reason:
            raise RowProblem(reason)
        for statement in format_.read(_Told(row.cells), judge.profile):
            yield judge.judge(row.line, statement)
    except RowProblem as problem:
        yield Judgement(line=row.line, verdict="rejected", label=_label(row), reason=str(problem))


class _Told(dict[str, Any]):
    """What a row says; a row that is shorter than the header, or a record without a key, says nothing under some of the columns."""

    def __missing__(self, column: str) -> NoReturn:
        raise RowProblem(f"the row says nothing under '{column}'")


def _label(row: Row) -> str:
    """Something to recognise a row by that could not be read."""
    return str(next((value for value in row.cells.values() if isinstance(value, str) and value), ""))[:120]


def _with_source(profile: Profile, format_: Format) -> Profile:
    return profile if profile.source else profile.model_copy(update={"source": format_.source})


def _refuse_undated(format_: Format, first: Row, profile: Profile) -> None:
    if format_.dated or profile.observed_on or profile.value(first.cells, "observed_on"):
        return
    raise InvalidInput(UNDATED, "observed_on")


def day_in(name: str) -> date | None:
    """The day that the name of a file or of its folder tells, the last one where it tells several."""
    for year, month, day in reversed(_DAY.findall(name)):
        try:
            return date(int(year), int(month), int(day))
        except ValueError:
            continue
    return None

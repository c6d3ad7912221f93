"""The answer in one sentence, and the line under it that says what it rests on."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.money import Money
from app.units import format_binary
from app.web.contexts.machine import MachineView, price_span
from app.web.contexts.needs import interval_of, likely
from app.web.contexts.values import Document, in_words, money_of, whole
from app.web.formats import day

_BASIS = {
    "measured": "95 % of measured runs like this need {range}.",
    "model": "95 % interval: {range}, by the model; runs like this were not measured.",
    "size only": "Only the size is known, so the interval is wide: {range}.",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the headline; figures are accented."""

    text: str
    accented: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The sentence and the line under it. `short` is for the bar on phones and the page title."""

    pieces: tuple[Piece, ...]
    subline: str
    short: str

    @property
    def text(self) -> str:
        """The sentence without accents."""
        return "".join(piece.text for piece in self.pieces)


def headline(request: Document, advice: Document, picks: Sequence[MachineView], over: Sequence[MachineView]) -> Headline:
    """The headline for an advice: `picks` are inside the limits, `over` would do the job but for a limit."""
    estimate = advice["estimate"]
    memory = estimate["gpu_memory"]
    need = memory or estimate["host_memory"]
    budget = request["limits"].get("budget")
    figure = Piece(format_binary(need["required_bytes"]), accented=True)
    start = (Piece("You need "), figure, Piece(_of_what(memory)))
    verdict = _found(picks, advice, bool(budget)) if picks else _nothing(over, money_of(budget) if budget else None)
    best = min((one.total for one in picks), default=None)
    tail = f" \u00b7 from {whole(best)}" if best else " \u00b7 nothing fits"
    return Headline(pieces=(*start, *verdict), subline=_subline(advice, need, [*picks, *over]), short=f"{figure.text}{tail}")


def _of_what(memory: Document | None) -> str:
    if memory is None:
        return " of system RAM and no GPU. "
    return " of GPU memory. "


def _found(picks: Sequence[MachineView], advice: Document, has_budget: bool) -> tuple[Piece, ...]:
    has_gpu = advice["estimate"]["gpu_memory"] is not None
    count = advice["feasible"] if has_gpu else len(advice["frontier"])
    noun, verb = ("machine", "does") if count == 1 else ("machines", "do")
    inside = " in your budget" if has_budget else ""
    cheapest = min(one.total for one in picks)
    return (Piece(f"{in_words(count)} {noun}{inside} {verb} it, from "), Piece(whole(cheapest), accented=True), Piece("."))


def _nothing(over: Sequence[MachineView], budget: Money | None) -> tuple[Piece, ...]:
    dearer = [one.total for one in over if budget and one.total > budget]
    if budget and dearer:
        cheapest = whole(min(dearer))
        return (Piece(f"No machine for {whole(budget)} does it; the cheapest that does costs "), Piece(cheapest, accented=True), Piece("."))
    return (Piece("No machine in the catalogue does it within these limits."),)


def _subline(advice: Document, need: Document, machines: Sequence[MachineView]) -> str:
    basis = _BASIS[need["interval"]["basis"]].format(range=likely(interval_of(need)))
    span = price_span(machines)
    prices = f" Prices of {_days(*span)}," if span else ""
    revision = f"catalogue revision {advice['catalogue_revision']}."
    return f"{basis}{prices} {revision if span else revision.capitalize()}"


def _days(oldest: object, newest: object) -> str:
    first, last = day(str(oldest)), day(str(newest))
    return last if first == last else f"{first} to {last}"

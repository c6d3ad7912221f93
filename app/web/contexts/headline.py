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
    figure = Piece(format_binary(need["required_bytes"]), accented=True)
    start = (Piece("You need "), figure, Piece(_of_what(memory)))
    verdict = _verdict(picks, over, _asked(request, advice, "it", has_gpu=memory is not None))
    basis = _BASIS[need["interval"]["basis"]].format(range=likely(interval_of(need)))
    return Headline(pieces=(*start, *verdict), subline=_subline(basis, advice, [*picks, *over]), short=_short(figure, picks))


def joint_headline(request: Document, advice: Document, picks: Sequence[MachineView], over: Sequence[MachineView]) -> Headline:
    """The headline for the advice of several jobs."""
    needs = advice["needs"]
    count, at_once = in_words(len(request["workloads"])), request["together"] == "at_once"
    figure = Piece(format_binary(needs["gpu_memory_bytes"] or needs["host_memory_bytes"]), accented=True)
    of_what = " of GPU memory" if needs["gpu_memory_bytes"] else " of system RAM and no GPU"
    start = (
        Piece(f"{count} jobs at once need " if at_once else f"The neediest of {count.lower()} jobs needs "), figure,
        Piece(f"{of_what} in all. " if at_once else f"{of_what}. "),
    )  # fmt: skip
    verdict = _verdict(picks, over, _asked(request, advice, "them all", has_gpu=bool(needs["gpu_memory_bytes"])))
    return Headline(pieces=(*start, *verdict), subline=_subline("", advice, [*picks, *over]), short=_short(figure, picks))


def _short(figure: Piece, picks: Sequence[MachineView]) -> str:
    best = min((one.total for one in picks), default=None)
    return f"{figure.text} \u00b7 from {whole(best)}" if best else f"{figure.text} \u00b7 nothing fits"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the verdict is about: one job ("it") or several, how many machines do it, within which budget."""

    what: str
    machines: int
    budget: Money | None


def _asked(request: Document, advice: Document, what: str, *, has_gpu: bool) -> _Asked:
    budget = request["limits"].get("budget")
    return _Asked(what, advice["feasible"] if has_gpu else len(advice["frontier"]), money_of(budget) if budget else None)


def _of_what(memory: Document | None) -> str:
    if memory is None:
        return " of system RAM and no GPU. "
    return " of GPU memory. "


def _verdict(picks: Sequence[MachineView], over: Sequence[MachineView], asked: _Asked) -> tuple[Piece, ...]:
    return _found(picks, asked) if picks else _nothing(over, asked)


def _found(picks: Sequence[MachineView], asked: _Asked) -> tuple[Piece, ...]:
    count = asked.machines
    noun, verb = ("machine", "does") if count == 1 else ("machines", "do")
    inside = " in your budget" if asked.budget else ""
    cheapest = min(one.total for one in picks)
    return (Piece(f"{in_words(count)} {noun}{inside} {verb} {asked.what}, from "), Piece(whole(cheapest), accented=True), Piece("."))


def _nothing(over: Sequence[MachineView], asked: _Asked) -> tuple[Piece, ...]:
    budget = asked.budget
    dearer = [one.total for one in over if budget and one.total > budget]
    if budget and dearer:
        start = f"No machine for {whole(budget)} does {asked.what}; the cheapest that does costs "
        return (
            Piece(start),
            Piece(whole(min(dearer)), accented=True),
            Piece("."),
        )
    return (Piece(f"No machine in the catalogue does {asked.what} within these limits."),)


def _subline(basis: str, advice: Document, machines: Sequence[MachineView]) -> str:
    span = price_span(machines)
    prices = f" Prices of {_days(*span)}," if span else ""
    revision = f"catalogue revision {advice['catalogue_revision']}."
    return f"{basis}{prices} {revision if span else revision.capitalize()}".strip()


def _days(oldest: object, newest: object) -> str:
    first, last = day(str(oldest)), day(str(newest))
    return last if first == last else f"{first} to {last}"

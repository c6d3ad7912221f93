"""A frozen result: the answer as it was given, the question, and what the same machine costs today."""

from dataclasses import dataclass

from app.money import Money
from app.results.permalinks import StoredResult
from app.results.receipts import LineThenAndNow, PickThenAndNow, Receipt
from app.units import format_binary
from app.web.contexts.answer import AnswerView, picked
from app.web.contexts.headline import Piece
from app.web.contexts.job import QuestionRow
from app.web.contexts.machine import age_of, machine_title, quantified
from app.web.contexts.values import Document, money_of, whole
from app.web.formats import MINUS, age, day, plural


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptLine:
    """One part, then and now."""

    name: str
    part_id: str
    then: str
    now: str
    seen: str  # the day of the price of now, and how old it is
    age: str  # "", "stale" or "not current"
    change: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptView:
    """What the recommended machine costs today, and whether it would still be the one."""

    headline: str
    sentences: str
    lines: tuple[ReceiptLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPage:
    """Context of pages/result.html."""

    id: str
    title: tuple[Piece, ...]
    plain_title: str
    created_on: str
    revision: int
    estimator_version: str
    fingerprint: str
    address: str
    edit_href: str
    compare_href: str  # its picks beside each other, empty where there are fewer than two
    answer: AnswerView
    question: tuple[QuestionRow, ...]
    receipt: ReceiptView | None
    card: str  # the result as plain text, to paste into a message


def result_title(answer: AnswerView) -> tuple[Piece, ...]:
    """The job and the machine that was recommended for it."""
    pick = next((pick for pick in answer.picks if pick.best), None)
    if pick is None:
        return (Piece(f"{answer.summary}: "), Piece("no machine", accented=True), Piece(" within the limits."))
    machine = pick.machine
    return (
        Piece(f"{answer.summary}: "),
        Piece(machine.parts, accented=True),
        Piece(" for "),
        Piece(machine.total_text, accented=True),
        Piece("."),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Today's answers to the question of a shared result; None where today's program no longer takes the question."""

    today: Document | None
    with_catalogue_of_then: Document | None  # by today's formulas; worked out only where the formulas are other ones


def receipt_view(receipt: Receipt, stored: StoredResult, replay: Replay) -> ReceiptView | None:
    """The receipt of the pick that the objective asked for: what it costs today, and which of price, catalogue and formula matters."""
    objective = stored.request["limits"]["objective"]
    pick = next((pick for pick in receipt.picks if pick.role == objective), None)
    if pick is None:
        return None
    sentences = (_moved(pick), _formulas(stored, replay), _why_another(pick, replay, objective))
    return ReceiptView(
        headline=_headline(pick, replay.today, objective),
        sentences=" ".join(filter(None, sentences)),
        lines=tuple(_line(line) for line in pick.lines),
    )


def _headline(pick: PickThenAndNow, today: Document | None, objective: str) -> str:
    if pick.now is None or pick.difference is None:
        price = "A part of this machine is no longer sold."
    else:
        price = f"With today's prices: {whole(pick.now)} ({_signed(pick.difference)})."
    if today is None:
        return price
    machine = picked(today, objective)
    if machine is None:
        return f"{price} Today no machine is within the limits."
    same = machine["id"] == pick.machine
    return f"{price} The pick would be {'the same' if same else _named(machine)}."


def _named(machine: Document) -> str:
    return f"{machine_title(machine)} for {whole(money_of(machine['price']['total']))}"


def _moved(pick: PickThenAndNow) -> str:
    moved = len(pick.changed)
    return f"{plural(moved, 'part')} changed." if moved else "No part changed its price."


def _formulas(stored: StoredResult, replay: Replay) -> str:
    """What other formulas make of the memory that the job needs; of several jobs, of the one that they change most."""
    if replay.today is None:
        return "Today's program no longer takes this question."
    before, after = _estimates(stored.advice), _estimates(replay.today)
    then, now = stored.estimator_version, after[0]["version"]["estimator"]
    if then == now:
        return "No formula has changed."
    pairs = [_memory(one, other, number) for number, (one, other) in enumerate(zip(before, after, strict=True), start=len(after) > 1)]
    name, least, most = max(pairs, key=lambda pair: abs(pair[2] / pair[1] - 1))
    change = f"{most / least - 1:+.1%}".replace("%", " %").replace("-", MINUS)
    moved = "did not change" if least == most else f"changed by {change}, from {format_binary(least)} to {format_binary(most)}"
    return f"With the formulas of {now} in place of {then}, the {name} {moved}."


def _estimates(advice: Document) -> list[Document]:
    return advice["estimates"] if "estimates" in advice else [advice["estimate"]]


def _memory(then: Document, now: Document, number: int) -> tuple[str, int, int]:
    """What a job needs, in words, then and now; `number` is 0 for the only job."""
    key, name = ("gpu_memory", "GPU memory") if then["gpu_memory"] and now["gpu_memory"] else ("host_memory", "system RAM")
    return f"{name} that {f'job {number}' if number else 'it'} needs", then[key]["required_bytes"], now[key]["required_bytes"]


def _why_another(pick: PickThenAndNow, replay: Replay, objective: str) -> str:
    """Whether it is the formulas or the catalogue that changes the pick; nothing where it is the same."""
    today, of_then = (picked(answer, objective) if answer else None for answer in (replay.today, replay.with_catalogue_of_then))
    if replay.today is None or (today and today["id"] == pick.machine):
        return ""
    by_formula = replay.with_catalogue_of_then is not None and (of_then is None or of_then["id"] != pick.machine)
    if by_formula:
        return "The formulas change the pick: with the prices of then it would be another one too."
    return "The catalogue changes the pick: with the parts and prices of then it would be the same."


def _line(line: LineThenAndNow) -> ReceiptLine:
    then = line.then * line.quantity
    now = None if line.now is None else line.now * line.quantity
    change = Money(0, then.currency) if now is None else now - then
    return ReceiptLine(
        name=quantified(line.quantity, line.name),
        part_id=line.part if line.cause != "no longer listed" else "",
        then=whole(then),
        now="\N{EN DASH}" if now is None else whole(now),
        seen="" if line.observed_now is None else f"{day(line.observed_now)}, {age(line.age_days or 0)}",
        age=age_of(line.age_days),
        change=f"{_signed(change)}{', by the exchange rate' if line.cause == 'exchange rate' else ''}" if now is not None else line.cause,
        tone="bad" if change.minor > 0 or now is None else "good" if change.minor < 0 else "",
    )


def _signed(money: Money) -> str:
    if not money.minor:
        return "no change"
    return f"+{whole(money)}" if money.minor > 0 else f"{MINUS}{whole(Money(-money.minor, money.currency))}"

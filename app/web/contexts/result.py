"""A frozen result: the answer as it was given, the question, and what the same machine costs today."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.money import Money
from app.results.permalinks import StoredResult
from app.results.receipts import LineThenAndNow, PickThenAndNow, Receipt
from app.web.contexts.answer import AnswerView
from app.web.contexts.headline import Piece
from app.web.contexts.job import QuestionRow
from app.web.contexts.machine import quantified
from app.web.contexts.values import whole
from app.web.formats import MINUS, plural


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptLine:
    """One part, then and now."""

    name: str
    then: str
    now: str
    change: str
    tone: str
    cause: str


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
    answer: AnswerView
    question: tuple[QuestionRow, ...]
    receipt: ReceiptView | None


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


def receipt_view(receipt: Receipt, stored: StoredResult, now: Mapping[str, Any] | None) -> ReceiptView | None:
    """The receipt of the pick that the objective asked for; `now` is today's answer to the same question, if there is one."""
    objective = stored.request["limits"]["objective"]
    pick = next((pick for pick in receipt.picks if pick.role == objective), None)
    if pick is None:
        return None
    return ReceiptView(
        headline=_headline(pick, now, objective),
        sentences=_sentences(pick, stored, now),
        lines=tuple(_line(line) for line in pick.lines),
    )


def _headline(pick: PickThenAndNow, now: Mapping[str, Any] | None, objective: str) -> str:
    if pick.now is None or pick.difference is None:
        return "A part of this machine is no longer sold."
    price = f"With today's prices: {whole(pick.now)} ({_signed(pick.difference)})."
    if now is None:
        return price
    machine = next((one["machine"]["id"] for one in now["picks"] if one["role"] == objective), None)
    return f"{price} The pick would be {'the same' if machine == pick.machine else 'another machine'}."


def _sentences(pick: PickThenAndNow, stored: StoredResult, now: Mapping[str, Any] | None) -> str:
    moved = len(pick.changed)
    parts = f"{plural(moved, 'part')} changed." if moved else "No part changed its price."
    version = now["estimate"]["version"]["estimator"] if now else stored.estimator_version
    same = version == stored.estimator_version
    return f"{parts} {'No formula has changed.' if same else f'The formulas are those of {version} today.'}"


def _line(line: LineThenAndNow) -> ReceiptLine:
    then = line.then * line.quantity
    now = None if line.now is None else line.now * line.quantity
    change = Money(0, then.currency) if now is None else now - then
    return ReceiptLine(
        name=quantified(line.quantity, line.name),
        then=whole(then),
        now="\N{EN DASH}" if now is None else whole(now),
        change=_signed(change) if now is not None else line.cause,
        tone="bad" if change.minor > 0 or now is None else "good" if change.minor < 0 else "",
        cause=line.cause,
    )


def _signed(money: Money) -> str:
    if not money.minor:
        return "no change"
    return f"+{whole(money)}" if money.minor > 0 else f"{MINUS}{whole(Money(-money.minor, money.currency))}"

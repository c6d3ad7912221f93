"""A result as text: a card for a message, and Markdown for a note or an issue."""

from collections.abc import Iterable, Sequence

from app.web.contexts.answer import AnswerView, PickView
from app.web.contexts.job import QuestionRow
from app.web.contexts.needs import TermView
from app.web.formats import age as age_text
from app.web.formats import day


def share_card(answer: AnswerView, provenance: str, address: str) -> str:
    """Ten lines of plain text: the job, what it needs, the machine, what that rests on, and the link."""
    needs = [(need.label, ", ".join((need.figure, *need.notes[:1]))) for need in answer.needs]
    width = max(len(label) for label, _ in needs) + 2
    lines = [answer.summary, "", *(f"{label:<{width}}{text}" for label, text in needs), ""]
    pick = best_pick(answer)
    lines += [f"{pick.machine.parts} for {pick.machine.total_text}"] if pick else ["No machine within the limits."]
    if pick and pick.machine.chips:
        lines.append(", ".join(pick.machine.chips))
    return "\n".join([*lines, "", provenance, address])


def markdown(answer: AnswerView, question: Sequence[QuestionRow], provenance: str, address: str) -> str:
    """The whole result: question, needs, machines with their bills, and the maths."""
    blocks = [
        f"# {escaped(answer.headline.text)}",
        escaped(answer.headline.subline),
        "## The question",
        table(("", ""), ((row.label, row.text) for row in question)),
        "## What it needs",
        table(("Need", "Figure", ""), ((need.label, need.figure, "; ".join(need.notes)) for need in answer.needs)),
        *(block for pick in answer.picks for block in _pick_blocks(pick)),
        *(block for ledger in answer.ledgers for block in (f"## {ledger.title}: {ledger.total:,} bytes", _ledger_table(ledger.terms))),
        f"{escaped(provenance)} <{address}>",
    ]
    return "\n\n".join(blocks) + "\n"


def best_pick(answer: AnswerView) -> PickView | None:
    """The pick that the objective asked for."""
    return next((pick for pick in answer.picks if pick.best), None)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are escaped."""
    lines = [headings, ["---"] * len(headings), *([escaped(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escaped(text: str) -> str:
    """A text that Markdown shows as it is, on one line."""
    plain = " ".join(text.split())
    for mark in "\\`*_{}[]<>|":
        plain = plain.replace(mark, f"\\{mark}")
    return plain


def _pick_blocks(pick: PickView) -> Iterable[str]:
    machine = pick.machine
    yield f"## {pick.roles}: {escaped(machine.parts)}, {machine.total_text}"
    rows = ((line.name, line.price, line.detail, _seen(line.observed_on, line.age_days, line.age), line.source) for line in machine.lines)
    yield table(("Part", "Price", "", "Seen", "Source"), rows)
    if machine.chips:
        yield escaped(" \u00b7 ".join(machine.chips))


def _seen(observed_on: str, age_days: int | None, age: str) -> str:
    if not observed_on or age_days is None:
        return ""
    return f"{day(observed_on)}, {age_text(age_days)}{f': {age}' if age else ''}"


def _ledger_table(terms: Iterable[TermView]) -> str:
    return table(("Part", "Bytes", "How", "Known from"), ((term.label, f"{term.bytes:,}", term.formula, term.source) for term in terms))

"""Sharing an answer, and showing a shared one."""

from dataclasses import dataclass
from typing import Any

from app import clock
from app.errors import InvalidInput
from app.estimation.estimate import ESTIMATOR_VERSION
from app.results.permalinks import StoredResult, load_result, save_result
from app.results.receipts import receipt
from app.web.advisor_page import address_of, link_with
from app.web.contexts.answer import AnswerView
from app.web.contexts.compare import MOST_COLUMNS, SEPARATOR, compare_address
from app.web.contexts.job import QuestionRow
from app.web.contexts.joint_answer import answer_of, question_of
from app.web.contexts.result import Replay, ResultPage, receipt_view, result_title
from app.web.contexts.result_text import share_card
from app.web.formats import day
from app.web.names import names_for
from app.web.site import Site
from app.workloads import parse_any_request


def share(document: object, site: Site) -> str:
    """Answers a request document, freezes both and returns the id. Raises InvalidInput naming every wrong field."""
    request = parse_any_request(document)
    advice = site.advice(request)
    return save_result(
        site.database,
        request.model_dump(mode="json"),
        advice,
        revision=advice["catalogue_revision"],
        estimator_version=ESTIMATOR_VERSION,
        now=clock.now(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenAnswer:
    """A shared result with its answer as pages show it."""

    stored: StoredResult
    answer: AnswerView
    question: tuple[QuestionRow, ...]
    address: str
    edit_href: str

    @property
    def provenance(self) -> str:
        """What the result was made of, in one line."""
        stored = self.stored
        made = f"Frozen on {day(stored.created_at.date())}, catalogue revision {stored.revision}, estimator {stored.estimator_version}"
        return f"{made}, fingerprint {stored.fingerprint[:16]}."


def frozen_answer(result_id: str, base_url: str, site: Site) -> FrozenAnswer:
    """The answer as it was frozen. Raises NotFound where there is none."""
    stored = load_result(site.database, result_id)
    names = names_for(site.catalogue.current())
    return FrozenAnswer(
        stored=stored,
        answer=answer_of(stored.request, stored.advice, names, lambda changes: link_with(stored.request, changes, names)),
        question=question_of(stored.request, names),
        address=f"{base_url.rstrip('/')}/r/{stored.id}",
        edit_href=address_of(stored.request, names),
    )


def result_page(frozen: FrozenAnswer, site: Site) -> ResultPage:
    """The page of a shared result, with what today's catalogue and formulas would change."""
    stored, title = frozen.stored, result_title(frozen.answer)
    receipt_now = receipt(stored.advice, site.catalogue.current(), clock.today())
    return ResultPage(
        id=stored.id,
        title=title,
        plain_title="".join(piece.text for piece in title),
        created_on=stored.created_at.date().isoformat(),
        revision=stored.revision,
        estimator_version=stored.estimator_version,
        fingerprint=stored.fingerprint[:16],
        address=frozen.address,
        edit_href=frozen.edit_href,
        compare_href=_picks_compared(stored.id, frozen.answer),
        answer=frozen.answer,
        question=frozen.question,
        receipt=receipt_view(receipt_now, stored, replay(stored, site)),
        card=share_card(frozen.answer, frozen.provenance, frozen.address),
    )


def _picks_compared(result_id: str, answer: AnswerView) -> str:
    keys = [f"{result_id}{SEPARATOR}{pick.machine.id}" for pick in answer.picks]
    return compare_address(keys[:MOST_COLUMNS]) if len(keys) > 1 else ""


def replay(stored: StoredResult, site: Site) -> Replay:
    """Today's answers to the question of a shared result: with today's catalogue, and where the formulas changed, with that of then."""
    try:
        request = parse_any_request(stored.request)
        other_formulas = stored.estimator_version != ESTIMATOR_VERSION
        of_then = site.first_view_at(request, stored.revision, stored.created_at.date()) if other_formulas else None
        return Replay(today=site.first_view(request), with_catalogue_of_then=of_then)
    except InvalidInput:
        return Replay(today=None, with_catalogue_of_then=None)


def result_document(stored: StoredResult) -> dict[str, Any]:
    """A shared result as JSON."""
    return {
        "id": stored.id,
        "created_at": stored.created_at.isoformat().replace("+00:00", "Z"),
        "schema_version": stored.schema_version,
        "fingerprint": stored.fingerprint,
        "request": stored.request,
        "advice": stored.advice,
    }

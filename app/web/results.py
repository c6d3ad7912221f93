"""Sharing an answer, and showing a shared one."""

from collections.abc import Mapping
from typing import Any

from app import clock
from app.errors import InvalidInput
from app.estimation.estimate import ESTIMATOR_VERSION
from app.results.permalinks import StoredResult, load_result, save_result
from app.results.receipts import receipt
from app.web.advisor_page import address_of, link_with
from app.web.contexts.answer import answer_view
from app.web.contexts.job import question
from app.web.contexts.result import ResultPage, receipt_view, result_title
from app.web.forms.documents import entry_of_document
from app.web.names import names_for
from app.web.site import Site
from app.workloads import parse_request


def share(document: object, site: Site) -> str:
    """Answers a request document, freezes both and returns the id. Raises InvalidInput naming every wrong field."""
    request = parse_request(document)
    advice = site.advice(request)
    return save_result(
        site.database,
        request.model_dump(mode="json"),
        advice,
        revision=advice["catalogue_revision"],
        estimator_version=ESTIMATOR_VERSION,
        now=clock.now(),
    )


def result_page(result_id: str, base_url: str, site: Site) -> ResultPage:
    """The page of a shared result. Raises NotFound where there is none."""
    stored = load_result(site.database, result_id)
    catalogue = site.catalogue.current()
    names = names_for(catalogue)
    answer = answer_view(stored.request, stored.advice, names, lambda changes: link_with(stored.request, changes, names))
    title = result_title(answer)
    return ResultPage(
        id=stored.id,
        title=title,
        plain_title="".join(piece.text for piece in title),
        created_on=stored.created_at.date().isoformat(),
        revision=stored.revision,
        estimator_version=stored.estimator_version,
        fingerprint=stored.fingerprint[:16],
        address=f"{base_url.rstrip('/')}/r/{stored.id}",
        edit_href=address_of(stored.request, names),
        answer=answer,
        question=question(entry_of_document(stored.request, names), names, stored.request["workload"]),
        receipt=receipt_view(receipt(stored.advice, catalogue, clock.today()), stored, answer_today(stored, site)),
    )


def answer_today(stored: StoredResult, site: Site) -> Mapping[str, Any] | None:
    """Today's answer to the question of a shared result; None where today's program no longer takes the question."""
    try:
        return site.first_view(parse_request(stored.request))
    except InvalidInput:
        return None


def result_document(result_id: str, site: Site) -> dict[str, Any]:
    """A shared result as JSON. Raises NotFound where there is none."""
    stored = load_result(site.database, result_id)
    return {
        "id": stored.id,
        "created_at": stored.created_at.isoformat().replace("+00:00", "Z"),
        "schema_version": stored.schema_version,
        "fingerprint": stored.fingerprint,
        "request": stored.request,
        "advice": stored.advice,
    }

"""Why not this part: the question as a document of the API, and as the box below an answer."""

from dataclasses import dataclass
from typing import Any

from app.advisor import why_not_part
from app.errors import InvalidInput
from app.hardware import Part
from app.placement import Finding
from app.web.advisor_page import address_of
from app.web.contexts.job import job_summary
from app.web.contexts.values import workloads_of
from app.web.contexts.why_not import WhyNotView, why_not_view
from app.web.json_body import decode_json
from app.web.names import find_part, names_for
from app.web.site import Site
from app.workloads import AdviceRequest, JointRequest, WhyNotRequest, parse_any_request, parse_why_not_request


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNotPage:
    """Context of pages/why_not.html."""

    view: WhyNotView
    summary: str
    answer_href: str
    status: int


def why_not_page(request_json: str, text: str, site: Site) -> WhyNotPage:
    """The box with what is to be said of the part that `text` names; with what is wrong with the text where it names none.

    Raises InvalidInput where the request itself cannot be read.
    """
    request = parse_any_request(decode_json(request_json.encode()))
    names = names_for(site.catalogue.current())
    document = request.model_dump(mode="json")
    try:
        part, finding = _judged(text, request, site)
        view = why_not_view(request_json, part, finding)
    except InvalidInput as wrong:
        if any(error.path != "part" for error in wrong.errors):
            raise
        view = WhyNotView(request_json=request_json, part=text, error=wrong.errors[0].message)
    return WhyNotPage(
        view=view,
        summary=" + ".join(job_summary(workload, names) for workload in workloads_of(document)),
        answer_href=address_of(document, names),
        status=422 if view.error else 200,
    )


def why_not_document(document: object, site: Site) -> dict[str, Any]:
    """The same for the API. Raises InvalidInput naming every wrong field."""
    asked: WhyNotRequest = parse_why_not_request(document)
    part, finding = _judged(asked.part, asked, site)
    return {"part": {"id": part.id, "name": part.name}, "finding": finding.to_json()}


def _judged(text: str, request: AdviceRequest | JointRequest, site: Site) -> tuple[Part, Finding]:
    catalogue = site.catalogue.current()
    part = find_part(text.strip(), catalogue)
    if part is None:
        raise InvalidInput(f"the catalogue has no part called '{text.strip()[:60]}'; write it as in the catalogue", "part")
    return part, why_not_part(part, request, catalogue)

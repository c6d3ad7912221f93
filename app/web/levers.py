"""The levers of an answer, for the box below it and for a page of their own."""

from dataclasses import dataclass

from app.web.advisor_page import address_of, link_with
from app.web.contexts.job import job_summary
from app.web.contexts.levers import LeversView, levers_view
from app.web.json_body import decode_json
from app.web.names import names_for
from app.web.site import Site
from app.workloads import parse_request


@dataclass(frozen=True, slots=True, kw_only=True)
class LeversPage:
    """Context of pages/levers.html."""

    levers: LeversView
    summary: str
    answer_href: str


def levers_page(request_json: str, site: Site) -> LeversPage:
    """What each change of the job would do. Raises InvalidInput where the request cannot be read."""
    request = parse_request(decode_json(request_json.encode()))
    names = names_for(site.catalogue.current())
    document = request.model_dump(mode="json")
    view = levers_view(
        site.first_view(request), site.levers(request), lambda changes: link_with(document, changes, names), request_json
    )  # fmt: skip
    return LeversPage(levers=view, summary=job_summary(document["workload"], names), answer_href=address_of(document, names))

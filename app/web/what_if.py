"""The what-if curves of an answer, for the box below it and for a page of their own."""

from dataclasses import dataclass

from app.errors import InvalidInput
from app.estimation.what_if import curves
from app.web.advisor_page import address_of, link_with
from app.web.contexts.job import job_summary
from app.web.contexts.what_if import WhatIfView, rooms_of, what_if_view
from app.web.json_body import decode_json
from app.web.names import names_for
from app.web.site import Site
from app.workloads import parse_request


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfPage:
    """Context of pages/what_if.html."""

    what_if: WhatIfView
    summary: str
    answer_href: str


def what_if_page(request_json: str, site: Site) -> WhatIfPage:
    """The curves of the job. Raises InvalidInput where the request cannot be read."""
    request = parse_request(decode_json(request_json.encode()))
    catalogue = site.catalogue.current()
    names, document = names_for(catalogue), request.model_dump(mode="json")
    of_gpu = site.first_view(request)["estimate"]["gpu_memory"] is not None
    rooms = rooms_of(catalogue, of_gpu=of_gpu)
    try:
        found = curves(request.workload, rooms)
    except InvalidInput as wrong:
        raise wrong.under("workload") from None
    view = what_if_view(found, rooms, lambda changes: link_with(document, changes, names), request_json, of_gpu=of_gpu)
    return WhatIfPage(what_if=view, summary=job_summary(document["workload"], names), answer_href=address_of(document, names))

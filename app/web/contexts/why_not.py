"""The box that asks why a part was not recommended, with or without its answer."""

from dataclasses import dataclass

from app.hardware import Part
from app.placement import Finding
from app.web.contexts.findings import FindingView, finding_views


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNotView:
    """Context of partials/_why_not.html. `request_json` is the question that the answer above belongs to."""

    request_json: str
    part: str = ""
    part_id: str = ""
    finding: FindingView | None = None
    error: str = ""


def why_not_view(request_json: str, part: Part, finding: Finding) -> WhyNotView:
    """The box with its answer."""
    [view] = finding_views([finding.to_json()])
    return WhyNotView(request_json=request_json, part=part.name, part_id=part.id, finding=view)

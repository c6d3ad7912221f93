"""Findings, the worst first."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.web.contexts.values import Document

_ORDER = {"blocker": 0, "caution": 1, "note": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingView:
    """One finding: the word for how bad it is, the reason and the remedy as sentences."""

    severity: str
    word: str
    message: str
    remedy: str


def finding_views(findings: Sequence[Document]) -> tuple[FindingView, ...]:
    """The findings by severity, each once."""
    unique = {(finding["severity"], finding["message"]): finding for finding in findings}
    ranked = sorted(unique.values(), key=lambda finding: _ORDER[finding["severity"]])
    return tuple(
        FindingView(
            severity=finding["severity"],
            word=finding["severity"].capitalize(),
            message=sentence(finding["message"]),
            remedy=sentence(finding["remedy"]),
        )
        for finding in ranked
    )


def sentence(text: str) -> str:
    """The text with a capital at its start and a full stop at its end."""
    stripped = text.strip()
    if not stripped:
        return ""
    return stripped[0].upper() + stripped[1:] + ("" if stripped[-1] in ".!?" else ".")

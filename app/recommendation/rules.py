"""A rule: one thing that can be wrong with a machine, as a row of a table."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.placement import Finding, Severity

Subject = TypeVar("Subject")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Generic[Subject]):
    """One thing that can be wrong. `reason` is only asked where `broken` holds."""

    code: str
    severity: Severity
    broken: Callable[[Subject], bool]
    reason: Callable[[Subject], str]
    remedy: str | Callable[[Subject], str]

    def finding(self, subject: Subject) -> Finding | None:
        """The finding, None where the rule is kept."""
        return self.told(subject) if self.broken(subject) else None

    def told(self, subject: Subject) -> Finding:
        """The finding of a rule that is broken."""
        remedy = self.remedy if isinstance(self.remedy, str) else self.remedy(subject)
        return Finding(severity=self.severity, code=self.code, message=self.reason(subject), remedy=remedy)


def findings(rules: Iterable[Rule[Subject]], subject: Subject) -> tuple[Finding, ...]:
    """What the rules say of the subject, in the order of the table."""
    return tuple(rule.told(subject) for rule in rules if rule.broken(subject))

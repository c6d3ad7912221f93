"""What the recommender answers: picks by role, the frontier, near misses, levers, the budget ladder."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.money import Money
from app.placement import Finding
from app.recommendation.machine import Machine

Role = Literal["cheapest", "value", "fastest", "headroom"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceProof:
    """Whether a pick outlives a rise of its prices by what they move in a month; None where it does but most of its price has no history.

    `known` is the part of the price that has one. `becomes` names the machine that takes its place, empty where none does. The last three
    name the parts to be bought by what their move rests on: their own history, that of their kind, nothing.
    """

    known: Money
    rise: Money
    survives: bool | None
    becomes: str
    own_history: tuple[str, ...]
    history_of_kind: tuple[str, ...]
    no_history: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """The proof as the API tells it."""
        return {
            "known": self.known.to_json(), "rise": self.rise.to_json(), "survives": self.survives, "becomes": self.becomes,
            "own_history": self.own_history, "history_of_kind": self.history_of_kind, "no_history": self.no_history,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """The best machine in one respect."""

    role: Role
    machine: Machine
    price_proof: PriceProof


@dataclass(frozen=True, slots=True, kw_only=True)
class NearMiss:
    """A machine that would do but for one reason: over the budget, or short of something."""

    machine: Machine
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field of the workload set to another value, in words ("8-bit optimizer states")."""

    path: str
    value: object
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lever:
    """A set of changes to the workload, recomputed by the estimator: memory, time and the cheapest machine after it."""

    changes: tuple[Change, ...]
    gpu_bytes: int
    host_bytes: int
    time_ratio: float | None  # above 1: the same work takes longer
    cheapest: Money | None  # whatever the budget; None where still no machine does it
    in_budget: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From this budget on, this machine is the best answer."""

    budget: Money
    machine: Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """Everything the search found inside the limits. Empty `picks` means no machine does it; near misses say why."""

    picks: tuple[Pick, ...]
    frontier: Sequence[Machine]
    near_misses: tuple[NearMiss, ...]
    ladder: tuple[Step, ...]
    feasible: int  # choices of GPU and count (or of whole system) for which some machine is inside the limits
    considered: int  # combinations of parts that the search covers
    findings: tuple[Finding, ...] = ()

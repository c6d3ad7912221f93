"""An option: one way to make a workload smaller, as a row of a table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Generic, TypeVar

from app.recommendation.advice import Change
from app.workloads import ClassicalWorkload, InferenceWorkload, TrainingWorkload
from app.workloads.training import Parallelism

Needs = Mapping[str, int]  # bytes of each term of the GPU's ledger, empty where there is none
LEAST_SHARE = 0.01  # of the whole need
ON_THE_WAY = frozenset({
    "activations", "recomputed_activations", "temporaries", "inputs", "logits_loss", "kernel_workspace", "allocator_slack",
})  # fmt: skip
OF_THE_STEP = frozenset({"optimizer_states", "optimizer_temporaries"})


class Harm(IntEnum):
    """What a change does to the result of the job."""

    NONE = 0  # the same result, at most later
    ROUNDED = 1  # nearly the same: narrower numbers, or another method of the same kind
    COARSE = 2  # numbers narrower by two steps and more
    OTHER = 3  # a smaller job, or another one


Kind = TypeVar("Kind", TrainingWorkload, InferenceWorkload, ClassicalWorkload)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option(Generic[Kind]):
    """One way to make a workload smaller: its name, and the fields it sets; None where it does not apply.

    `lowers`: the only terms of the GPU's ledger that it can make smaller; empty where it may touch any. `harm`: what it does to the result.
    """

    label: str
    fields: Callable[[Kind], Mapping[str, object] | None]
    lowers: frozenset[str] = frozenset()
    harm: Harm = Harm.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """An option as it applies to one workload: the changes of its fields."""

    changes: tuple[Change, ...]
    lowers: frozenset[str]
    harm: Harm

    def may_matter(self, needs: Needs) -> bool:
        """Whether what it can make smaller is enough of the need to be worth a trace."""
        return not (self.lowers and needs) or sum(needs.get(key, 0) for key in self.lowers) >= LEAST_SHARE * sum(needs.values())

    def goes_with(self, other: "Adjustment") -> bool:
        """Whether both can be made: two of the same kind set the same field, or one sets a field inside the other's."""
        return not any(_overlap(one.path, two.path) for one in self.changes for two in other.changes)


def _overlap(one: str, other: str) -> bool:
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


Fields = Callable[[Any], Mapping[str, object] | None]


def set_to(path: str, value: object, *, when: Callable[[Any], bool]) -> Fields:
    """An option that sets one field under a condition."""
    return lambda workload: {path: value} if when(workload) else None


def switched(path: str, value: object, *now: object) -> Fields:
    """An option that sets one field where it has one of the values `now`, or where none is given any other value."""
    return set_to(path, value, when=lambda workload: getattr(workload, path) in now if now else getattr(workload, path) != value)


def halved(path: str, least: int) -> Fields:
    """An option that halves a count, down to `least`."""

    def fields(workload: Any) -> Mapping[str, object] | None:
        now = getattr(workload, path)
        return {path: now // 2} if now and now >= 2 * least else None

    return fields


def one_gpu(workload: Any) -> bool:
    return isinstance(workload.parallelism, Parallelism) and workload.parallelism.gpus == 1

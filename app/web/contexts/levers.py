"""Make it fit: the changes of a job with their effect, worked out after the answer itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.web.contexts.values import Document, money_of, whole

LinkTo = Callable[[Sequence[Document]], str]  # from a lever's changes to the address of the form with them made


@dataclass(frozen=True, slots=True, kw_only=True)
class LeverView:
    """One way to make the job smaller."""

    label: str
    href: str
    change_bytes: int
    time_ratio: float | None
    cheapest: str
    in_budget: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LeversView:
    """Context of partials/_levers.html. `rows` is None where they are still to be worked out, for the request in `request_json`."""

    rows: tuple[LeverView, ...] | None
    of_gpu: bool
    nothing_fits: bool
    request_json: str

    @property
    def none_helps(self) -> bool:
        """Whether nothing fits, and no change that was tried brings a machine into the limits."""
        return self.nothing_fits and bool(self.rows) and not any(row.in_budget for row in self.rows or ())


def levers_view(advice: Document, levers: Sequence[Document] | None, link_to: LinkTo, request_json: str) -> LeversView:
    """The view of the levers of an advice; None where they are still to be worked out."""
    estimate = advice["estimate"]
    return LeversView(
        rows=None if levers is None else tuple(_lever(lever, estimate, link_to) for lever in levers),
        of_gpu=bool(estimate["gpu_memory"]),
        nothing_fits=not advice["picks"],
        request_json=request_json,
    )


def _lever(lever: Document, estimate: Document, link_to: LinkTo) -> LeverView:
    memory = estimate["gpu_memory"]
    now, then = (memory, lever["gpu_memory_bytes"]) if memory else (estimate["host_memory"], lever["host_memory_bytes"])
    label = " + ".join(change["label"] for change in lever["changes"])
    return LeverView(
        label=label[0].upper() + label[1:],
        href=link_to(lever["changes"]),
        change_bytes=then - now["required_bytes"],
        time_ratio=lever["time_ratio"],
        cheapest=whole(money_of(lever["cheapest"])) if lever["cheapest"] else "\u2013",
        in_budget=lever["in_budget"],
    )

"""One GPU's share of a decoder whose matrices are split over several: heads, feed-forward width and vocabulary divided.

As Megatron-LM and PyTorch's tensor parallelism split them: the first matrix of a pair by columns, the second by rows, tables and logits by
words, and norms and the residual stream kept whole. Key heads are repeated where there are fewer of them than GPUs.
Source: Shoeybi et al. 2019 (Megatron-LM); torch.distributed.tensor.parallel.
"""

from dataclasses import replace
from typing import Protocol, TypeVar

from app.units import ceil_div
from app.workloads.fields import invalid_field

FIELD = "parallelism.tensor"


class Splittable(Protocol):
    """What the hyper-parameters of a network that can be split have in common; `kv_heads` and `width` are optional."""

    @property
    def vocabulary(self) -> int:
        """Words."""

    @property
    def heads(self) -> int:
        """Query heads."""

    @property
    def feed_forward(self) -> int:
        """Width of the feed-forward part."""


Spec = TypeVar("Spec", bound=Splittable)


def share_of(spec: Spec, degree: int) -> Spec:
    """The hyper-parameters of one of `degree` equal shares; `spec` itself at degree 1.

    Raises InvalidInput where the heads or the feed-forward width do not divide.
    """
    if degree == 1:
        return spec
    changes = {
        "heads": divided(spec.heads, degree, "attention heads"),
        "feed_forward": divided(spec.feed_forward, degree, "feed-forward units"),
        "vocabulary": ceil_div(spec.vocabulary, degree),
    }
    kv_heads = getattr(spec, "kv_heads", None)
    if kv_heads is not None:
        changes["kv_heads"] = 1 if degree % kv_heads == 0 else divided(kv_heads, degree, "key-value heads")
    return replace(spec, **changes)  # type: ignore[type-var]


def divided(count: int, degree: int, what: str) -> int:
    """`count` by `degree`. Raises InvalidInput where that leaves a remainder."""
    if count % degree:
        raise invalid_field(FIELD, f"{count} {what} do not divide over {degree} GPUs; choose a degree that divides them")
    return count // degree

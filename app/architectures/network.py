"""What every network offers: a loss for training and a forward pass for running, both over given input sizes."""

from dataclasses import dataclass, field
from typing import ClassVar

from app.tape.dtypes import INT64
from app.tape.modules import Module
from app.tape.recorder import Category
from app.tape.tensor import Tape, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Sizes of one forward pass. Lengths in tokens, images in pixels, audio in seconds."""

    batch: int = 1
    sequence: int = 512
    target: int | None = None
    image: tuple[int, int] | None = None
    frames: int | None = None
    audio_seconds: float | None = None
    text: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Choices that are made when a network is built rather than in its configuration."""

    attention: str = "sdpa"
    checkpointed: bool = False
    fused_cross_entropy: bool = False
    split_at: tuple[int, ...] = field(default=())  # blocks before and from these indices are traced apart (frozen lower layers)


class Network(Module):
    """A model that can be trained and run. `vocabulary` marks the tensors that hold logits."""

    family: ClassVar[str] = ""
    vocabulary: int | None = None

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The scalar loss of one micro-batch."""
        raise NotImplementedError

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The output of one forward pass without gradients."""
        raise NotImplementedError


def indices(tape: Tape, *shape: int) -> Tensor:
    """Token ids, labels or positions, counted as inputs."""
    return tape.empty(shape, INT64, Category.INPUTS)

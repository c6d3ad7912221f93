"""What every network offers: a loss for training and a forward pass for running, both over given input sizes."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from app.architectures.cache import DecoderCache
from app.tape.dtypes import INT64
from app.tape.layer_names import LayerNames
from app.tape.modules import Blocks, Module
from app.tape.recorder import Category
from app.tape.tensor import Parameter, Tape, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Sizes of one forward pass. Lengths in tokens, images in pixels, audio in seconds; `steps` of a pipeline's sampler."""

    batch: int = 1
    sequence: int = 512
    target: int | None = None
    image: tuple[int, int] | None = None
    frames: int | None = None
    audio_seconds: float | None = None
    text: int | None = None
    steps: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Choices that are made when a network is built rather than in its configuration. `tensor`: GPUs that its matrices are split over;
    `denoiser_only`: of a diffusion pipeline the network that is trained, without text encoders and autoencoder.
    """

    attention: str = "sdpa"
    checkpointed: bool = False
    fused_cross_entropy: bool = False
    tensor: int = 1
    denoiser_only: bool = False
    latent_decoding: str = "whole"  # whole | sliced | tiled: how a pipeline turns latents into images
    split_at: tuple[int, ...] = field(default=())  # blocks before and from these indices are traced apart (frozen lower layers)


class Network(Module, ABC):
    """A model that can be trained and run. `vocabulary` marks the tensors that hold logits."""

    family: ClassVar[str] = ""
    default_image: tuple[int, int] = (224, 224)  # height and width where none are given
    splits_tensors: ClassVar[bool] = False  # whether it can be built as one GPU's share (Options.tensor)
    vocabulary: int | None = None
    assumed: str | None = None  # said of how it is run or trained
    taken_for: str | None = None  # said where the network is only the nearest one known
    layer_names: LayerNames = LayerNames()  # in the library that it is written for
    _listed: Mapping[str, Parameter] | None = None

    def finish(self) -> None:
        """Nothing of the network is exchanged from now on: its weights are listed once, for all who ask."""
        self._listed = dict(super().named_parameters())

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """All weights, each once even where two modules share it."""
        return iter(self._listed.items()) if self._listed is not None else super().named_parameters()

    def parameter_count(self) -> int:
        """Parameters of all blocks; buffers are not counted."""
        return sum(p.size * p.times for p in self.parameters() if not p.buffer)

    def active_parameters(self) -> int | None:
        """Parameters that one token passes through, None where it passes through all."""
        return None

    def expert_parameters(self) -> int:
        """Parameters of all experts of all layers, 0 in a dense network."""
        return 0

    def experts_active(self) -> float:
        """Share of the experts that one token uses."""
        return 1.0

    def row_of_blocks(self) -> Blocks | None:
        """The network's first row of blocks."""
        return next((part for _, part in self.named_modules() if isinstance(part, Blocks)), None)

    def layer_count(self) -> int:
        """Blocks in that row, 0 where there is none."""
        blocks = self.row_of_blocks()
        return blocks.count if blocks else 0

    def decoder_cache(self, prompt: int) -> DecoderCache | None:  # noqa: ARG002 - only encoder-decoders have one
        """What the decoder of an encoder-decoder caches after a prompt of so many tokens; None for other networks."""
        return None

    def heads_per_kv(self) -> int:
        """Query heads that share one key head."""
        return 1

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and attention heads of one block; the widest matrices where a network has no such notion."""
        shapes = [p.shape for p in self.parameters() if len(p.shape) > 1]
        widest = max((max(shape[:2]) for shape in shapes), default=1)
        return widest, widest, 1

    def parameters_by_layer(self) -> Iterator[tuple[str, Parameter, range | None]]:
        """Every weight with its name and the indices of the blocks it stands for; None for weights outside the row of blocks."""
        inside: dict[int, range] = {}
        blocks = self.row_of_blocks()
        for period in blocks.periods if blocks else ():
            for offset, block in enumerate(period.blocks):
                indices = range(period.start + offset, period.end, len(period.blocks))
                inside.update({id(parameter): indices for parameter in block.parameters()})
        for name, parameter in self.named_parameters():
            yield name, parameter, inside.get(id(parameter))

    @abstractmethod
    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The scalar loss of one micro-batch."""

    @abstractmethod
    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The output of one forward pass without gradients."""


def block_kinds(layers: int, options: Options, kind: Callable[[int], object] = lambda layer: None) -> list[object]:
    """The kind of each block in a row: blocks of equal `kind` on the same side of every boundary are traced as one."""
    return [(kind(layer), *(layer >= bound for bound in options.split_at)) for layer in range(layers)]


def indices(tape: Tape, *shape: int) -> Tensor:
    """Token ids, labels or positions, counted as inputs."""
    return tape.empty(shape, INT64, Category.INPUTS)

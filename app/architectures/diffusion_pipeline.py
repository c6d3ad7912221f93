"""A diffusion pipeline: text encoders, a denoiser that is run for many steps, and the decoder from latents to images, all on one GPU.

As diffusers 0.42.1 runs its pipelines; the latents may be decoded in parts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import ClassVar

from app.architectures.autoencoder import LatentDecoder
from app.architectures.denoiser import Denoiser
from app.architectures.network import Inputs, Network, Options
from app.architectures.text_conditioner import TextConditioner
from app.tape.dtypes import FP16, FP32
from app.tape.recorder import Category
from app.tape.tensor import Tape, Tensor

RGB = 3
TILE_OVERLAP = 0.25  # diffusers, tile_overlap_factor


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSpec:
    """`guided`: each step predicts with and without the text, in one batch unless `apart`; `upcast`: a 16-bit decoder runs in fp32."""

    guided: bool = True
    apart: bool = False
    upcast: bool = False
    text: tuple[int, ...] = ()  # tokens that each text encoder reads


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One part of a pipeline at work: `times` is how often its weights are gone through."""

    part: Network
    run: Callable[[Tape], Tensor]
    times: int


class Pipeline(Network):
    """Text to images or videos."""

    family: ClassVar[str] = "diffusion"

    def __init__(
        self, denoiser: Denoiser, autoencoder: LatentDecoder, encoders: Sequence[TextConditioner], spec: PipelineSpec, options: Options
    ) -> None:
        self.spec, self.default_image, self.decoding = spec, denoiser.default_image, options.latent_decoding
        self.denoiser, self.autoencoder, self.encoders = denoiser, autoencoder, list(encoders)
        together = "each step predicts with and without the text, and " if spec.guided else ""
        self.assumed = f"{together}the safety checker is left out"

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The denoiser's: nothing else of a pipeline is trained."""
        return self.denoiser.loss(tape, inputs)

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Images of a batch of texts."""
        *earlier, decoder = self.stages(inputs)
        for stage in earlier:
            stage.run(tape)
        return decoder.run(tape)

    def stages(self, inputs: Inputs) -> tuple[Stage, ...]:
        """Text encoders, denoiser and decoder, in the order in which they run."""
        spec, inputs = self.spec, replace(inputs, image=inputs.image or self.default_image)
        guided = 2 if spec.guided else 1
        encoders = [
            _stage(encoder, encoder.forward, replace(inputs, text=inputs.text or length), guided)
            for encoder, length in zip(self.encoders, spec.text, strict=True)
        ]
        predictions = replace(inputs, batch=inputs.batch * (1 if spec.apart else guided))
        steps = inputs.steps * (guided if spec.apart else 1)
        denoiser = _stage(self.denoiser, self.denoiser.denoise, predictions, steps)
        return (*encoders, denoiser, Stage(part=self.autoencoder, run=lambda tape: self._decoded(tape, inputs), times=1))

    def _decoded(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The images, decoded in fp32 where the pipeline does so because 16 bits would overflow."""
        weights = list(self.autoencoder.parameters())
        if not self.spec.upcast or weights[0].dtype is not FP16:
            return self._in_parts(tape, inputs)
        larger = tape.empty((sum(weight.size * weight.times for weight in weights),), FP16, Category.WEIGHT_CASTS)
        for weight in weights:
            weight.dtype = FP32
        image = self._in_parts(tape, inputs)
        for weight in weights:
            weight.dtype = FP16
        del larger
        return image

    def _in_parts(self, tape: Tape, inputs: Inputs) -> Tensor:
        """All images at once, one after the other, or tile by tile (diffusers' enable_vae_slicing and enable_vae_tiling)."""
        if self.decoding == "whole":
            return self.autoencoder.decoded(tape, inputs)
        height, width = inputs.image or self.default_image
        dtype = next(iter(self.autoencoder.parameters())).dtype
        made = tape.empty((inputs.batch, RGB, inputs.frames or 1, height, width), dtype)
        part, parts = replace(inputs, batch=1), inputs.batch
        if self.decoding == "tiled":
            tile = tuple(min(side, most) for side, most in zip((height, width), self.autoencoder.default_image, strict=True))
            part, parts = replace(part, image=(tile[0], tile[1])), parts * _tiles(height, tile[0]) * _tiles(width, tile[1])
        with tape.record.repeated(parts):
            self.autoencoder.decoded(tape, part)
        return made

    def widths(self) -> tuple[int, int, int]:
        """Of the denoiser."""
        return self.denoiser.widths()


def _tiles(side: int, tile: int) -> int:
    """Tiles along one side; each overlaps the next by a quarter."""
    return 1 if side <= tile else ceil(side / (tile * (1 - TILE_OVERLAP)))


def _stage(part: Network, run: Callable[[Tape, Inputs], Tensor], inputs: Inputs, times: int) -> Stage:
    """A part that is run several times; only the first counts for memory."""

    def repeated(tape: Tape) -> Tensor:
        with tape.record.repeated(times):
            return run(tape, inputs)

    return Stage(part=part, run=repeated, times=times)

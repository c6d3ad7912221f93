"""A diffusion pipeline: text encoders, a denoiser that is run for many steps, and the decoder from latents to images, all on one GPU.

As diffusers 0.42.1 runs its pipelines by default, without offload, tiling or slicing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from app.architectures.autoencoder import LatentDecoder
from app.architectures.denoiser import Denoiser
from app.architectures.network import Inputs, Network
from app.architectures.text_conditioner import TextConditioner
from app.tape.dtypes import FP16, FP32
from app.tape.recorder import Category
from app.tape.tensor import Tape, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSpec:
    """`guided`: each step predicts with and without the text, in one batch unless `apart`; `upcast`: a 16-bit decoder runs in fp32."""

    guided: bool = True
    apart: bool = False
    upcast: bool = False
    text: tuple[int, ...] = ()  # tokens that each text encoder reads


class Pipeline(Network):
    """Text to images or videos."""

    family: ClassVar[str] = "diffusion"

    def __init__(self, denoiser: Denoiser, autoencoder: LatentDecoder, encoders: Sequence[TextConditioner], spec: PipelineSpec) -> None:
        self.spec, self.default_image = spec, denoiser.default_image
        self.denoiser, self.autoencoder, self.encoders = denoiser, autoencoder, list(encoders)
        together = "each step predicts with and without the text, and " if spec.guided else ""
        self.assumed = f"{together}all parts of the pipeline stay on the GPU"

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The denoiser's: nothing else of a pipeline is trained."""
        return self.denoiser.loss(tape, inputs)

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Images of a batch of texts."""
        spec, inputs = self.spec, replace(inputs, image=inputs.image or self.default_image)
        for encoder, length in zip(self.encoders, spec.text, strict=True):
            with tape.record.repeated(2 if spec.guided else 1):
                encoder.forward(tape, replace(inputs, text=inputs.text or length))
        predictions = 2 * inputs.batch if spec.guided and not spec.apart else inputs.batch
        with tape.record.repeated(inputs.steps * (2 if spec.guided and spec.apart else 1)):
            self.denoiser.denoise(tape, replace(inputs, batch=predictions))
        return self._decoded(tape, inputs)

    def _decoded(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The images, decoded in fp32 where the pipeline does so because 16 bits would overflow."""
        weights = list(self.autoencoder.parameters())
        if not self.spec.upcast or weights[0].dtype is not FP16:
            return self.autoencoder.decoded(tape, inputs)
        larger = tape.empty((sum(weight.size * weight.times for weight in weights),), FP16, Category.WEIGHT_CASTS)
        for weight in weights:
            weight.dtype = FP32
        image = self.autoencoder.decoded(tape, inputs)
        for weight in weights:
            weight.dtype = FP16
        del larger
        return image

    def widths(self) -> tuple[int, int, int]:
        """Of the denoiser."""
        return self.denoiser.widths()

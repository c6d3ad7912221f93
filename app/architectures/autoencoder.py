"""The autoencoder between images and latents of Stable Diffusion, SD 3, FLUX.1 and PixArt.

Written as diffusers 0.42.1 computes AutoencoderKL (models/autoencoders/autoencoder_kl.py, vae.py), without tiling or slicing.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from app.architectures.batch import held, weight_dtype
from app.architectures.diffusion_parts import Downsample, ResidualBlock, Upsample, linear_of_view
from app.architectures.network import Inputs, Network, Options
from app.tape import operators as op
from app.tape.checkpointing import checkpoint
from app.tape.convolutions import Conv2d, GroupNorm
from app.tape.modules import Linear, Module
from app.tape.operators import Window
from app.tape.tensor import Tape, Tensor
from app.workloads.fields import invalid_field


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoencoderSpec:
    """Channels of each resolution from the finest to the coarsest, and residual blocks of each (the decoder has one more)."""

    channels: tuple[int, ...]
    residual_blocks: int = 1
    images: int = 3
    latents: int = 4
    groups: int = 32
    middle_attention: bool = True
    before_latents: bool = True  # a 1x1 convolution on the encoder's result
    after_latents: bool = True  # one on the latents before the decoder
    image_size: int = 512

    @property
    def scale(self) -> int:
        """Pixels for one latent along each side."""
        return int(2 ** (len(self.channels) - 1))


class MapAttention(Module):
    """Attention with one head over the pixels of a map, added to it."""

    def __init__(self, channels: int, groups: int) -> None:
        self.group_norm = GroupNorm(groups, channels)
        self.to_q, self.to_k, self.to_v = (Linear(channels, channels) for _ in range(3))
        self.to_out = Linear(channels, channels)

    def __call__(self, x: Tensor) -> Tensor:
        residual = x
        batch, channels, *sides = x.shape
        x = self.group_norm(x.view(batch, channels, -1)).transpose(1, 2)
        query = linear_of_view(self.to_q, x)
        key, value = linear_of_view(self.to_k, x), linear_of_view(self.to_v, x)
        query, key, value = (part.view(batch, 1, *part.shape[1:]) for part in (query, key, value))
        x = op.scaled_dot_product_attention(query, key, value, causal=False)
        x = x.view(batch, -1, channels)
        x = self.to_out(x)
        x = op.copied(x.transpose(1, 2)).view(batch, channels, *sides)
        x = op.add(x, residual)
        return op.scaled(x)


class MiddleBlock(Module):
    """Two residual blocks with attention between them."""

    def __init__(self, spec: AutoencoderSpec) -> None:
        channels = spec.channels[-1]
        self.attention = MapAttention(channels, spec.groups) if spec.middle_attention else None
        self.resnets = [ResidualBlock(channels, channels, spec.groups, None) for _ in range(2)]

    def __call__(self, x: Tensor) -> Tensor:
        x = self.resnets[0](x, None)
        if self.attention is not None:
            x = self.attention(x)
        return self.resnets[1](x, None)


class ResolutionBlock(Module):
    """Residual blocks, then a change of resolution where there is one."""

    def __init__(self, inputs: int, outputs: int, blocks: int, groups: int, resize: Module | None) -> None:
        self.resnets = [ResidualBlock(width, outputs, groups, None) for width in (inputs, *[outputs] * (blocks - 1))]
        self.resize = resize

    def __call__(self, x: Tensor) -> Tensor:
        for resnet in self.resnets:
            x = resnet(x, None)
        if self.resize is not None:
            x = self.resize(x)  # type: ignore[operator]
        return x


class Encoder(Module):
    """Images to the means and variances of their latents."""

    def __init__(self, spec: AutoencoderSpec, options: Options) -> None:
        widths, self.options = spec.channels, options
        self.conv_in = Conv2d(spec.images, widths[0], 3, Window.centred(3))
        self.down_blocks = [
            ResolutionBlock(before, width, spec.residual_blocks, spec.groups, Downsample(width, lopsided=True) if last else None)
            for before, width, last in zip((widths[0], *widths), widths, [True] * (len(widths) - 1) + [False], strict=False)
        ]
        self.mid_block = MiddleBlock(spec)
        self.conv_norm_out = GroupNorm(spec.groups, widths[-1])
        self.conv_out = Conv2d(widths[-1], 2 * spec.latents, 3, Window.centred(3))

    def __call__(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        blocks: list[ResolutionBlock | MiddleBlock] = [*self.down_blocks, self.mid_block]
        for block in blocks:
            x = checkpoint(block, x) if self.options.checkpointed else block(x)
        x = self.conv_norm_out(x)
        x = op.activation(x, "silu")
        return self.conv_out(x)


class Decoder(Module):
    """Latents to images."""

    def __init__(self, spec: AutoencoderSpec, options: Options) -> None:
        widths, self.options = spec.channels[::-1], options
        self.conv_in = Conv2d(spec.latents, widths[0], 3, Window.centred(3))
        self.mid_block = MiddleBlock(spec)
        self.up_blocks = [
            ResolutionBlock(before, width, spec.residual_blocks + 1, spec.groups, Upsample(width) if last else None)
            for before, width, last in zip((widths[0], *widths), widths, [True] * (len(widths) - 1) + [False], strict=False)
        ]
        self.conv_norm_out = GroupNorm(spec.groups, widths[-1])
        self.conv_out = Conv2d(widths[-1], spec.images, 3, Window.centred(3))

    def __call__(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        blocks: list[ResolutionBlock | MiddleBlock] = [self.mid_block, *self.up_blocks]
        for block in blocks:
            x = checkpoint(block, x) if self.options.checkpointed else block(x)
        x = self.conv_norm_out(x)
        x = op.activation(x, "silu")
        return self.conv_out(x)


class LatentDecoder(Network):
    """An autoencoder of which a pipeline runs the decoder."""

    @abstractmethod
    def decoded(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Images or videos of latents of the size that the inputs say."""


class Autoencoder(LatentDecoder):
    """Images to latents and back."""

    family: ClassVar[str] = "diffusion"

    def __init__(self, spec: AutoencoderSpec, options: Options) -> None:
        self.spec, self.default_image = spec, (spec.image_size, spec.image_size)
        self.encoder, self.decoder = Encoder(spec, options), Decoder(spec, options)
        self.quant_conv = Conv2d(2 * spec.latents, 2 * spec.latents, 1) if spec.before_latents else None
        self.post_quant_conv = Conv2d(spec.latents, spec.latents, 1) if spec.after_latents else None

    def decode(self, latents: Tensor) -> Tensor:
        """Images [batch, channels, height, width] of latents."""
        if self.post_quant_conv is not None:
            latents = self.post_quant_conv(latents)
        return self.decoder(latents)

    def reconstructed(self, images: Tensor) -> Tensor:
        """Images of the means that the encoder gives. All that it worked out of the latents stays alive meanwhile."""
        moments = self.encoder(images)
        if self.quant_conv is not None:
            moments = self.quant_conv(moments)
        mean, spread = op.split(moments, (self.spec.latents, self.spec.latents), axis=1)
        spread = op.clamp(spread)
        deviation, variance = op.activation(op.scaled(spread), "exp"), op.activation(spread, "exp")
        image = self.decode(mean)
        del deviation, variance
        return image

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Mean squared error of the reconstruction."""
        images = self._images(tape, inputs)
        return op.mean_squared_error(self.reconstructed(images), images)

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The reconstruction without gradients."""
        return self.reconstructed(self._images(tape, inputs))

    def decoded(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Images of latents."""
        batch, _, *sides = self._shape(inputs)
        latents = tape.empty((batch, self.spec.latents, *(side // self.spec.scale for side in sides)), weight_dtype(self))
        return self.decode(latents)

    def _images(self, tape: Tape, inputs: Inputs) -> Tensor:
        return held(tape, self._shape(inputs), weight_dtype(self))

    def _shape(self, inputs: Inputs) -> tuple[int, int, int, int]:
        sides = inputs.image or self.default_image
        if any(side % self.spec.scale for side in sides):
            raise invalid_field("image_size", f"both sides must be multiples of {self.spec.scale} pixels for this model")
        return inputs.batch, self.spec.images, *sides

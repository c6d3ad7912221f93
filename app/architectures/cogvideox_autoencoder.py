"""CogVideoX's video autoencoder, whose decoder works on two latent frames at a time, normed with the latents themselves as a condition.

Written as diffusers 0.42.1 computes AutoencoderKLCogVideoX (models/autoencoders/autoencoder_kl_cogvideox.py), without tiling or slicing.
"""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.autoencoder import LatentDecoder
from app.architectures.batch import weight_dtype
from app.architectures.network import Inputs, Options
from app.tape import operators as op
from app.tape.convolutions import Conv2d, Conv3d, GroupNorm
from app.tape.modules import Module
from app.tape.operators import Window
from app.tape.tensor import Tape, Tensor
from app.workloads.fields import invalid_field

TOGETHER = 2  # latent frames that are decoded together; the first of them three where their number is odd
DEFAULT_FRAMES = 49
KERNEL = 3

Frames = dict[int, Tensor]  # the last frames that each convolution saw


@dataclass(frozen=True, slots=True, kw_only=True)
class CogVideoXAutoencoderSpec:
    """Channels of each resolution from the finest to the coarsest, residual blocks of each (the decoder has one more), and how many
    resolutions also halve the frames.
    """

    channels: tuple[int, ...] = (128, 256, 256, 512)
    residual_blocks: int = 3
    latents: int = 16
    groups: int = 32
    halvings_of_frames: int = 2
    image: tuple[int, int] = (480, 720)

    @property
    def scale(self) -> int:
        """Pixels for one latent along each side."""
        return int(2 ** (len(self.channels) - 1))


class CausalConv(Module):
    """A convolution that looks at earlier frames only, those of the stretch before; the first frame stands for what was before it."""

    def __init__(self, inputs: int, outputs: int, kernel: int = KERNEL) -> None:
        self.back = kernel - 1
        self.conv = Conv3d(inputs, outputs, kernel, Window(padding=(0, kernel // 2, kernel // 2)))

    def __call__(self, x: Tensor, before: Frames, after: Frames) -> Tensor:
        if self.back:
            first = op.part(x, *x.shape[:2], 1, *x.shape[3:])
            earlier = [before[id(self)]] if id(self) in before else [first] * self.back
            x = op.concatenate([*earlier, x], axis=2)
        after[id(self)] = op.copied(op.part(x, *x.shape[:2], self.back or x.shape[2], *x.shape[3:]))
        return self.conv(x)


class LatentNorm(Module):
    """Group norm, times one convolution of the latents and plus another."""

    def __init__(self, channels: int, spec: CogVideoXAutoencoderSpec) -> None:
        self.norm = GroupNorm(spec.groups, channels)
        self.conv_y, self.conv_b = (CausalConv(spec.latents, channels, 1) for _ in range(2))

    def __call__(self, x: Tensor, latents: Tensor, before: Frames, after: Frames, *, in_rows: bool) -> Tensor:
        latents, *_parts = self._stretched(latents, x)  # which stay alive meanwhile
        factor = self.conv_y(latents, before, after)
        summand = self.conv_b(latents, before, after)
        normed = self.norm(x if in_rows else op.copied(x))
        return op.add(op.multiply(normed, factor), summand)

    def _stretched(self, latents: Tensor, x: Tensor) -> list[Tensor]:
        """The latents at every pixel, and the parts that were joined: of an odd number of frames the first is stretched by itself."""
        shape = (*latents.shape[:2], *x.shape[2:])
        if x.shape[2] == 1 or x.shape[2] % 2 == 0:
            return [op.resampled(latents, *shape)]
        first = op.resampled(latents, *shape[:2], 1, *shape[3:])
        rest = op.resampled(latents, *shape[:2], shape[2] - 1, *shape[3:])
        return [op.concatenate([first, rest], axis=2), first, rest]


class ResidualBlock(Module):
    """Twice a norm, SiLU and a convolution, added to the input. With latents the norms depend on them."""

    def __init__(self, inputs: int, outputs: int, spec: CogVideoXAutoencoderSpec, *, conditioned: bool, in_rows: bool = True) -> None:
        self.in_rows = in_rows
        self.norm1, self.norm2 = (
            LatentNorm(channels, spec) if conditioned else GroupNorm(spec.groups, channels) for channels in (inputs, outputs)
        )
        self.conv1, self.conv2 = CausalConv(inputs, outputs), CausalConv(outputs, outputs)
        self.conv_shortcut = Conv3d(inputs, outputs, 1) if inputs != outputs else None

    def __call__(self, inputs: Tensor, latents: Tensor, before: Frames, after: Frames) -> Tensor:
        x = inputs
        x = self._normed(self.norm1, x, latents, before, after, in_rows=self.in_rows)
        x = op.activation(x, "silu")
        x = self.conv1(x, before, after)
        x = self._normed(self.norm2, x, latents, before, after, in_rows=True)
        x = op.activation(x, "silu")
        x = self.conv2(x, before, after)
        if self.conv_shortcut is not None:
            inputs = self.conv_shortcut(inputs)
        return op.add(x, inputs)

    def _normed(self, norm: LatentNorm | GroupNorm, x: Tensor, latents: Tensor, before: Frames, after: Frames, *, in_rows: bool) -> Tensor:
        return norm(x, latents, before, after, in_rows=in_rows) if isinstance(norm, LatentNorm) else norm(x)


class Upsample(Module):
    """Twice the height and width, with `frames` twice the frames too but for a first odd one; then a convolution of each frame."""

    def __init__(self, channels: int, *, frames: bool) -> None:
        self.conv, self.frames = Conv2d(channels, channels, KERNEL, Window.centred(KERNEL)), frames

    def __call__(self, x: Tensor) -> Tensor:
        x = self._enlarged(x)
        batch, channels, frames, height, width = x.shape
        maps = (x if 1 in (batch, frames) else op.copied(x)).view(batch * frames, channels, height, width)
        del x
        maps = self.conv(maps)
        return maps.view(batch, channels, frames, height, width)

    def _enlarged(self, x: Tensor) -> Tensor:
        batch, channels, frames, height, width = x.shape
        sides = (2 * height, 2 * width)
        if not self.frames or frames == 1:
            return op.resampled(x, batch, channels, frames, *sides)
        if frames % 2 == 0:
            return op.resampled(x, batch, channels, 2 * frames, *sides)
        first, rest = op.resampled(x, batch, channels, 1, *sides), op.resampled(x, batch, channels, 2 * (frames - 1), *sides)
        return op.concatenate([first, rest], axis=2)


class UpBlock(Module):
    """Residual blocks, then upsampling where there is one. `in_rows`: whether the input lies in memory row by row."""

    def __init__(self, widths: tuple[int, int], spec: CogVideoXAutoencoderSpec, upsample: Upsample | None, *, in_rows: bool) -> None:
        inputs = (widths[0], *[widths[1]] * spec.residual_blocks)
        self.resnets = [
            ResidualBlock(width, widths[1], spec, conditioned=True, in_rows=in_rows or number > 0) for number, width in enumerate(inputs)
        ]
        self.upsample = upsample

    def __call__(self, x: Tensor, latents: Tensor, before: Frames, after: Frames) -> Tensor:
        for resnet in self.resnets:
            x = resnet(x, latents, before, after)
        return self.upsample(x) if self.upsample is not None else x


class Decoder(Module):
    """A few latent frames to about four times as many frames."""

    def __init__(self, spec: CogVideoXAutoencoderSpec) -> None:
        widths = spec.channels[::-1]
        self.conv_in = CausalConv(spec.latents, widths[0])
        self.mid_block = [ResidualBlock(widths[0], widths[0], spec, conditioned=True) for _ in range(2)]
        self.up_blocks: list[UpBlock] = []
        for index, (inputs, outputs) in enumerate(zip((widths[0], *widths[:-1]), widths, strict=True)):
            upsample = Upsample(outputs, frames=index < spec.halvings_of_frames) if index + 1 < len(widths) else None
            self.up_blocks.append(UpBlock((inputs, outputs), spec, upsample, in_rows=index == 0))
        self.norm_out, self.conv_out = LatentNorm(widths[-1], spec), CausalConv(widths[-1], 3)

    def __call__(self, latents: Tensor, before: Frames) -> tuple[Tensor, Frames]:
        after: Frames = {}
        x = self.conv_in(latents, before, after)
        blocks: list[ResidualBlock | UpBlock] = [*self.mid_block, *self.up_blocks]
        for block in blocks:
            x = block(x, latents, before, after)
        x = self.norm_out(x, latents, before, after, in_rows=True)
        x = op.activation(x, "silu")
        return self.conv_out(x, before, after), after


class DownBlock(Module):
    """The weights of residual blocks and of a halving."""

    def __init__(self, inputs: int, outputs: int, spec: CogVideoXAutoencoderSpec, *, halves: bool) -> None:
        widths = (inputs, *[outputs] * (spec.residual_blocks - 1))
        self.resnets = [ResidualBlock(width, outputs, spec, conditioned=False) for width in widths]
        self.downsample = Conv2d(outputs, outputs, KERNEL, Window(stride=2)) if halves else None


class Encoder(Module):
    """The weights that turn videos into latents; only the decoder is run here."""

    def __init__(self, spec: CogVideoXAutoencoderSpec) -> None:
        widths = spec.channels
        self.conv_in = CausalConv(3, widths[0])
        self.down_blocks = [
            DownBlock(inputs, outputs, spec, halves=index + 1 < len(widths))
            for index, (inputs, outputs) in enumerate(zip((widths[0], *widths[:-1]), widths, strict=True))
        ]
        self.mid_block = [ResidualBlock(widths[-1], widths[-1], spec, conditioned=False) for _ in range(2)]
        self.norm_out, self.conv_out = GroupNorm(spec.groups, widths[-1]), CausalConv(widths[-1], 2 * spec.latents)


class CogVideoXAutoencoder(LatentDecoder):
    """Videos of latents. As a network of its own it decodes."""

    family: ClassVar[str] = "diffusion"

    def __init__(self, spec: CogVideoXAutoencoderSpec, options: Options) -> None:
        self.spec, self.options, self.default_image = spec, options, spec.image
        self.encoder, self.decoder = Encoder(spec), Decoder(spec)

    def decoded(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The video: the first stretch, the second, and one for all others, beside the frames of all but the last of them."""
        batch, channels, frames, *sides = shape = self._latents(inputs)
        latents = tape.empty(shape, weight_dtype(self))
        stretches, before, parts = max(1, frames // TOGETHER), Frames(), list[Tensor]()
        for index in range(min(stretches, 3)):
            count = min(frames, TOGETHER + frames % TOGETHER) if index == 0 else TOGETHER
            passed_over = stretches - 3 if index == 2 else 0
            if passed_over:
                parts += [tape.like(parts[-1].meta) for _ in range(passed_over)]
            with tape.record.repeated(1 + passed_over):
                part, before = self.decoder(op.part(latents, batch, channels, count, *sides), before)
            parts.append(part)
        return op.concatenate(parts, axis=2)

    def _latents(self, inputs: Inputs) -> tuple[int, int, int, int, int]:
        sides, scale = inputs.image or self.default_image, self.spec.scale
        if any(side % scale for side in sides):
            raise invalid_field("image_size", f"both sides must be multiples of {scale} pixels for this model")
        frames = ((inputs.frames or DEFAULT_FRAMES) - 1) // int(2**self.spec.halvings_of_frames) + 1
        return inputs.batch, self.spec.latents, frames, sides[0] // scale, sides[1] // scale

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Mean squared error of the decoded video."""
        video = self.decoded(tape, inputs)
        return op.mean_squared_error(video, tape.empty(video.shape, video.dtype))

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The decoded video."""
        return self.decoded(tape, inputs)

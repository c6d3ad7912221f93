"""Wan 2.1's video autoencoder, whose decoder works on one latent frame at a time and keeps the last frames that each convolution saw.

Written as diffusers 0.42.1 computes AutoencoderKLWan (models/autoencoders/autoencoder_kl_wan.py), without tiling or slicing.
"""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.autoencoder import LatentDecoder
from app.architectures.batch import weight_dtype
from app.architectures.network import Inputs, Options
from app.tape import operators as op
from app.tape.convolutions import Conv2d, Conv3d
from app.tape.dtypes import FP32
from app.tape.modules import Module
from app.tape.operators import Window
from app.tape.tensor import Parameter, Tape, Tensor
from app.workloads.fields import invalid_field

KEPT_FRAMES = 2  # that a convolution over time looks back
DEFAULT_FRAMES = 81

Cache = dict[int, Tensor | None]  # by convolution; None after the first frame of an upsampling that starts with the second


@dataclass(frozen=True, slots=True, kw_only=True)
class WanAutoencoderSpec:
    """Channels of each resolution from the finest to the coarsest, residual blocks of each (the decoder has one more), and after which
    resolutions the encoder halves the frames too.
    """

    channels: tuple[int, ...]
    residual_blocks: int = 2
    latents: int = 16
    halves_frames: tuple[bool, ...] = (False, True, True)

    @property
    def scale(self) -> int:
        """Pixels for one latent along each side."""
        return int(2 ** (len(self.channels) - 1))

    @property
    def frames_per_latent(self) -> int:
        """After the first frame, which has a latent of its own."""
        return int(2 ** sum(self.halves_frames))


class CausalConv(Module):
    """A convolution that looks at earlier frames only; the first frames see zeros."""

    def __init__(self, inputs: int, outputs: int, kernel: tuple[int, int, int] = (3, 3, 3), stride: int = 1) -> None:
        self.kernel = kernel
        self.conv = Conv3d(inputs, outputs, kernel, Window(stride=(stride, 1, 1)))

    def __call__(self, x: Tensor, before: Tensor | None = None) -> Tensor:
        back = self.kernel[0] - 1
        if before is not None and back:
            x = op.concatenate([before, x], axis=2)
            back -= before.shape[2]
        batch, channels, frames, height, width = x.shape
        x = op.padded(x, batch, channels, frames + back, height + self.kernel[1] - 1, width + self.kernel[2] - 1)
        return self.conv(x)

    def streamed(self, x: Tensor, cache: Cache) -> Tensor:
        """On a stretch of frames after those in the cache."""
        before, recent = cache.get(id(self)), _recent(x)
        if recent.shape[2] < KEPT_FRAMES and before is not None:
            recent = op.concatenate([_last(before), recent], axis=2)
        out = self(x, before)
        cache[id(self)] = recent
        return out


def _recent(x: Tensor) -> Tensor:
    """A copy of the last frames."""
    return op.copied(op.part(x, *x.shape[:2], min(x.shape[2], KEPT_FRAMES), *x.shape[3:]))


def _last(x: Tensor) -> Tensor:
    """The last frame."""
    return op.part(x, *x.shape[:2], 1, *x.shape[3:])


class ChannelNorm(Module):
    """Each pixel's channels over their length, in fp32, times a learned factor."""

    def __init__(self, channels: int) -> None:
        self.gamma = Parameter(channels)

    def __call__(self, x: Tensor) -> Tensor:
        normed = self._unit(x)
        return op.shifted(op.multiply(op.scaled(normed), self.gamma.view(-1, *[1] * (len(x.shape) - 2))))

    def _unit(self, x: Tensor) -> Tensor:
        dtype = x.dtype
        return op.cast(self._divided(op.cast(x, FP32) if dtype.half else x), dtype)

    def _divided(self, x: Tensor) -> Tensor:
        length = x.tape.empty((x.shape[0], 1, *x.shape[2:]), x.dtype)
        bounded = x.tape.like(length.meta)
        del length
        unit = op.scaled(x)
        del bounded
        return unit


class ResidualBlock(Module):
    """Twice norm, SiLU and a convolution, added to the input."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.norm1, self.conv1 = ChannelNorm(inputs), CausalConv(inputs, outputs)
        self.norm2, self.conv2 = ChannelNorm(outputs), CausalConv(outputs, outputs)
        self.conv_shortcut = CausalConv(inputs, outputs, (1, 1, 1)) if inputs != outputs else None

    def __call__(self, x: Tensor, cache: Cache) -> Tensor:
        residual = x if self.conv_shortcut is None else self.conv_shortcut(x)
        x = self.norm1(x)
        x = op.activation(x, "silu")
        x = self.conv1.streamed(x, cache)
        x = self.norm2(x)
        x = op.activation(x, "silu")
        x = self.conv2.streamed(x, cache)
        return op.add(x, residual)


class MapAttention(Module):
    """Attention with one head over the pixels of each frame."""

    def __init__(self, channels: int) -> None:
        self.norm = ChannelNorm(channels)
        self.to_qkv, self.proj = Conv2d(channels, 3 * channels, 1), Conv2d(channels, channels, 1)

    def __call__(self, x: Tensor) -> Tensor:
        identity = x
        batch, channels, frames, height, width = x.shape
        x = _maps(x)
        x = self.norm(x)
        qkv = self.to_qkv(x)
        qkv = op.copied(qkv.view(batch * frames, 1, height * width, 3 * channels))
        query, key, value = op.split(qkv, (channels,) * 3)
        x = op.scaled_dot_product_attention(query, key, value, causal=False)
        x = x.view(batch * frames, channels, height, width)
        x = self.proj(x)
        return op.add(x.view(batch, channels, frames, height, width), identity)


def _maps(x: Tensor) -> Tensor:
    """Frames as maps of a larger batch, [batch x frames, channels, height, width]: a copy of several frames of several videos."""
    batch, channels, frames, height, width = x.shape
    return (x if 1 in (batch, frames) else op.copied(x)).view(batch * frames, channels, height, width)


class Upsample(Module):
    """Twice the height and width at half the channels; with `time_conv` twice the frames too, but for the first one."""

    def __init__(self, channels: int, *, frames: bool) -> None:
        self.conv = Conv2d(channels, channels // 2, 3, Window.centred(3))
        self.time_conv = CausalConv(channels, 2 * channels, (3, 1, 1)) if frames else None

    def __call__(self, x: Tensor, cache: Cache) -> Tensor:
        if self.time_conv is not None:
            x = self._more_frames(x, self.time_conv, cache)
        batch, _, frames, *_ = x.shape
        x = _maps(x)
        x = self.conv(_doubled(x))
        return x.view(batch, frames, *x.shape[1:]).transpose(1, 2)

    def _more_frames(self, x: Tensor, conv: CausalConv, cache: Cache) -> Tensor:
        if id(conv) not in cache:
            cache[id(conv)] = None
            return x
        batch, channels, frames, height, width = x.shape
        first = cache[id(conv)] is None
        if first:
            recent = _recent(x)
            cached = op.concatenate([op.scaled(recent), recent], axis=2) if frames < KEPT_FRAMES else recent
            x = conv(x)
            cache[id(conv)] = cached
        else:
            x = conv.streamed(x, cache)
        return op.copied(x).view(batch, channels, 2 * frames, height, width)


def _doubled(x: Tensor) -> Tensor:
    """Each pixel four times, in fp32 and cast back."""
    batch, channels, height, width = x.shape
    return op.cast(op.resampled(op.cast(x, FP32), batch, channels, 2 * height, 2 * width), x.dtype)


class MiddleBlock(Module):
    """Two residual blocks with attention between them."""

    def __init__(self, channels: int) -> None:
        self.attention = MapAttention(channels)
        self.resnets = [ResidualBlock(channels, channels) for _ in range(2)]

    def __call__(self, x: Tensor, cache: Cache) -> Tensor:
        x = self.resnets[0](x, cache)
        x = self.attention(x)
        return self.resnets[1](x, cache)


class UpBlock(Module):
    """Residual blocks, then upsampling where there is one."""

    def __init__(self, inputs: int, outputs: int, blocks: int, upsample: Upsample | None) -> None:
        self.resnets = [ResidualBlock(width, outputs) for width in (inputs, *[outputs] * (blocks - 1))]
        self.upsample = upsample

    def __call__(self, x: Tensor, cache: Cache) -> Tensor:
        for resnet in self.resnets:
            x = resnet(x, cache)
        return self.upsample(x, cache) if self.upsample is not None else x


class Decoder(Module):
    """Latents of one frame to one or several frames."""

    def __init__(self, spec: WanAutoencoderSpec) -> None:
        widths = spec.channels[::-1]
        self.conv_in, self.mid_block = CausalConv(spec.latents, widths[0]), MiddleBlock(widths[0])
        doubles = (*spec.halves_frames[::-1], None)
        incoming = (widths[0], *(width // 2 for width in widths[:-1]))
        self.up_blocks = [
            UpBlock(before, width, spec.residual_blocks + 1, None if frames is None else Upsample(width, frames=frames))
            for before, width, frames in zip(incoming, widths, doubles, strict=True)
        ]
        self.norm_out, self.conv_out = ChannelNorm(widths[-1]), CausalConv(widths[-1], 3)

    def __call__(self, x: Tensor, cache: Cache) -> Tensor:
        x = self.conv_in.streamed(x, cache)
        x = self.mid_block(x, cache)
        for block in self.up_blocks:
            x = block(x, cache)
        x = self.norm_out(x)
        x = op.activation(x, "silu")
        return self.conv_out.streamed(x, cache)


class DownStep(Module):
    """The weights of a residual block or of a halving."""

    def __init__(self, inputs: int, outputs: int, *, halves: bool = False, frames: bool = False) -> None:
        self.block = None if halves else ResidualBlock(inputs, outputs)
        self.conv = Conv2d(inputs, outputs, 3, Window(stride=2)) if halves else None
        self.time_conv = CausalConv(inputs, outputs, (3, 1, 1), stride=2) if frames else None


class Encoder(Module):
    """The weights that turn videos into latents; only the decoder is run here."""

    def __init__(self, spec: WanAutoencoderSpec) -> None:
        widths = spec.channels
        self.conv_in = CausalConv(3, widths[0])
        self.down_blocks: list[DownStep] = []
        before = widths[0]
        for width, frames in zip(widths, (*spec.halves_frames, None), strict=True):
            self.down_blocks += [DownStep(inputs, width) for inputs in (before, *[width] * (spec.residual_blocks - 1))]
            if frames is not None:
                self.down_blocks.append(DownStep(width, width, halves=True, frames=frames))
            before = width
        self.mid_block = MiddleBlock(before)
        self.norm_out, self.conv_out = ChannelNorm(before), CausalConv(before, 2 * spec.latents)


class WanAutoencoder(LatentDecoder):
    """Videos of latents. As a network of its own it decodes."""

    family: ClassVar[str] = "diffusion"
    default_image = (480, 832)

    def __init__(self, spec: WanAutoencoderSpec, options: Options) -> None:
        self.spec, self.options = spec, options
        self.encoder, self.decoder = Encoder(spec), Decoder(spec)
        self.quant_conv = CausalConv(2 * spec.latents, 2 * spec.latents, (1, 1, 1))
        self.post_quant_conv = CausalConv(spec.latents, spec.latents, (1, 1, 1))

    def decoded(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The video, latent frame by latent frame: the first, the second, and one for all others, beside all but the last of the video."""
        shape = self._latents(inputs)
        x = self.post_quant_conv(tape.empty(shape, weight_dtype(self)))
        frame, cache, count = op.part(x, *shape[:2], 1, *shape[3:]), Cache(), shape[2]
        out = self.decoder(frame, cache)
        for index in range(1, min(count, KEPT_FRAMES + 1)):
            if index == KEPT_FRAMES:
                done = 1 + self.spec.frames_per_latent * (count - KEPT_FRAMES)
                out = tape.empty((*out.shape[:2], done, *out.shape[3:]), out.dtype)
            with tape.record.repeated(count - KEPT_FRAMES if index == KEPT_FRAMES else 1):
                more = self.decoder(frame, cache)  # until then the frames before it stay alive too
            out = op.concatenate([out, more], axis=2)
        return op.clamp(out)

    def _latents(self, inputs: Inputs) -> tuple[int, int, int, int, int]:
        sides = inputs.image or self.default_image
        scale = self.spec.scale
        if any(side % scale for side in sides):
            raise invalid_field("image_size", f"both sides must be multiples of {scale} pixels for this model")
        frames = ((inputs.frames or DEFAULT_FRAMES) - 1) // self.spec.frames_per_latent + 1
        return inputs.batch, self.spec.latents, frames, sides[0] // scale, sides[1] // scale

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Mean squared error of the decoded video."""
        video = self.decoded(tape, inputs)
        return op.mean_squared_error(video, tape.empty(video.shape, video.dtype))

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The decoded video."""
        return self.decoded(tape, inputs)

"""wav2vec 2.0 and HuBERT: convolutions over the waveform, then an encoder with convolutional positions.

Written as transformers 5.23 computes them (modeling_wav2vec2.py, modeling_hubert.py).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from app.architectures.activations import activate
from app.architectures.attention import IN_OWN_TYPE, Attend, Attended
from app.architectures.batch import held, weight_dtype
from app.architectures.network import Inputs, Network, Options, block_kinds
from app.tape import operators as op
from app.tape.convolutions import Conv1d, GroupNorm
from app.tape.modules import Blocks, LayerNorm, Linear, Module
from app.tape.operators import Window
from app.tape.tensor import Parameter, Tape, Tensor
from app.workloads.fields import invalid_field

SAMPLES_PER_SECOND = 16_000
DEFAULT_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveformConvolutions:
    """The layers over the waveform. `norm_every_layer`: layer norms throughout rather than one group norm in the first layer."""

    widths: tuple[int, ...]
    kernels: tuple[int, ...]
    strides: tuple[int, ...]
    bias: bool = False
    norm_every_layer: bool = False
    activation: str = "gelu"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizerSpec:
    """Code vectors that pre-training tells apart, and how many wrong ones each position is compared with."""

    groups: int = 2
    entries: int = 320
    size: int = 256
    projected: int = 256
    negatives: int = 100
    dropout: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechSpec:
    """Hyper-parameters. `norm_first`: the stream is normed before each part and at the end, rather than after each part."""

    convolutions: WaveformConvolutions
    quantizer: QuantizerSpec
    hidden: int
    layers: int
    heads: int
    feed_forward: int
    activation: str = "gelu"
    position_kernel: int = 128
    position_groups: int = 16
    norm_first: bool = False
    projection_norm: bool = True
    masks_positions: bool = True
    dropout: float = 0.1
    attention_dropout: float = 0.1
    activation_dropout: float = 0.1
    projection_dropout: float = 0.0
    final_dropout: float = 0.1
    vocabulary: int = 32
    labels: int = 2
    classifier: int = 256


class WaveformLayer(Module):
    """A convolution, a norm where there is one, and an activation."""

    def __init__(self, spec: WaveformConvolutions, layer: int) -> None:
        inputs, width = ((1, *spec.widths)[layer], spec.widths[layer])
        self.activation = spec.activation
        self.conv = Conv1d(inputs, width, spec.kernels[layer], Window(stride=spec.strides[layer]), bias=spec.bias)
        self.layer_norm = LayerNorm(width) if spec.norm_every_layer else None
        self.group_norm = GroupNorm(width, width) if layer == 0 and not spec.norm_every_layer else None

    def __call__(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if self.layer_norm is not None:
            x = self.layer_norm(x.transpose(-2, -1)).transpose(-2, -1)
        if self.group_norm is not None:
            x = self.group_norm(x)
        return activate(x, self.activation)


class PositionalConvolution(Module):
    """A wide grouped convolution whose weight is worked out anew from a direction and a length (weight normalization)."""

    def __init__(self, spec: SpeechSpec) -> None:
        self.activation, self.window = spec.convolutions.activation, Window(padding=spec.position_kernel // 2)
        self.length = Parameter(1, 1, spec.position_kernel)
        self.direction = Parameter(spec.hidden, spec.hidden // spec.position_groups, spec.position_kernel)
        self.bias = Parameter(spec.hidden)

    def __call__(self, x: Tensor) -> Tensor:
        weight = op.multiply(self.direction, self.length)
        positions = op.convolution(x.transpose(1, 2), weight, self.bias, self.window)
        positions = op.part(positions, *positions.shape[:2], x.shape[1])
        return activate(positions, self.activation).transpose(1, 2)


class Attention(Module):
    """Multi-head self-attention over all positions."""

    def __init__(self, spec: SpeechSpec, options: Options) -> None:
        self.size = spec.hidden // spec.heads
        self.attend = Attend(implementation=options.attention, dropout=spec.attention_dropout, causal=False, style=IN_OWN_TYPE)
        self.k_proj, self.v_proj = Linear(spec.hidden, spec.hidden), Linear(spec.hidden, spec.hidden)
        self.q_proj, self.out_proj = Linear(spec.hidden, spec.hidden), Linear(spec.hidden, spec.hidden)

    def __call__(self, x: Tensor) -> Attended:
        query, key, value = self._heads(self.q_proj(x)), self._heads(self.k_proj(x)), self._heads(self.v_proj(x))
        out, weights = self.attend(query, key, value, None)
        return self.out_proj(out.flatten(2)), weights

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], x.shape[2] // self.size, self.size).transpose(1, 2)


class FeedForward(Module):
    """Two projections, each followed by dropout, with an activation between them."""

    def __init__(self, spec: SpeechSpec) -> None:
        self.spec = spec
        self.intermediate_dense = Linear(spec.hidden, spec.feed_forward)
        self.output_dense = Linear(spec.feed_forward, spec.hidden)

    def __call__(self, x: Tensor) -> Tensor:
        x = self.intermediate_dense(x)
        x = activate(x, self.spec.activation)
        x = op.dropout(x, self.spec.activation_dropout)
        x = self.output_dense(x)
        return op.dropout(x, self.spec.dropout)


class Block(Module):
    """Attention, then feed-forward, with norms before each or after each."""

    def __init__(self, spec: SpeechSpec, options: Options) -> None:
        self.norm_first, self.dropout = spec.norm_first, spec.dropout
        self.attention, self.feed_forward = Attention(spec, options), FeedForward(spec)
        self.layer_norm, self.final_layer_norm = LayerNorm(spec.hidden), LayerNorm(spec.hidden)

    def __call__(self, x: Tensor) -> Tensor:
        residual = x
        x = self.layer_norm(x) if self.norm_first else x
        x, _ = self.attention(x)
        x = op.dropout(x, self.dropout)
        x = op.add(residual, x)
        if self.norm_first:
            return op.add(x, self.feed_forward(self.final_layer_norm(x)))
        x = self.layer_norm(x)
        x = op.add(x, self.feed_forward(x))
        return self.final_layer_norm(x)


class SpeechEncoder(Module):
    """The encoder over frames."""

    def __init__(self, spec: SpeechSpec, options: Options) -> None:
        self.spec, self.options = spec, options
        self.layers = Blocks(block_kinds(spec.layers, options), lambda _: Block(spec, options))
        self.pos_conv_embed = PositionalConvolution(spec)
        self.layer_norm = LayerNorm(spec.hidden)

    def __call__(self, x: Tensor) -> Tensor:
        positions = self.pos_conv_embed(x)
        x = op.add(x, positions)
        x = x if self.spec.norm_first else self.layer_norm(x)
        x = self.layers(op.dropout(x, self.spec.dropout), checkpointed=self.options.checkpointed)
        return self.layer_norm(x) if self.spec.norm_first else x


@dataclass(slots=True, kw_only=True)
class Heard:
    """What a head works on: hidden states and the normed frames that entered the encoder, [batch, frames, size], and the characters
    of a transcript."""

    states: Tensor
    frames: Tensor
    characters: int


class SpeechHead(Module, ABC):
    """Makes an output and a loss from what the encoder heard."""

    @abstractmethod
    def __call__(self, heard: Heard) -> Tensor: ...

    @abstractmethod
    def loss(self, heard: Heard) -> Tensor:
        """The training loss."""


HeadMaker = Callable[[SpeechSpec], SpeechHead]


class SpeechModel(Network):
    """A speech encoder with one of its heads."""

    family: ClassVar[str] = "encoder"

    def __init__(self, spec: SpeechSpec, options: Options, head: HeadMaker) -> None:
        self.spec, self.options = spec, options
        self.encoder = SpeechEncoder(spec, options)
        self.feature_extractor = Blocks(range(len(spec.convolutions.widths)), lambda layer: WaveformLayer(spec.convolutions, layer))
        frame = spec.convolutions.widths[-1]
        self.projection_norm = LayerNorm(frame) if spec.projection_norm else None
        self.projection = Linear(frame, spec.hidden)
        self.masked_spec_embed = Parameter(spec.hidden) if spec.masks_positions else None
        self.head = head(spec)

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The loss of the head."""
        return self.head.loss(self._heard(tape, inputs))

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """What the head gives."""
        return self.head(self._heard(tape, inputs))

    def _heard(self, tape: Tape, inputs: Inputs) -> Heard:
        frames = self.feature_extractor(self._waveform(tape, inputs), checkpointed=self.options.checkpointed).transpose(1, 2)
        normed = self.projection_norm(frames) if self.projection_norm is not None else frames
        projected = op.dropout(self.projection(normed), self.spec.projection_dropout)
        return Heard(states=self.encoder(projected), frames=normed, characters=inputs.target or 1)

    def _waveform(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Samples [batch, 1, samples], which get a gradient of their own. Raises InvalidInput where they are too few for one frame."""
        samples = length = round((inputs.audio_seconds or DEFAULT_SECONDS) * SAMPLES_PER_SECOND)
        for kernel, stride in zip(self.spec.convolutions.kernels, self.spec.convolutions.strides, strict=True):
            length = (length - kernel) // stride + 1
        if length < 1:
            raise invalid_field("audio_seconds", "the recording is too short for one frame")
        waveform = held(tape, (inputs.batch, 1, samples), weight_dtype(self))
        waveform.requires_grad = tape.training
        return waveform

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and heads."""
        return self.spec.hidden, self.spec.feed_forward, self.spec.heads

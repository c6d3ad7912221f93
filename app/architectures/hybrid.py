"""Decoders that mix state-space layers with attention: Jamba, Bamba, Granite 4, Falcon-H1, Nemotron-H.

Source: modeling_jamba.py, modeling_bamba.py, modeling_granitemoehybrid.py, modeling_falcon_h1.py, modeling_nemotron_h.py
(transformers 5.23), without the kernels of mamba-ssm.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from app.architectures.attention import Attended, Masks
from app.architectures.cache import CacheLayer, KvCache
from app.architectures.decoder import Attention, AttentionPart, Decoder, DecoderBlock, DecoderSpec, Layer, feed_forward_of
from app.architectures.deepseek import Router
from app.architectures.mamba2 import Mamba2Mixer, Mamba2Spec
from app.architectures.mixture_of_experts import ExpertsSpec, MixtureDecoder, PlainExperts
from app.architectures.network import Options
from app.architectures.parallel_decoder import PlainFeedForward
from app.architectures.positions import Turns
from app.tape import operators as op
from app.tape.modules import Linear, Module
from app.tape.tensor import Parameter, Tensor

Mixer = Callable[[Tensor, KvCache | None], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurrenceSpec:
    """Which layers are recurrent, what makes the mixer of one, and what it holds when it generates."""

    layers: tuple[bool, ...]
    mixer: Callable[[int], Mixer]
    cached: CacheLayer


class RecurrentPart(Module):
    """A mixer in the place of attention."""

    def __init__(self, mixer: Mixer) -> None:
        self.mixer = mixer

    def __call__(self, x: Tensor, turns: Turns, masks: Masks, cache: KvCache | None) -> Attended:  # noqa: ARG002 - has no positions
        return self.mixer(x, cache), None


class HybridDecoder(MixtureDecoder):
    """A decoder some of whose layers have a recurrent mixer instead of attention; any may have experts."""

    def __init__(
        self, spec: DecoderSpec, experts: ExpertsSpec, recurrence: RecurrenceSpec, options: Options, attention: AttentionPart = Attention
    ) -> None:
        self.recurrence = recurrence
        super().__init__(spec, experts, options, attention)

    def block(self, spec: DecoderSpec, options: Options, layer: int) -> Module:
        """One block: with a mixer or attention, with experts or without."""
        return DecoderBlock(spec, options, layer, self._mixing, self._feed_forward(layer))

    def _mixing(self, spec: DecoderSpec, options: Options, layer: int) -> Callable[..., Attended]:
        if self.recurrence.layers[layer]:
            return RecurrentPart(self.recurrence.mixer(layer))
        return self.attention(spec, options, layer)

    def _feed_forward(self, layer: int) -> Callable[[DecoderSpec], Layer]:
        return self.sparse_feed_forward if self.experts.sparse[layer] else self.dense_feed_forward

    def dense_feed_forward(self, spec: DecoderSpec) -> Layer:
        """The part of a layer without experts."""
        return feed_forward_of(spec)

    def kind(self, layer: int) -> object:
        """Layers differ also by being recurrent."""
        return super().kind(layer), self.recurrence.layers[layer]

    def cache_layers(self) -> tuple[CacheLayer, ...]:
        """Keys and values, or what the mixer holds."""
        held = super().cache_layers()
        return tuple(self.recurrence.cached if recurrent else held[layer] for layer, recurrent in enumerate(self.recurrence.layers))


class ScaledMixer(Mamba2Mixer):
    """Mamba-2 with numbers before and after its first projection (Falcon-H1)."""

    def __init__(self, spec: Mamba2Spec, layer: int, *, output_bias: bool) -> None:
        super().__init__(spec, layer)
        self.mup_vector = Parameter(self.in_proj.weight.shape[0], buffer=True)
        self.out_proj = Linear(spec.channels, spec.hidden, bias=output_bias)

    def projected(self, x: Tensor) -> Tensor:
        """The projection of the scaled input, each part scaled on its own."""
        return op.multiply(self.in_proj(op.scaled(x)), self.mup_vector)


class ScaledKeyAttention(Attention):
    """Attention whose keys are multiplied by a number."""

    def _heads(self, x: Tensor, norm: str) -> Tensor:
        x = super()._heads(x, norm)
        return op.scaled(x) if norm == "k_norm" else x


class ScaledFeedForward(Module):
    """Gated feed-forward with numbers at the gate and at the output."""

    def __init__(self, spec: DecoderSpec) -> None:
        self.inner = feed_forward_of(spec)
        self.activation = spec.activation

    def __call__(self, x: Tensor) -> Tensor:
        up = self.inner.up_proj(x)
        gated = op.activation(op.scaled(self.inner.gate_proj(x)), self.activation)
        return op.scaled(self.inner.down_proj(op.multiply(up, gated)))


class ParallelHybridBlock(Module):
    """Mamba-2 and attention on the same normed stream, both scaled and added to it; then the feed-forward part."""

    def __init__(self, spec: DecoderSpec, options: Options, layer: int, mixer: Callable[[int], Mixer]) -> None:
        self.feed_forward = ScaledFeedForward(spec)
        self.mamba = mixer(layer)
        self.self_attn = ScaledKeyAttention(spec, options, layer)
        self.input_layernorm, self.pre_ff_layernorm = spec.norm(spec.hidden), spec.norm(spec.hidden)

    def __call__(self, x: Tensor, turns: Turns, masks: Masks, cache: KvCache | None) -> Tensor:
        residual = x
        x = self.input_layernorm(x)
        mixed = op.scaled(self.mamba(x, cache))
        attended, _ = self.self_attn(op.scaled(x), turns, masks, cache)
        attended = op.scaled(attended)
        x = op.add(mixed, attended)
        x = op.add(residual, x)
        residual = x
        x = self.pre_ff_layernorm(x)
        x = self.feed_forward(x)
        return op.add(residual, x)


class FalconH1(Decoder):
    """Falcon-H1: every block attends and recurs side by side."""

    def __init__(self, spec: DecoderSpec, recurrence: RecurrenceSpec, options: Options) -> None:
        self.recurrence = recurrence
        super().__init__(spec, options, lambda s, o, layer: ParallelHybridBlock(s, o, layer, recurrence.mixer))

    def cache_layers(self) -> tuple[CacheLayer, ...]:
        """Keys, values and the state of every layer."""
        cached = self.recurrence.cached
        return tuple(replace(layer, convolution=cached.convolution, state=cached.state) for layer in super().cache_layers())


class SinglePartBlock(Module):
    """One part on the normed stream: a mixer, attention, or a feed-forward part (Nemotron-H)."""

    def __init__(self, spec: DecoderSpec, part: Callable[..., Attended]) -> None:
        self.norm, self.mixer = spec.norm(spec.hidden), part

    def __call__(self, x: Tensor, turns: Turns, masks: Masks, cache: KvCache | None) -> Tensor:
        residual = x
        x = self.norm(x)
        x, _ = self.mixer(x, turns, masks, cache)
        return op.add(residual, x)


class FeedForwardPart(Module):
    """A feed-forward part in the place of attention."""

    def __init__(self, feed_forward: Layer) -> None:
        self.feed_forward = feed_forward

    def __call__(self, x: Tensor, turns: Turns, masks: Masks, cache: KvCache | None) -> Attended:  # noqa: ARG002 - has no positions
        return self.feed_forward(x), None


class SparsePart(Module):
    """Routed experts without gates and, beside them, a plain part that all tokens share."""

    def __init__(self, spec: DecoderSpec, experts: ExpertsSpec) -> None:
        self.gate = Router(spec.hidden, experts, sigmoid=True)
        self.experts = PlainExperts(spec.hidden, experts, spec.activation)
        self.shared_experts = PlainFeedForward(replace(spec, feed_forward=experts.shared_width))

    def __call__(self, x: Tensor) -> Tensor:
        tokens = x.view(-1, x.shape[-1])
        _, weights, places = self.gate(tokens)
        out = self.experts(tokens, places, weights).view(*x.shape)
        return op.add(out, self.shared_experts(x))


class NemotronH(HybridDecoder):
    """Nemotron-H: every block is one part; `parts` names each block's: mixer, attention, feed_forward or experts."""

    def __init__(
        self, spec: DecoderSpec, experts: ExpertsSpec, recurrence: RecurrenceSpec, options: Options, parts: tuple[str, ...]
    ) -> None:
        self.parts = parts
        super().__init__(spec, experts, recurrence, options)

    def block(self, spec: DecoderSpec, options: Options, layer: int) -> Module:
        """One block with its single part."""
        match self.parts[layer]:
            case "feed_forward":
                return SinglePartBlock(spec, FeedForwardPart(PlainFeedForward(spec)))
            case "experts":
                return SinglePartBlock(spec, FeedForwardPart(SparsePart(spec, self.experts)))
        return SinglePartBlock(spec, self._mixing(spec, options, layer))

    def kind(self, layer: int) -> object:
        """Blocks differ by their part."""
        return self.parts[layer]

    def cache_layers(self) -> tuple[CacheLayer, ...]:
        """Keys and values of attention, states of mixers, nothing of feed-forward parts."""
        held = super().cache_layers()
        without = {"feed_forward", "experts"}
        return tuple(CacheLayer() if part in without else layer for part, layer in zip(self.parts, held, strict=True))

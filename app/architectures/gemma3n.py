"""Gemma 3n: several streams of which each layer works on one (AltUp), low-rank residuals, sparse activations.

Source: modeling_gemma3n.py (transformers 5.23).
"""

from dataclasses import dataclass

from app.architectures.activations import activate
from app.architectures.attention import Masks
from app.architectures.cache import CacheLayer, KvCache
from app.architectures.decoder import Decoder, DecoderSpec, GatedFeedForward
from app.architectures.gemma4 import NormedValueAttention
from app.architectures.layer_inputs import READ, LayerInputGate, LayerInputs, SharedKeys
from app.architectures.network import Inputs, Options, indices
from app.architectures.positions import Turns
from app.tape import operators as op
from app.tape.dtypes import FP32
from app.tape.modules import Linear, Module
from app.tape.tensor import Parameter, Tape, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Gemma3nSpec:
    """Streams, rank of the low-rank residual, the embeddings of every layer, and by layer what it does about keys, the width of its
    feed-forward part and whether that is sparse. `scaled_correction`: the corrected stream is scaled for the layer's embeddings."""

    streams: int
    rank: int
    table: int
    layer_input: int
    roles: tuple[str, ...]
    widths: tuple[int, ...]
    sparse: tuple[bool, ...]
    scaled_correction: bool = True


class LowRankResidual(Module):
    """The stream and, normed and added to it, its image under a narrow map (Laurel)."""

    def __init__(self, spec: DecoderSpec, rank: int) -> None:
        self.linear_left = Linear(spec.hidden, rank, bias=False)
        self.linear_right = Linear(rank, spec.hidden, bias=False)
        self.post_laurel_norm = spec.norm(spec.hidden)

    def __call__(self, x: Tensor) -> Tensor:
        narrow = self.linear_right(self.linear_left(x))
        return op.add(x, self.post_laurel_norm(narrow))


class FeedForward(GatedFeedForward):
    """A gated feed-forward part; where `sparse`, only what lies far above its row's mean is let through the gate."""

    def __init__(self, spec: DecoderSpec, width: int, *, sparse: bool) -> None:
        super().__init__(spec.hidden, width, spec.activation)
        self.sparse = sparse

    def __call__(self, x: Tensor) -> Tensor:
        gate = self.gate_proj(x)
        gate = self._far_above_mean(gate) if self.sparse else gate
        activated = activate(gate, self.activation)
        up = self.up_proj(x)
        return self.down_proj(op.multiply(activated, up))

    def _far_above_mean(self, gate: Tensor) -> Tensor:
        mean = op.mean(gate, *gate.shape[:-1], 1)
        cutoff = op.add(mean, op.scaled(op.deviation(gate)))
        return op.activation(op.add(gate, cutoff), "relu")


class AlternatingUpdates(Module):
    """Predicts all streams from one another before a layer and corrects them by what it made of the first (AltUp)."""

    def __init__(self, spec: DecoderSpec, streams: int) -> None:
        self.streams = streams
        self.correct_output_scale = Parameter(spec.hidden)
        self.correction_coefs = Linear(streams, streams, bias=False)
        self.prediction_coefs = Linear(streams, streams**2, bias=False)
        self.modality_router = Linear(spec.hidden, streams, bias=False)
        self.router_norm = spec.norm(spec.hidden)

    def predicted(self, x: Tensor) -> Tensor:
        """Each stream of [streams, batch, length, hidden] and a mixture of all, with weights from the first."""
        streams, batch, length, hidden = x.shape
        coefficients = self.prediction_coefs(self._modalities(self.first(x))).view(batch * length, streams, streams)
        mixed = op.matmul(op.rearranged(x, batch * length, hidden, streams), coefficients)
        mixed = op.add_(op.rearranged(mixed, *x.shape), x)
        return op.cast(op.contiguous(mixed), x.dtype)

    def corrected(self, predictions: Tensor, activated: Tensor) -> Tensor:
        """Every prediction and a share of how far the first was from what the layer made."""
        streams, *shape = predictions.shape
        modalities = self._modalities(activated)
        innovation = op.add(activated, self.first(predictions))
        innovation = op.repeated(innovation.view(1, *shape), streams)
        weight = op.clamp(self.correction_coefs.weight) if activated.tape.training else self.correction_coefs.weight
        coefficients = op.shifted(op.linear(modalities, weight))
        corrected = op.multiply(innovation, coefficients.view(streams, *shape[:2], 1))
        return op.cast(op.add_(corrected, predictions), activated.dtype)

    def scaled(self, x: Tensor) -> Tensor:
        """The corrected first stream times a weight of each component."""
        return op.cast(op.multiply(op.cast(x, self.correct_output_scale.dtype), self.correct_output_scale), x.dtype)

    @staticmethod
    def first(x: Tensor) -> Tensor:
        """The stream that layers work on."""
        return op.part(x, *x.shape[1:])

    def _modalities(self, x: Tensor) -> Tensor:
        routed = self.modality_router(op.scaled(self.router_norm(x)))
        return op.cast(op.activation(op.cast(routed, FP32), "tanh"), x.dtype)


class Gemma3nBlock(Module):
    """Attention beside a low-rank residual, then the feed-forward part, on the first of the streams; the others follow."""

    def __init__(self, spec: DecoderSpec, options: Options, layer: int, gemma: Gemma3nSpec) -> None:
        self.scaled_correction = gemma.scaled_correction
        self.self_attn = NormedValueAttention(spec, options, layer, gemma.roles[layer], keys_as_values=False)
        self.mlp = FeedForward(spec, gemma.widths[layer], sparse=gemma.sparse[layer])
        self.norms = [spec.norm(spec.hidden) for _ in range(4)]
        self.altup, self.laurel = AlternatingUpdates(spec, gemma.streams), LowRankResidual(spec, gemma.rank)
        self.gate = LayerInputGate(spec.hidden, gemma.layer_input, spec.activation)

    def __call__(self, x: Tensor, of_layers: Tensor, shared: SharedKeys, turns: Turns, masks: Masks, cache: KvCache | None) -> Tensor:
        predictions = self.altup.predicted(x)
        active = self.altup.first(predictions)
        normed = self.norms[0](active)
        low_rank = self.laurel(normed)
        attended, _ = self.self_attn(normed, turns, masks, cache, shared)
        attended = self.norms[1](attended)
        gated = op.add(active, attended)
        both = op.scaled(op.add(gated, low_rank))
        given = self.norms[2](both)
        forwarded = self.mlp(given)
        forwarded_norm = self.norms[3](forwarded)
        updated = op.add(both, forwarded_norm)
        corrected = self.altup.corrected(predictions, updated)
        first = op.contiguous(self.altup.first(corrected))
        first = self.altup.scaled(first) if self.scaled_correction else first
        first = self.gate(first, of_layers)
        others = op.part(corrected, corrected.shape[0] - 1, *corrected.shape[1:])
        return op.overwritten(corrected, op.add_(others, first))


class Gemma3n(Decoder):
    """Gemma 3n's text model with its language-model head."""

    def __init__(self, spec: DecoderSpec, gemma: Gemma3nSpec, options: Options) -> None:
        self.gemma = gemma
        super().__init__(spec, options, lambda spec, options, layer: Gemma3nBlock(spec, options, layer, gemma))
        self.layer_inputs = LayerInputs(gemma.table, spec.hidden, spec.layers, gemma.layer_input, in_place=True)
        self.altup_projections = [Linear(spec.hidden, spec.hidden, bias=False) for _ in range(gemma.streams - 1)]
        self.altup_unembed_projections = [Linear(spec.hidden, spec.hidden, bias=False) for _ in range(gemma.streams - 1)]

    def kind(self, layer: int) -> object:
        """Layers differ also by what they do about keys, and by their feed-forward parts."""
        gemma = self.gemma
        return super().kind(layer), gemma.roles[layer], gemma.widths[layer], gemma.sparse[layer]

    def hidden_states(self, tape: Tape, inputs: Inputs, cache: KvCache | None = None) -> Tensor:
        """The normed mean of the streams after the last block, [batch, length, hidden]."""
        embedded = self.embedded(tape, inputs, cache)
        of_layers = self.layer_inputs(indices(tape, inputs.batch, inputs.sequence), embedded)
        masks = self.masks(embedded, cache)
        magnitude = _magnitude(embedded)
        streams = [embedded]
        for project in self.altup_projections:
            projected = project(embedded)  # the last one stays to the end, as all streams do
            streams.append(_of_magnitude(projected, embedded, magnitude))
        turns, shared = self._turns(embedded), SharedKeys()
        x = self.layers.run(_stacked(streams), of_layers, shared, turns, masks, cache, checkpointed=self.options.checkpointed)
        first = AlternatingUpdates.first
        magnitude = _magnitude(first(x))
        streams = [first(x), *(_of_magnitude(project(first(x)), embedded, magnitude) for project in self.altup_unembed_projections)]
        x = _stacked(streams)
        x = op.mean(x, *x.shape[1:])
        return self.norm(x)

    def cache_layers(self) -> tuple[CacheLayer, ...]:
        """Keys and values of the layers that do not read those of others."""
        held = super().cache_layers()
        return tuple(CacheLayer() if role == READ else held[layer] for layer, role in enumerate(self.gemma.roles))


def _magnitude(x: Tensor) -> Tensor:
    return op.power(op.mean(op.power(op.raise_to_fp32(x)), *x.shape[:-1], 1))


def _of_magnitude(x: Tensor, like: Tensor, magnitude: Tensor) -> Tensor:
    """A stream as long as another."""
    x = op.cast(x, like.dtype)
    own = op.power(op.clamp(op.mean(op.power(op.raise_to_fp32(x)), *x.shape[:-1], 1)))
    return op.multiply(op.multiply(x, magnitude), op.power(own))


def _stacked(streams: list[Tensor]) -> Tensor:
    return op.promoted_concatenation([x.view(1, *x.shape) for x in streams], axis=0)

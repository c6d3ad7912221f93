"""Gemma 4: wide heads where attention is full, keys that serve as values or for later layers, embeddings for every layer, experts.

Source: modeling_gemma4.py (transformers 5.23).
"""

from dataclasses import dataclass, replace

from app.architectures.attention import Attended, Masks
from app.architectures.cache import CacheLayer, KvCache
from app.architectures.decoder import Attention, Decoder, DecoderSpec, feed_forward_of, heads_of
from app.architectures.layer_inputs import KEPT, READ, LayerInputGate, LayerInputs, SharedKeys
from app.architectures.mixture_of_experts import Experts, ExpertsSpec
from app.architectures.network import Inputs, Options, indices
from app.architectures.positions import Rotation, Turns, rotation
from app.tape import operators as op
from app.tape.modules import Linear, Module
from app.tape.tensor import Parameter, Tape, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Gemma4Spec:
    """What differs by layer: heads where attention is full (`full_size`, `full_kv_heads`), whether their keys serve as values, what each
    layer does about keys (`roles`), width of the feed-forward part where they are read, and the embeddings of every layer."""

    full_size: int
    full_kv_heads: int
    keys_as_values: bool
    roles: tuple[str, ...]
    reading_width: int
    table: int
    layer_input: int
    experts: ExpertsSpec

    def of_layer(self, spec: DecoderSpec, layer: int) -> DecoderSpec:
        """Sizes of one layer."""
        width = self.reading_width if self.roles[layer] == READ else spec.feed_forward
        if spec.window(layer) is not None:
            return replace(spec, feed_forward=width)
        return replace(spec, feed_forward=width, head_size=self.full_size, kv_heads=self.full_kv_heads)


class NormedValueAttention(Attention):
    """Attention whose values are normed too, and whose keys and values may be those of an earlier layer."""

    def __init__(self, spec: DecoderSpec, options: Options, layer: int, role: str, *, keys_as_values: bool) -> None:
        super().__init__(spec, options, layer)
        self.role, self.keys_as_values = role, keys_as_values
        if keys_as_values or role == READ:
            del self.v_proj
        if role == READ:
            del self.k_proj, self.k_norm

    def __call__(  # type: ignore[override] # with keys of other layers
        self, x: Tensor, turns: Turns, masks: Masks, cache: KvCache | None, shared: SharedKeys
    ) -> Attended:
        turn, mask = turns[self.window], masks[self.window]
        query = self.turn(self._heads(self.q_proj(x), "q_norm"), last_positions(turn, x.shape[1]))
        key, value = shared.by_window[self.window] if self.role == READ else self._keys_and_values(x, turns, cache)
        if self.role == KEPT:
            shared.by_window[self.window] = key, value
        if mask is not None and mask.shape[2] > x.shape[1]:
            mask = op.part(mask, *mask.shape[:2], x.shape[1], mask.shape[3])
        out, weights = self.attend(query, key, value, mask)
        return self.o_proj(out.flatten(2)), weights

    def _keys_and_values(self, x: Tensor, turns: Turns, cache: KvCache | None) -> tuple[Tensor, Tensor]:
        key = self.k_proj(x)
        value = heads_of(key if self.keys_as_values else self.v_proj(x), self.spec.head_size)
        key = self.turn(self._heads(key, "k_norm"), turns[self.window])
        value = op.root_mean_square_unit(value)
        return (key, value) if cache is None else cache.update(self.layer, key, value, self.window)


def last_positions(turn: Rotation, count: int) -> Rotation:
    """Cosines and sines of the last positions alone."""
    cos, sin = (op.part(t, 1, 1, count, t.shape[3]) for t in turn)
    return cos, sin


class Router(Module):
    """Chooses experts by a softmax over a projection of the normed and scaled stream; each expert's weight is scaled."""

    def __init__(self, hidden: int, experts: ExpertsSpec) -> None:
        self.chosen = experts.chosen
        self.proj = Linear(hidden, experts.experts, bias=False)
        self.scale, self.per_expert_scale = Parameter(hidden), Parameter(experts.experts)

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Weights and places of the chosen experts of each token [tokens, hidden]."""
        x = op.scaled(op.multiply(op.root_mean_square_unit(x), self.scale))
        weights, places = op.top_k(op.softmax(self.proj(x), dtype_fp32=True), self.chosen)
        scales = op.take_rows(self.per_expert_scale, places)
        return op.multiply(weights, scales), places


class ExpertsBeside(Module):
    """Routed experts on the stream before the dense part, and norms of what each of the two gives."""

    def __init__(self, spec: DecoderSpec, experts: ExpertsSpec) -> None:
        self.router = Router(spec.hidden, experts)
        self.experts = Experts(spec.hidden, experts, spec.activation)
        self.post_feedforward_layernorm_1 = spec.norm(spec.hidden)
        self.post_feedforward_layernorm_2 = spec.norm(spec.hidden)
        self.pre_feedforward_layernorm_2 = spec.norm(spec.hidden)

    def __call__(self, dense: Tensor, residual: Tensor) -> Tensor:
        dense = self.post_feedforward_layernorm_1(dense)
        tokens = residual.view(-1, residual.shape[-1])
        weights, places = self.router(tokens)
        routed = self.pre_feedforward_layernorm_2(tokens)
        routed = self.experts(routed, places, weights)
        routed = self.post_feedforward_layernorm_2(routed.view(*residual.shape))
        return op.add(dense, routed)


class Gemma4Block(Module):
    """Attention, feed-forward part and the layer's own embeddings, each between two norms; the stream is scaled at the end."""

    def __init__(self, spec: DecoderSpec, options: Options, layer: int, gemma: Gemma4Spec) -> None:
        of_layer = gemma.of_layer(spec, layer)
        keys_as_values = gemma.keys_as_values and spec.window(layer) is None
        self.self_attn = NormedValueAttention(of_layer, options, layer, gemma.roles[layer], keys_as_values=keys_as_values)
        self.mlp = feed_forward_of(of_layer)
        self.beside = ExpertsBeside(spec, gemma.experts) if gemma.experts.sparse[layer] else None
        self.norms = [spec.norm(spec.hidden) for _ in range(4)]
        self.gate = LayerInputGate(spec.hidden, gemma.layer_input, spec.activation) if gemma.layer_input else None
        self.layer_scalar = Parameter(1, buffer=True)

    def __call__(
        self, x: Tensor, of_layers: Tensor | None, shared: SharedKeys, turns: Turns, masks: Masks, cache: KvCache | None
    ) -> Tensor:
        x = shared.entering(x, reads=self.self_attn.role == READ)
        residual = x
        x = self.norms[0](x)
        x, _ = self.self_attn(x, turns, masks, cache, shared)
        x = self.norms[1](x)
        x = op.add(residual, x)
        residual = x
        x = self.norms[2](x)
        x = self.mlp(x)
        x = self.beside(x, residual) if self.beside else x
        x = self.norms[3](x)
        x = op.add(residual, x)
        return op.add(x, self.gate(x, of_layers)) if self.gate and of_layers else x


class Gemma4(Decoder):
    """Gemma 4's text model with its language-model head."""

    def __init__(self, spec: DecoderSpec, gemma: Gemma4Spec, options: Options) -> None:
        self.gemma, self.last_only = gemma, False
        super().__init__(spec, options, lambda spec, options, layer: Gemma4Block(spec, options, layer, gemma))
        size = gemma.layer_input
        self.layer_inputs = LayerInputs(gemma.table, spec.hidden, spec.layers, size, in_place=False) if size else None

    def kind(self, layer: int) -> object:
        """Layers differ also by what they do about keys; those with keys that others read are traced one by one."""
        return super().kind(layer), self.gemma.roles[layer], self.gemma.experts.sparse[layer]

    def hidden_states(self, tape: Tape, inputs: Inputs, cache: KvCache | None = None) -> Tensor:
        """The normed output of the last block, [batch, length, hidden]."""
        x = self.embedded(tape, inputs, cache)
        of_layers = self.layer_inputs(indices(tape, inputs.batch, inputs.sequence), x) if self.layer_inputs else None
        turns, masks = self._turns(x), self.masks(x, cache)
        shared = SharedKeys(last_only=self.last_only)
        x = self.layers(x, of_layers, shared, turns, masks, cache, checkpointed=self.options.checkpointed)
        return self.norm(x)

    def generate(self, tape: Tape, inputs: Inputs, cache: KvCache, *, last_logits_only: bool) -> Tensor:
        """One pass over new tokens: layers that read earlier ones' keys work only on the positions whose logits are asked for."""
        self.last_only = last_logits_only
        return super().generate(tape, inputs, cache, last_logits_only=last_logits_only)

    def _turns(self, x: Tensor) -> Turns:
        full = self.gemma.full_size
        return {window: rotation(x, full if window is None else self.spec.head_size) for window in {*self.spec.windows, None}}

    def cache_layers(self) -> tuple[CacheLayer, ...]:
        """Keys and values of the layers that do not read those of others."""
        return tuple(CacheLayer() if role == READ else self._cached(layer) for layer, role in enumerate(self.gemma.roles))

    def _cached(self, layer: int) -> CacheLayer:
        spec = self.gemma.of_layer(self.spec, layer)
        return CacheLayer(spec.kv_heads, spec.head_size, spec.head_size, spec.window(layer))

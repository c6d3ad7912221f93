"""gpt-oss: attention with a learned sink in each head, experts with biases and a clamped gate (modeling_gpt_oss.py, transformers 5.23)."""

from app.architectures.attention import Attended, Masks
from app.architectures.cache import KvCache
from app.architectures.decoder import Attention, DecoderBlock, DecoderSpec, Layer, heads_of
from app.architectures.mixture_of_experts import ExpertsSpec, MixtureDecoder
from app.architectures.network import Options
from app.architectures.positions import Turns
from app.tape import operators as op
from app.tape.dtypes import INT64
from app.tape.modules import Module
from app.tape.tensor import Parameter, Tensor


class SinkAttention(Attention):
    """Attention written out, as no fused PyTorch kernel has sinks: one more score in each row, dropped after the softmax."""

    def __init__(self, spec: DecoderSpec, options: Options, layer: int) -> None:
        super().__init__(spec, options, layer)
        self.sinks = Parameter(spec.heads)

    def __call__(self, x: Tensor, turns: Turns, masks: Masks, cache: KvCache | None) -> Attended:
        size, turn = self.spec.head_size, turns[self.window]
        query, key, value = heads_of(self.q_proj(x), size), heads_of(self.k_proj(x), size), heads_of(self.v_proj(x), size)
        query, key = op.halves_rotary_embedding(query, *turn), op.halves_rotary_embedding(key, *turn)
        if cache is not None:
            key, value = cache.update(self.layer, key, value, self.window)
        out, weights = self._attended(query, key, value, masks[self.window])
        return self.o_proj(out.flatten(2)), weights

    def _attended(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Attended:
        heads, copied = query.shape[1], 1 < key.shape[1] < query.shape[1]
        key, value = op.repeat_heads(key, heads), op.repeat_heads(value, heads)
        scores = op.attention_scores(query, key, laid_out=copied)
        if mask is not None:
            scores = op.add(scores, mask)
        sinks = op.expand(self.sinks.view(1, heads, 1, 1), *scores.shape[:-1], 1)
        combined = op.concatenate([scores, sinks], axis=-1)
        combined = op.less_row_maximum(combined)
        probabilities = op.softmax(combined)
        weights = op.dropout(op.part(probabilities, *scores.shape), self.spec.attention_dropout)
        return op.attended_values(weights, value, laid_out=copied), weights


class Router(Module):
    """Chooses experts by their logits; the softmax is over the chosen ones only."""

    def __init__(self, hidden: int, experts: ExpertsSpec) -> None:
        self.chosen = experts.chosen
        self.weight, self.bias = Parameter(experts.experts, hidden), Parameter(experts.experts)

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits, weights and places of the chosen experts of each token [tokens, hidden]."""
        logits = op.linear(x, self.weight, self.bias)
        values, places = op.top_k(logits, self.chosen)
        return logits, op.softmax(values), places


class BiasedExperts(Module):
    """Experts with biases, whose gate is clamped and weighted by its own sigmoid."""

    def __init__(self, hidden: int, experts: ExpertsSpec) -> None:
        self.experts, self.hidden = experts, hidden
        self.gate_up_proj = Parameter(experts.experts, hidden, 2 * experts.width)
        self.gate_up_proj_bias = Parameter(experts.experts, 2 * experts.width)
        self.down_proj = Parameter(experts.experts, experts.width, hidden)
        self.down_proj_bias = Parameter(experts.experts, hidden)

    def __call__(self, x: Tensor, places: Tensor, weights: Tensor) -> Tensor:
        tape, (tokens, chosen) = x.tape, places.shape
        rows = tokens * chosen
        sorted_places, order = tape.empty((rows,), INT64), tape.empty((rows,), INT64)
        selected = op.take_rows(x, tape.empty((rows,), INT64))
        row_weights = op.take_rows(weights.view(rows, 1), order)
        out = self._projected(selected, sorted_places)
        weighted = op.multiply(out, row_weights)
        weighted = op.take_rows(weighted, tape.empty((rows,), INT64))
        summed = op.sum_over_second(weighted.view(tokens, chosen, self.hidden))
        return op.cast(summed, x.dtype)

    def _projected(self, selected: Tensor, places: Tensor) -> Tensor:
        biases = op.take_rows(self.gate_up_proj_bias, places)
        out = op.grouped_linear(selected, self.gate_up_proj, 2 * self.experts.width)
        out = self._gated(op.add_(out, biases))
        biases = op.take_rows(self.down_proj_bias, places)
        out = op.grouped_linear(out, self.down_proj, self.hidden)
        return op.add_(out, biases)

    def _gated(self, x: Tensor) -> Tensor:
        half = (x.shape[0], self.experts.width)
        gate, up = op.part(x, *half), op.part(x, *half)
        gate = op.clamp(gate)
        up = op.clamp(up)
        gated = op.multiply(gate, op.activation(op.scaled(gate), "sigmoid"))
        return op.multiply(op.shifted(up), gated)


class SparseFeedForward(Module):
    """Router and experts."""

    def __init__(self, spec: DecoderSpec, experts: ExpertsSpec) -> None:
        self.router = Router(spec.hidden, experts)
        self.experts = BiasedExperts(spec.hidden, experts)

    def __call__(self, x: Tensor) -> Tensor:
        tokens = x.view(-1, x.shape[-1])
        _, weights, places = self.router(tokens)
        return self.experts(tokens, places, weights).view(*x.shape)


class GptOss(MixtureDecoder):
    """gpt-oss with its language-model head."""

    def block(self, spec: DecoderSpec, options: Options, layer: int) -> Module:
        """One block; all have experts."""
        return DecoderBlock(spec, options, layer, SinkAttention, self.sparse_feed_forward)

    def sparse_feed_forward(self, spec: DecoderSpec) -> Layer:
        """The part with the experts."""
        return SparseFeedForward(spec, self.experts)

    def turned_size(self) -> int:
        """Cosines and sines are kept for half of a head."""
        return self.spec.head_size // 2

"""Mixtures of experts in place of the dense feed-forward part: Mixtral, Qwen 2 and 3 MoE.

Source: modeling_mixtral.py, modeling_qwen2_moe.py, modeling_qwen3_moe.py, integrations/moe.py (transformers 5.23).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from app.architectures.activations import activate
from app.architectures.attention import Attended
from app.architectures.decoder import Attention, Decoder, DecoderBlock, DecoderSpec, GatedFeedForward, Layer, feed_forward_of
from app.architectures.network import Options
from app.architectures.tensor_parallel import divided
from app.tape import operators as op
from app.tape.adapters import AdaptedWeight, whole
from app.tape.dtypes import INT64
from app.tape.modules import Linear, Module
from app.tape.tensor import Parameter, Tensor

ROUTED_WEIGHTS = ("gate_up_proj", "down_proj")  # of each expert


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertsSpec:
    """`chosen` of `experts` work on each token, each `width` wide; `shared_width` is that of an expert for all tokens, 0 for none.

    `weights_in_stream_type`: routing weights are cast from fp32 to the type of the stream. `sparse`: whether each layer has experts.
    """

    experts: int
    chosen: int
    width: int
    shared_width: int = 0
    shared_gate: bool = False
    weights_in_stream_type: bool = True
    sparse: tuple[bool, ...]

    @classmethod
    def none(cls, layers: int) -> "ExpertsSpec":
        """No layer has experts."""
        return cls(experts=1, chosen=1, width=1, sparse=(False,) * layers)

    @property
    def idle_share(self) -> float:
        """Share of the routed experts' weights that one token does not pass through."""
        return 1 - self.chosen / self.experts

    def share(self, degree: int) -> "ExpertsSpec":
        """Every expert split over `degree` GPUs, as other matrices are."""
        shared = divided(self.shared_width, degree, "units of the shared expert")
        return replace(self, width=divided(self.width, degree, "units of an expert"), shared_width=shared)


class Router(Module):
    """Chooses experts by the softmax of a projection."""

    def __init__(self, hidden: int, experts: ExpertsSpec) -> None:
        self.experts = experts
        self.weight: Parameter | AdaptedWeight = Parameter(experts.experts, hidden)

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits, weights and places of the chosen experts of each token [tokens, hidden]."""
        logits = op.linear(x, whole(self.weight))
        probabilities = op.softmax(logits, dtype_fp32=True)
        weights, places = op.top_k(probabilities, self.experts.chosen)
        return logits, op.cast(weights, logits.dtype) if self.experts.weights_in_stream_type else weights, places


class Experts(Module):
    """The routed experts' gated feed-forward parts, computed for all experts at once on tokens sorted by expert."""

    def __init__(self, hidden: int, experts: ExpertsSpec, activation: str) -> None:
        self.experts, self.hidden, self.activation = experts, hidden, activation
        self.gate_up_proj: Parameter | AdaptedWeight = Parameter(experts.experts, 2 * experts.width, hidden)
        self.down_proj: Parameter | AdaptedWeight = Parameter(experts.experts, hidden, experts.width)

    def __call__(self, x: Tensor, places: Tensor, weights: Tensor) -> Tensor:
        tape, (tokens, chosen) = x.tape, places.shape
        rows = tokens * chosen
        sorted_places, order = tape.empty((rows,), INT64), tape.empty((rows,), INT64)
        selected = op.take_rows(x, tape.empty((rows,), INT64))
        row_weights = op.take_rows(weights.view(rows, 1), order)
        out = self._projected(selected)
        weighted = op.multiply(out, row_weights)
        weighted = op.take_rows(weighted, tape.empty((rows,), INT64))
        del sorted_places
        summed = op.sum_over_second(weighted.view(tokens, chosen, self.hidden))
        return op.cast(summed, x.dtype)

    def _projected(self, selected: Tensor) -> Tensor:
        out = op.grouped_linear(selected, whole(self.gate_up_proj), 2 * self.experts.width)
        out = self._gated(out)
        return op.grouped_linear(out, whole(self.down_proj), self.hidden)

    def _gated(self, x: Tensor) -> Tensor:
        gate, up = op.split(x, (self.experts.width,) * 2)
        return op.multiply(activate(gate, self.activation), up)


class PlainExperts(Experts):
    """Routed experts of two projections with an activation between them."""

    def __init__(self, hidden: int, experts: ExpertsSpec, activation: str) -> None:
        super().__init__(hidden, experts, activation)
        self.gate_up_proj = Parameter(experts.experts, experts.width, hidden)

    def _projected(self, selected: Tensor) -> Tensor:
        out = op.grouped_linear(selected, whole(self.gate_up_proj), self.experts.width)
        out = activate(out, self.activation)
        return op.grouped_linear(op.cast(out, selected.dtype), whole(self.down_proj), self.hidden)


class SparseFeedForward(Module):
    """Router, experts and, where the model has one, the expert that all tokens share."""

    def __init__(self, spec: DecoderSpec, experts: ExpertsSpec) -> None:
        self.gate: Callable[[Tensor], tuple[Tensor, Tensor, Tensor]] = Router(spec.hidden, experts)
        self.experts = Experts(spec.hidden, experts, spec.activation)
        shared = experts.shared_width
        self.shared_expert = GatedFeedForward(spec.hidden, shared, spec.activation) if shared else None
        self.shared_expert_gate = Linear(spec.hidden, 1, bias=False) if experts.shared_gate else None

    def __call__(self, x: Tensor) -> Tensor:
        tokens = x.view(-1, x.shape[-1])
        shared = self.shared_expert(tokens) if self.shared_expert else None
        _, weights, places = self.gate(tokens)
        out = self.experts(tokens, places, weights)
        if shared is not None:
            shared = self._weighted(tokens, shared)
            out = op.add(out, shared)
        return out.view(*x.shape)

    def _weighted(self, tokens: Tensor, shared: Tensor) -> Tensor:
        if self.shared_expert_gate is None:
            return shared
        return op.multiply(op.activation(self.shared_expert_gate(tokens), "sigmoid"), shared)


class MixtureDecoder(Decoder):
    """A Llama-like decoder whose sparse layers have experts. `attention` makes the attention part of its blocks."""

    def __init__(
        self,
        spec: DecoderSpec,
        experts: ExpertsSpec,
        options: Options,
        attention: Callable[[DecoderSpec, Options, int], Callable[..., Attended]] = Attention,
    ) -> None:
        self.experts, self.attention = experts.share(options.tensor), attention
        super().__init__(spec, options, self.block)

    def block(self, spec: DecoderSpec, options: Options, layer: int) -> Module:
        """One block, with experts or without."""
        part = self.sparse_feed_forward if self.experts.sparse[layer] else feed_forward_of
        return DecoderBlock(spec, options, layer, self.attention, part)

    def sparse_feed_forward(self, spec: DecoderSpec) -> Layer:
        """The part with the experts."""
        return SparseFeedForward(spec, self.experts)

    def kind(self, layer: int) -> object:
        """Layers differ also by having experts."""
        return super().kind(layer), self.experts.sparse[layer]

    def active_parameters(self) -> int | None:
        """All weights but those of the experts that a token is not sent to."""
        return self.parameter_count() - round(self.expert_parameters() * self.experts.idle_share)

    def expert_parameters(self) -> int:
        """Weights of all routed experts."""
        return sum(parameter.size * parameter.times for name, parameter in self.named_parameters() if _is_routed(name))

    def experts_active(self) -> float:
        """Share of the routed experts that a token is sent to."""
        return 1 - self.experts.idle_share


def _is_routed(name: str) -> bool:
    return any(f".experts.{weight}" in name for weight in ROUTED_WEIGHTS) and ".lora_" not in name

"""LFM2: gated short convolutions in place of most attention layers; the larger one with experts.

Source: modeling_lfm2.py, modeling_lfm2_moe.py (transformers 5.23).
"""

from app.architectures.cache import CacheLayer, KvCache
from app.architectures.decoder import DecoderSpec, Layer
from app.architectures.hybrid import HybridDecoder
from app.architectures.mixture_of_experts import Experts, ExpertsSpec
from app.architectures.state_space import CausalConvolution
from app.tape import operators as op
from app.tape.modules import Linear, Module
from app.tape.tensor import Parameter, Tensor


class ShortConvolution(Module):
    """A convolution over a few positions, with a gate before it and one after it; no state beyond its last inputs."""

    def __init__(self, hidden: int, taps: int, layer: int, *, bias: bool) -> None:
        self.layer = layer
        self.conv = CausalConvolution(hidden, taps, None, bias=bias)
        self.in_proj = Linear(hidden, 3 * hidden, bias=bias)
        self.out_proj = Linear(hidden, hidden, bias=bias)

    def __call__(self, x: Tensor, cache: KvCache | None) -> Tensor:
        projected = self.in_proj(x).transpose(1, 2)
        before, after, x = op.split(projected, (x.shape[2],) * 3, axis=1)
        x = op.multiply(before, x)
        x = op.cast(self.conv(x, cache, self.layer), x.dtype)
        x = op.contiguous(op.multiply(after, x).transpose(1, 2))
        return self.out_proj(x)


def cached_inputs(hidden: int, taps: int) -> CacheLayer:
    """What a short convolution holds: its last inputs."""
    return CacheLayer(convolution=(hidden, taps))


class Router(Module):
    """Chooses experts by sigmoid scores to which a bias of each expert is added for the choice alone."""

    def __init__(self, hidden: int, experts: ExpertsSpec) -> None:
        self.chosen = experts.chosen
        self.weight = Parameter(experts.experts, hidden)

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits, weights and places of the chosen experts of each token [tokens, hidden]."""
        logits = op.linear(x, self.weight)
        weights, places = op.top_k(op.activation(logits, "sigmoid"), self.chosen)
        return logits, op.scaled(weights), places


class SparseFeedForward(Module):
    """Routed experts alone."""

    def __init__(self, spec: DecoderSpec, experts: ExpertsSpec) -> None:
        self.gate = Router(spec.hidden, experts)
        self.experts = Experts(spec.hidden, experts, spec.activation)

    def __call__(self, x: Tensor) -> Tensor:
        tokens = x.view(-1, x.shape[-1])
        _, weights, places = self.gate(tokens)
        return self.experts(tokens, places, weights).view(*x.shape)


class Lfm2(HybridDecoder):
    """LFM2 with its language-model head."""

    def sparse_feed_forward(self, spec: DecoderSpec) -> Layer:
        """The part with the experts."""
        return SparseFeedForward(spec, self.experts)

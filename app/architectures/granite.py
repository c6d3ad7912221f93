"""Granite: numbers at the embeddings, the residuals and the logits; experts chosen by their logits.

Source: modeling_granitemoe.py, modeling_granitemoeshared.py, modeling_granitemoehybrid.py (transformers 5.23).
"""

from app.architectures.decoder import DecoderSpec, Layer
from app.architectures.hybrid import HybridDecoder
from app.architectures.mixture_of_experts import Experts, ExpertsSpec, MixtureDecoder
from app.architectures.phi3 import FusedFeedForward
from app.tape import operators as op
from app.tape.dtypes import FP32
from app.tape.modules import Module
from app.tape.tensor import Parameter, Tensor


class Router(Module):
    """Chooses experts by their logits, in fp32; the softmax is over the chosen."""

    def __init__(self, hidden: int, experts: ExpertsSpec) -> None:
        self.chosen = experts.chosen
        self.weight = Parameter(experts.experts, hidden)

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits, weights and places of the chosen experts of each token [tokens, hidden]."""
        logits = op.cast(op.linear(x, self.weight), FP32)
        best, places = op.top_k(logits, self.chosen)
        return logits, op.cast(op.softmax(best), x.dtype), places


class SparseFeedForward(Module):
    """Routed experts and, where the model has one, a feed-forward part for all tokens."""

    def __init__(self, spec: DecoderSpec, experts: ExpertsSpec) -> None:
        self.router = Router(spec.hidden, experts)
        self.experts = Experts(spec.hidden, experts, spec.activation)
        self.shared_mlp = FusedFeedForward(spec) if experts.shared_width else None

    def __call__(self, x: Tensor) -> Tensor:
        tokens = x.view(-1, x.shape[-1])
        _, weights, places = self.router(tokens)
        out = self.experts(tokens, places, weights).view(*x.shape)
        return op.add(out, self.shared_mlp(x)) if self.shared_mlp else out


class GraniteMixture(MixtureDecoder):
    """Granite with experts."""

    def sparse_feed_forward(self, spec: DecoderSpec) -> Layer:
        """The part with the experts."""
        return SparseFeedForward(spec, self.experts)


class GraniteHybrid(HybridDecoder):
    """Granite 4: Mamba-2 layers and few that attend."""

    def sparse_feed_forward(self, spec: DecoderSpec) -> Layer:
        """The part with the experts."""
        return SparseFeedForward(spec, self.experts)

    def dense_feed_forward(self, spec: DecoderSpec) -> Layer:
        """The part without."""
        return FusedFeedForward(spec)

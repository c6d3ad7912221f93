"""Experts chosen by scores in fp32, with ordinary attention: GLM-4 MoE, dots.llm1, EXAONE MoE, HY3, MiniMax M2, Hunyuan, ERNIE.

Source: modeling_glm4_moe.py, modeling_dots1.py, modeling_exaone_moe.py, modeling_hy_v3.py, modeling_minimax_m2.py,
modeling_hunyuan_v1_moe.py, modeling_ernie4_5_moe.py (transformers 5.23).
"""

from app.architectures import deepseek, mixture_of_experts
from app.architectures.decoder import DecoderSpec, Layer
from app.architectures.mixture_of_experts import ExpertsSpec, MixtureDecoder
from app.tape import operators as op
from app.tape.adapters import AdaptedWeight, whole
from app.tape.dtypes import FP32
from app.tape.modules import Module
from app.tape.operators.casting import autocast_disabled
from app.tape.tensor import Parameter, Tensor


class ScoredMixture(MixtureDecoder):
    """Experts are chosen by sigmoid scores, as in DeepSeek V3."""

    def sparse_feed_forward(self, spec: DecoderSpec) -> Layer:
        """The part with the experts."""
        return deepseek.SparseFeedForward(spec, self.experts, sigmoid=True)


class NarrowRouter(deepseek.Router):
    """Scores from a projection in the type of the stream (MiniMax M2)."""

    def logits(self, x: Tensor) -> Tensor:
        """Scores of all experts before the sigmoid, [tokens, experts]."""
        return op.cast(op.linear(x, whole(self.weight)), FP32)


class NarrowlyScoredMixture(MixtureDecoder):
    """Experts are chosen by sigmoid scores of a projection that is not widened."""

    def sparse_feed_forward(self, spec: DecoderSpec) -> Layer:
        """The part with the experts."""
        part = deepseek.SparseFeedForward(spec, self.experts, sigmoid=True)
        part.gate = NarrowRouter(spec.hidden, self.experts, sigmoid=True)
        return part


class FloatRouter(Module):
    """Chooses experts by a softmax over a projection that stays in fp32, weights too (Hunyuan)."""

    def __init__(self, hidden: int, experts: ExpertsSpec) -> None:
        self.chosen = experts.chosen
        weight = Parameter(experts.experts, hidden)
        weight.own_dtype = weight.dtype = FP32
        self.weight: Parameter | AdaptedWeight = weight

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits, weights and places of the chosen experts of each token [tokens, hidden]."""
        logits = op.linear(op.cast(x, FP32), whole(self.weight))
        weights, places = op.top_k(op.softmax(logits, dtype_fp32=True), self.chosen)
        return logits, op.scaled(weights), places


class CorrectedRouter(FloatRouter):
    """The same outside autocast, with a correction of each expert that is added for the choice alone (ERNIE 4.5)."""

    def __init__(self, hidden: int, experts: ExpertsSpec) -> None:
        super().__init__(hidden, experts)
        self.e_score_correction_bias = Parameter(1, experts.experts)
        self.e_score_correction_bias.requires_grad = False
        self.e_score_correction_bias.own_dtype = self.e_score_correction_bias.dtype = FP32

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits, weights in the type of the stream, and places of the chosen experts."""
        with autocast_disabled(x.tape):
            logits, weights, places = super().__call__(x)
        return logits, op.cast(weights, x.dtype), places


class FloatRoutedMixture(MixtureDecoder):
    """Experts beside a feed-forward part for all tokens, chosen by a router in fp32."""

    router: type[FloatRouter] = FloatRouter

    def sparse_feed_forward(self, spec: DecoderSpec) -> Layer:
        """The part with the experts."""
        part = mixture_of_experts.SparseFeedForward(spec, self.experts)
        part.gate = self.router(spec.hidden, self.experts)
        return part


class CorrectedMixture(FloatRoutedMixture):
    """ERNIE 4.5 with experts."""

    router = CorrectedRouter

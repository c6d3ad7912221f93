"""Apertus: a plain feed-forward part with the xIELU activation, whose slopes are trained.

Source: modeling_apertus.py, activations.py (XIELUActivation, written out) of transformers 5.23.
"""

from app.architectures.decoder import DecoderSpec
from app.tape import operators as op
from app.tape.dtypes import BOOL
from app.tape.modules import Linear, Module
from app.tape.tensor import Parameter, Tensor


class Xielu(Module):
    """A parabola above zero, an exponential below, each with a slope of its own."""

    def __init__(self) -> None:
        self.alpha_p, self.alpha_n = Parameter(1), Parameter(1)
        self.beta, self.eps = Parameter(1, buffer=True), Parameter(1, buffer=True)

    def __call__(self, x: Tensor) -> Tensor:
        rising, falling = op.activation(self.alpha_p, "softplus"), op.shifted(op.activation(self.alpha_n, "softplus"))
        positive = x.tape.empty(x.shape, BOOL)
        above = op.add(op.multiply(op.multiply(rising, x), x), op.scaled(x))
        below = op.multiply(op.add(op.activation(op.clamp(x), "exp"), x), falling)
        return op.choose(positive, above, op.add(below, op.scaled(x)))


class ApertusFeedForward(Module):
    """Two projections with xIELU between them."""

    def __init__(self, spec: DecoderSpec) -> None:
        self.up_proj = Linear(spec.hidden, spec.feed_forward, bias=spec.feed_forward_bias)
        self.down_proj = Linear(spec.feed_forward, spec.hidden, bias=spec.feed_forward_bias)
        self.act_fn = Xielu()

    def __call__(self, x: Tensor) -> Tensor:
        return self.down_proj(self.act_fn(self.up_proj(x)))

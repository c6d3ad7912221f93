"""GPT-Neo: GPT-2's blocks with separate projections, attention written out in fp32 (modeling_gpt_neo.py, transformers 5.23)."""

from collections.abc import Callable
from dataclasses import replace

from app.architectures.attention import Attended
from app.architectures.cache import KvCache
from app.architectures.decoder import heads_of
from app.architectures.gpt2 import Gpt2, Gpt2Spec
from app.architectures.network import Options
from app.tape import operators as op
from app.tape.dtypes import BOOL, FP32
from app.tape.modules import Linear, Module
from app.tape.tensor import Parameter, Tensor


class Attention(Module):
    """Multi-head attention over all earlier positions or a window of them: the scores are made for all, and masked by a buffer."""

    def __init__(self, spec: Gpt2Spec, layer: int) -> None:
        self.spec, self.layer = spec, layer
        self.k_proj = Linear(spec.hidden, spec.attention_width, bias=False)
        self.v_proj = Linear(spec.hidden, spec.attention_width, bias=False)
        self.q_proj = Linear(spec.hidden, spec.attention_width, bias=False)
        self.out_proj = Linear(spec.attention_width, spec.hidden)
        self.bias = Parameter(1, 1, spec.positions, spec.positions, buffer=True)
        self.bias.own_dtype = self.bias.dtype = BOOL

    def __call__(self, x: Tensor, mask: Tensor | None, cache: KvCache | None) -> Attended:
        size = self.spec.head_size
        query, key, value = heads_of(self.q_proj(x), size), heads_of(self.k_proj(x), size), heads_of(self.v_proj(x), size)
        if cache is not None:
            key, value = cache.update(self.layer, key, value)
        out, weights = self._attended(query, key, value, mask)
        out = self.out_proj(out.flatten(2))
        return op.dropout(out, self.spec.residual_dropout), weights

    def _attended(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Attended:
        query, key = op.cast(query, FP32), op.cast(key, FP32)
        scores = op.attention_products(query, key)
        scores = op.where(Tensor(query.tape, scores.shape, BOOL, None), scores)
        if mask is not None:
            scores = op.add(scores, mask)
        weights = op.softmax(scores)
        weights = op.cast(weights, value.dtype)
        weights = op.dropout(weights, self.spec.attention_dropout)
        return op.attended_values(weights, value), weights


class GptNeo(Gpt2):
    """GPT-Neo with its language-model head."""

    def __init__(self, spec: Gpt2Spec, options: Options) -> None:
        super().__init__(spec, replace(options, attention="eager"))

    def attention(self, spec: Gpt2Spec, layer: int) -> Callable[..., Attended]:
        """The attention part of one block."""
        return Attention(spec, layer)

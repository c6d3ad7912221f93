"""GPT-BigCode (StarCoder, SantaCoder): GPT-2 with one head of keys and values (modeling_gpt_bigcode.py, transformers 5.23)."""

from collections.abc import Callable

from app.architectures import gpt2
from app.architectures.attention import Attend, Attended
from app.architectures.cache import CacheLayer, KvCache
from app.architectures.gpt2 import Gpt2, Gpt2Spec
from app.architectures.network import Options
from app.tape import operators as op
from app.tape.dtypes import BOOL
from app.tape.modules import Linear
from app.tape.tensor import Parameter, Tensor


class Attention(gpt2.Attention):
    """Multi-query self-attention from one fused projection."""

    def __init__(self, spec: Gpt2Spec, options: Options, layer: int) -> None:
        super().__init__(spec, options, layer)
        self.attend = Attend(implementation=options.attention, dropout=spec.attention_dropout)
        self.c_attn = Linear(spec.hidden, spec.attention_width + 2 * spec.head_size)

    def __call__(self, x: Tensor, mask: Tensor | None, cache: KvCache | None) -> Attended:
        width, size = self.spec.attention_width, self.spec.head_size
        query, key, value = op.split(self.c_attn(x), (width, size, size))
        query, (key, value) = self._heads(query), (t.view(t.shape[0], 1, t.shape[1], size) for t in (key, value))
        if cache is not None:
            key, value = cache.update(self.layer, key, value)
        out, weights = self.attend(query, key, value, mask)
        out = self.c_proj(out.flatten(2))
        return op.dropout(out, self.spec.residual_dropout), weights


class GptBigCode(Gpt2):
    """GPT-BigCode with its language-model head."""

    def __init__(self, spec: Gpt2Spec, options: Options) -> None:
        super().__init__(spec, options)
        self.bias = Parameter(spec.positions, spec.positions, buffer=True)
        self.bias.own_dtype = self.bias.dtype = BOOL

    def attention(self, spec: Gpt2Spec, layer: int) -> Callable[..., Attended]:
        """The attention part of one block."""
        return Attention(spec, self.options, layer)

    def heads_per_kv(self) -> int:
        """All query heads share one."""
        return self.spec.heads

    def cache_layers(self) -> tuple[CacheLayer, ...]:
        """Keys and values of one head, for every layer."""
        return (CacheLayer(1, self.spec.head_size, self.spec.head_size),) * self.spec.layers

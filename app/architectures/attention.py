"""Self- and cross-attention as transformers 5.23 hands it to an implementation, and the masks that it builds for each.

Sources: transformers/integrations/sdpa_attention.py, masking_utils.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.architectures.cache import KvCache
from app.tape import operators as op
from app.tape.dtypes import BOOL
from app.tape.recorder import Category
from app.tape.tensor import Tensor

Attended = tuple[Tensor, Tensor | None]  # the output and, of eager attention, its weights
Masks = Mapping[int | None, Tensor | None]  # by sliding window; None is full attention


IN_FP32 = op.EagerStyle()
IN_OWN_TYPE = op.EagerStyle(fp32_softmax=False, cast_back=False)  # older models: softmax in the type of the scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Attend:
    """How a module attends: [batch, length, heads, size] from heads-first queries, keys, values and a mask.

    Eager attention gives its weights too; as in the reference, they live as long as a caller's local variable holds them.
    `heads_first` tells how queries lie in memory, see `op.scaled_dot_product_attention`.
    """

    implementation: str = "sdpa"
    dropout: float = 0.0
    causal: bool = True
    style: op.EagerStyle = IN_FP32
    heads_first: bool = False

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, bias: Tensor | None = None) -> Attended:
        """`bias` is added to the scores beside the mask (relative positions)."""
        if self.implementation != "eager":
            return self._fused(query, key, value, self._with_mask(bias, mask, query, key) if bias else mask), None
        biases = [added for added in (bias, mask) if added is not None]
        return op.eager_attention(query, key, value, biases=biases, dropout_probability=self.dropout, style=self.style)

    def _with_mask(self, bias: Tensor, mask: Tensor | None, query: Tensor, key: Tensor) -> Tensor:
        """Bias and causality in one additive mask: the fused kernels take only one, and then know of no causality."""
        if mask is None and self.causal:
            mask = bias.tape.empty((1, 1, query.shape[2], key.shape[2]), BOOL)
        return op.contiguous(bias if mask is None else op.where(mask, bias))

    def _fused(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """With a mask no kernel knows of head groups: one query is folded into them, for more the heads are repeated."""
        batch, heads, length, size = query.shape
        groups = heads // key.shape[1]
        if groups > 1 and mask is not None:
            if length == 1:
                query = query.view(batch, key.shape[1], groups, size)
            else:
                key, value = op.repeat_heads(key, heads), op.repeat_heads(value, heads)
        causal = self.causal and length > 1
        out = op.scaled_dot_product_attention(
            query, key, value, mask=mask, causal=causal, dropout_probability=self.dropout, heads_first=self.heads_first
        )
        return out.view(batch, length, heads, value.shape[-1])


class PreviousWeights:
    """The attention weights that the loop over the blocks of some models holds until the next block has returned.

    In training autograd keeps them anyway.
    """

    def __init__(self) -> None:
        self.weights: Tensor | None = None

    def hold(self, weights: Tensor | None) -> None:
        """Lets go of the block before."""
        if weights is not None and not weights.tape.training:
            self.weights = weights


def causal_mask(x: Tensor, cache: KvCache | None, implementation: str, window: int | None = None) -> Tensor | None:
    """The mask of causal self-attention over the stream x [batch, length, hidden], for layers with this sliding window.

    Eager attention always gets an additive one; the fused kernels know causality and get a boolean one only where a window is full.
    """
    length = x.shape[1]
    keys = cache.keys(length, window) if cache else length
    return _mask(x, keys, implementation, needed=window is not None and keys >= window)


def causal_masks(x: Tensor, cache: KvCache | None, implementation: str, windows: Iterable[int | None]) -> Masks:
    """One mask for each sliding window that the layers have; full attention where none is named."""
    return {window: causal_mask(x, cache, implementation, window) for window in window_kinds(windows)}


def window_kinds(windows: Iterable[int | None]) -> list[int | None]:
    """The different sliding windows of a network's layers; full attention alone where none is named."""
    return sorted(set(windows) or {None}, key=lambda window: window or 0)


def bidirectional_mask(x: Tensor, implementation: str, window: int | None = None) -> Tensor | None:
    """The mask of an encoder whose batch has no padding: none, except for local attention over more positions than the window."""
    if window is None or x.shape[1] < window:
        return None
    return _mask(x, x.shape[1], implementation, needed=True)


def _mask(x: Tensor, keys: int, implementation: str, *, needed: bool) -> Tensor | None:
    batch, length, tape = x.shape[0], x.shape[1], x.tape
    if implementation == "eager" and tape.execution.defers:
        return tape.elementwise((1, 1, length, keys), BOOL, category=Category.ACTIVATIONS)
    if implementation == "eager":
        return tape.empty((batch, 1, length, keys), x.dtype, Category.ACTIVATIONS)
    if not needed:
        return None
    allowed = tape.empty((1, 1, length, keys), BOOL, Category.ACTIVATIONS)
    return op.expand(allowed, batch, 1, length, keys)

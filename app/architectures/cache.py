"""The key-value cache of a decoder as transformers' DynamicCache keeps it (cache_utils.py, transformers 5.23)."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from app.tape import operators as op
from app.tape.dtypes import FP32, DType
from app.tape.recorder import Category
from app.tape.tensor import Shape, Storage, Tape, Tensor


@dataclass(frozen=True, slots=True)
class CacheLayer:
    """What one layer caches for each position: key and value heads and their sizes; `window` bounds the positions it looks at.

    A recurrent layer holds, whatever the length, the last inputs of its convolution ([channels, taps]) and a state in fp32.
    """

    heads: int = 0
    key_size: int = 0
    value_size: int = 0
    window: int | None = None
    convolution: Shape = ()
    state: Shape = ()

    def state_bytes(self, dtype: DType) -> int:
        """Bytes that one sequence takes at any length."""
        last_inputs = prod(self.convolution) * dtype.bytes if self.convolution else 0
        return last_inputs + (prod(self.state) * FP32.bytes if self.state else 0)

    @property
    def elements_per_position(self) -> int:
        """Key and value elements of one position of one sequence."""
        return self.heads * (self.key_size + self.value_size)

    def positions(self, length: int) -> int:
        """Positions that a cache of `length` tokens needs in this layer."""
        return min(length, self.window) if self.window else length


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderCache:
    """What the decoder of an encoder-decoder caches: keys and values of `width` elements a position in every layer, of its own text (at
    most `positions`; None: unbounded) and of all that the encoder read."""

    layers: int
    width: int
    encoder_positions: int
    positions: int | None = None


class KvCache:
    """Keys and values of `length` earlier positions for each layer; grows by concatenation, layer by layer.

    A layer with a sliding window shows only the positions that the next query may see, but holds its last concatenation whole.
    """

    def __init__(self, tape: Tape, *, length: int = 0) -> None:
        self.tape, self.length = tape, length
        self.layers: dict[int, tuple[Tensor, Tensor]] = {}
        self.convolutions: dict[int, Tensor] = {}
        self.states: dict[int, Tensor] = {}

    @classmethod
    def prefilled(cls, tape: Tape, layers: Iterable[tuple[int, int, CacheLayer]], batch: int, length: int, dtype: DType) -> "KvCache":
        """The cache as an earlier prefill of `length` tokens leaves it; `layers` gives index, equal blocks it stands for, and shape."""
        cache = cls(tape, length=length)
        for index, times, layer in layers:
            if layer.convolution:
                cache.convolutions[index] = cache._held((batch, *layer.convolution), times, dtype)
            if layer.state:
                cache.states[index] = cache._held((batch, *layer.state), times, FP32)
            if not layer.heads:
                continue
            key = cache._held((batch, layer.heads, length, layer.key_size), times, dtype)
            value = cache._held((batch, layer.heads, length, layer.value_size), times, dtype)
            cache.layers[index] = (_visible(key, layer.window), _visible(value, layer.window))
        return cache

    def keys(self, new: int, window: int | None = None) -> int:
        """How many positions attention sees when `new` ones are added."""
        return new + (self.length if window is None else min(self.length, window - 1))

    def _held(self, shape: tuple[int, ...], times: int, dtype: DType) -> Tensor:
        tensor = Tensor(self.tape, shape, dtype, None)
        tensor.storage = Storage(self.tape.record, tensor.bytes, Category.KV_CACHE, times)
        return tensor

    def last_inputs(self, layer: int, x: Tensor, taps: int) -> Tensor:
        """Keeps the last `taps` positions of x [batch, channels, length]; gives x with those before it. A prefill starts from nothing."""
        held = self.convolutions.get(layer)
        if held is None:
            self.convolutions[layer] = self.tape.empty((*x.shape[:2], taps), x.dtype, Category.KV_CACHE)
            return x
        return op.concatenate([held, x], axis=-1)

    def keep_state(self, layer: int, state: Tensor) -> None:
        """Copies the state of a recurrent layer over the one before."""
        if layer not in self.states:
            self.states[layer] = self.tape.empty(state.shape, state.dtype, Category.KV_CACHE)

    def update(self, layer: int, key: Tensor, value: Tensor, window: int | None = None) -> tuple[Tensor, Tensor]:
        """Appends new keys and values by a concatenation that copies all; gives everything that attention may read."""
        if window is not None:
            return self._slide(layer, key, value, window)
        held = self.layers.pop(layer, None)
        old_key, old_value = held or (None, None)
        del held
        new_key = _appended(old_key, key)
        del old_key
        new_value = _appended(old_value, value)
        self.layers[layer] = (new_key, new_value)
        return new_key, new_value

    def _slide(self, layer: int, key: Tensor, value: Tensor, window: int) -> tuple[Tensor, Tensor]:
        old_key, old_value = self.layers.get(layer, (None, None))
        whole = (_appended(old_key, key), _appended(old_value, value))
        self.layers[layer] = (_visible(whole[0], window), _visible(whole[1], window))
        return whole


def _appended(old: Tensor | None, new: Tensor) -> Tensor:
    joined = op.concatenate([new] if old is None else [old, new], axis=2)
    if joined.storage:
        joined.storage.becomes(Category.KV_CACHE)
    return joined


def _visible(whole: Tensor, window: int | None) -> Tensor:
    """The last positions that a window lets the next query see, as a view."""
    batch, heads, length, size = whole.shape
    return whole if window is None else op.part(whole, batch, heads, min(length, window - 1), size)

"""The key-value cache of a decoder as transformers' DynamicCache keeps it."""

from app.tape import operators as op
from app.tape.dtypes import DType
from app.tape.recorder import Category
from app.tape.tensor import Storage, Tape, Tensor


class KvCache:
    """Keys and values of `length` earlier positions for each layer; grows by concatenation, layer by layer."""

    def __init__(self, tape: Tape, *, length: int = 0) -> None:
        self.tape, self.length = tape, length
        self.layers: dict[int, tuple[Tensor, Tensor]] = {}

    def fill(self, layer: int, times: int, key: tuple[int, ...], value: tuple[int, ...], dtype: DType) -> None:
        """Puts the keys and values of an earlier prefill in place, for a block that stands for `times` equal ones."""
        self.layers[layer] = (self._held(key, times, dtype), self._held(value, times, dtype))

    def _held(self, shape: tuple[int, ...], times: int, dtype: DType) -> Tensor:
        tensor = Tensor(self.tape, shape, dtype, None)
        tensor.storage = Storage(self.tape.record, tensor.bytes, Category.KV_CACHE, times)
        return tensor

    def update(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Appends new keys and values; the first ones are kept as they come, later ones by a concatenation that copies all."""
        held = self.layers.pop(layer, None)
        if held is None:
            for tensor in (key, value):
                if tensor.storage:
                    tensor.storage.becomes(Category.KV_CACHE)
            self.layers[layer] = (key, value)
            return key, value
        old_key, old_value = held
        del held
        new_key = _appended(old_key, key)
        del old_key
        new_value = _appended(old_value, value)
        self.layers[layer] = (new_key, new_value)
        return new_key, new_value


def _appended(old: Tensor, new: Tensor) -> Tensor:
    joined = op.concatenate([old, new], axis=2)
    if joined.storage:
        joined.storage.becomes(Category.KV_CACHE)
    return joined

"""Gemma 3n and Gemma 4: token embeddings for every layer, and layers that read the keys and values of an earlier one.

Source: modeling_gemma3n.py, modeling_gemma4.py (transformers 5.23).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.architectures.activations import activate
from app.architectures.gemma import UnshiftedNorm
from app.tape import operators as op
from app.tape.modules import Embedding, Linear, Module
from app.tape.tensor import Tensor

OWN, KEPT, READ = "own", "kept", "read"  # keys and values that a layer has alone, that others read too, or that it reads itself


@dataclass(slots=True)
class SharedKeys:
    """Keys and values that later layers read, by sliding window. `last_only`: these layers work on the last position alone."""

    by_window: dict[int | None, tuple[Tensor, Tensor]] = field(default_factory=dict)
    last_only: bool = False

    def entering(self, x: Tensor, *, reads: bool) -> Tensor:
        """The stream [batch, length, hidden] as a layer takes it."""
        return op.part(x, x.shape[0], 1, x.shape[2]) if reads and self.last_only and x.shape[1] > 1 else x


def key_roles(windows: Sequence[int | None], reading: int) -> tuple[str, ...]:
    """What each layer does about keys: the last `reading` read those of the last layer before them with the same window."""
    first = len(windows) - reading
    last = {window: layer for layer, window in enumerate(windows[:first])}
    kept = set(last.values()) if reading else set()
    return tuple(READ if layer >= first else KEPT if layer in kept else OWN for layer in range(len(windows)))


class LayerInputs(Module):
    """For every layer a small embedding of each token, from a table and from the stream that enters the first layer."""

    def __init__(self, vocabulary: int, hidden: int, layers: int, size: int, *, in_place: bool) -> None:
        self.shape, self.in_place = (layers, size), in_place
        self.embed_tokens_per_layer = Embedding(vocabulary, layers * size)
        self.per_layer_model_projection = Linear(hidden, layers * size, bias=False)
        self.per_layer_projection_norm = UnshiftedNorm(size)

    def __call__(self, tokens: Tensor, x: Tensor) -> Tensor:
        """[batch, length, layers, size]"""
        table = op.scaled(self.embed_tokens_per_layer(tokens))
        projected = self.per_layer_model_projection(x)
        projected = projected if self.in_place else op.scaled(projected)
        projected = self.per_layer_projection_norm(projected.view(*x.shape[:2], *self.shape))
        return op.scaled(op.add(projected, table.view(*x.shape[:2], *self.shape)))


class LayerInputGate(Module):
    """A narrow projection of the stream times the layer's own embedding of each token, projected back and normed."""

    def __init__(self, hidden: int, size: int, activation: str) -> None:
        self.activation = activation
        self.per_layer_input_gate = Linear(hidden, size, bias=False)
        self.per_layer_projection = Linear(size, hidden, bias=False)
        self.post_per_layer_input_norm = UnshiftedNorm(hidden)

    def __call__(self, x: Tensor, of_layers: Tensor) -> Tensor:
        of_layer = op.part(of_layers, *x.shape[:2], of_layers.shape[3])
        x = self.per_layer_input_gate(x)
        x = activate(x, self.activation)
        x = op.multiply(x, of_layer)
        x = self.per_layer_projection(x)
        return self.post_per_layer_input_norm(x)

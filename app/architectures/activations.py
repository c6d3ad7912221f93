"""Activation functions by the names that transformers' configurations give them (transformers/activations.py, 5.23)."""

from collections.abc import Callable

from app.tape import operators as op
from app.tape.tensor import Tensor

_FUSED = {
    "gelu": "gelu",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_python_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "mish": "mish",
    "leaky_relu": "leaky_relu",
    "relu6": "relu6",
}


def _quick_gelu(x: Tensor) -> Tensor:
    return op.multiply(x, op.activation(op.scaled(x), "sigmoid"))


def _gelu_fast(x: Tensor) -> Tensor:
    half = op.scaled(x)
    slope = op.shifted(op.multiply(op.scaled(x), x))
    return op.multiply(half, op.shifted(op.activation(op.multiply(op.scaled(x), slope), "tanh")))


def _relu_squared(x: Tensor) -> Tensor:
    return op.power(op.raise_to_fp32(op.activation(x, "relu")))


_WRITTEN_OUT: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu_new": op.gelu_new,
    "gelu_fast": _gelu_fast,
    "quick_gelu": _quick_gelu,
    "relu2": _relu_squared,
}

NAMES = frozenset(_FUSED) | frozenset(_WRITTEN_OUT)


def activate(x: Tensor, name: str) -> Tensor:
    """The named activation of x: one fused operator, or the operators that it is written out in."""
    written_out = _WRITTEN_OUT.get(name)
    return written_out(x) if written_out else op.activation(x, _FUSED[name])

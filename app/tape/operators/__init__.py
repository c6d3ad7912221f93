"""Operators on tensors without data: each gives its output, what autograd must save, its transient memory and its work."""

from app.tape.operators.attention import eager_attention, scaled_dot_product_attention
from app.tape.operators.casting import cast, lower, raise_to_fp32
from app.tape.operators.convolution import adaptive_average_pool, conv2d, max_pool2d
from app.tape.operators.elementwise import activation, add, concatenate, contiguous, dropout, gelu_new, multiply, relu_, scaled
from app.tape.operators.linear import embedding, linear, linear_4bit, matmul
from app.tape.operators.loss import cross_entropy, fused_linear_cross_entropy
from app.tape.operators.normalization import batch_norm, layer_norm, rms_norm, softmax
from app.tape.operators.rotary import rotary_embedding

__all__ = [
    "activation", "adaptive_average_pool", "add", "batch_norm", "cast", "concatenate", "contiguous", "conv2d", "cross_entropy", "dropout",
    "eager_attention", "embedding", "fused_linear_cross_entropy", "gelu_new", "layer_norm", "linear", "linear_4bit", "lower", "matmul", "max_pool2d", "multiply", "raise_to_fp32", "relu_",
    "rms_norm", "rotary_embedding", "scaled", "scaled_dot_product_attention", "softmax",
]  # fmt: skip

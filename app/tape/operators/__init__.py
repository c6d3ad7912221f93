"""Operators on tensors without data: each gives its output, what autograd must save, its transient memory and its work."""

from app.tape.operators.attention import (
    EagerStyle,
    attended_values,
    attention_products,
    attention_scores,
    eager_attention,
    repeat_heads,
    scaled_dot_product_attention,
)
from app.tape.operators.casting import cast, lower, raise_to_fp32
from app.tape.operators.convolution import Sizes, Window, convolution, transposed_convolution
from app.tape.operators.elementwise import (
    activation,
    add,
    choose,
    clamp,
    concatenate,
    contiguous,
    dropout,
    gelu_new,
    less_row_maximum,
    multiply,
    power,
    recomputed_gelu,
    relu_,
    scaled,
    shifted,
    where,
)
from app.tape.operators.experts import grouped_linear, scatter_rows, select_rows, sum_over_last, sum_over_second, take_rows, top_k
from app.tape.operators.inplace import activation_, add_, overwritten
from app.tape.operators.joining import promoted_concatenation, scattered
from app.tape.operators.linear import biased_products, embedding, linear, linear_4bit, matmul
from app.tape.operators.loss import binary_cross_entropy, cross_entropy, ctc_loss, fused_linear_cross_entropy, mean_squared_error
from app.tape.operators.normalization import (
    batch_norm,
    deviation,
    group_norm,
    layer_norm,
    native_rms_norm,
    rms_norm,
    rms_norm_in_fp32,
    rms_norm_of_stream,
    root_mean_square_unit,
    softmax,
    stepwise_rms_norm_in_fp32,
    unit_rows,
)
from app.tape.operators.pooling import adaptive_average_pool, average_pool, global_average_pool, max_pool, mean, pooled_regions
from app.tape.operators.recurrent import CELLS, Cell, CellWeights, recurrent_layer
from app.tape.operators.resampling import padded, resampled
from app.tape.operators.response import global_response_norm
from app.tape.operators.rotary import (
    complex_rotary_embedding,
    halves_rotary_embedding,
    interleaved_rotary_embedding,
    paired_rotary_embedding,
    partial_rotary_embedding,
    rotary_embedding,
    rotate_half,
    strided_rotary_embedding,
)
from app.tape.operators.scan import cumulative_sum, delta_rule, linear_recurrence, selective_scan, solve_triangular, weighted_key_values
from app.tape.operators.views import assembled, copied, expand, gather, part, rearranged, repeated, split

__all__ = [
    "CELLS", "Cell", "CellWeights", "EagerStyle", "Sizes", "Window", "activation", "activation_", "adaptive_average_pool", "add", "add_",
    "assembled", "attended_values", "attention_products", "attention_scores", "average_pool", "batch_norm", "biased_products",
    "binary_cross_entropy", "cast", "choose", "clamp", "complex_rotary_embedding", "concatenate", "contiguous", "convolution", "copied",
    "cross_entropy", "ctc_loss", "cumulative_sum", "delta_rule", "deviation", "dropout", "eager_attention", "embedding", "expand",
    "fused_linear_cross_entropy", "gather", "gelu_new", "global_average_pool", "global_response_norm", "group_norm", "grouped_linear",
    "halves_rotary_embedding", "interleaved_rotary_embedding", "layer_norm", "less_row_maximum", "linear", "linear_4bit",
    "linear_recurrence", "lower", "matmul", "max_pool", "mean", "mean_squared_error", "multiply", "native_rms_norm", "overwritten",
    "padded", "paired_rotary_embedding", "part", "partial_rotary_embedding", "pooled_regions", "power", "promoted_concatenation",
    "raise_to_fp32", "rearranged", "recomputed_gelu", "recurrent_layer", "relu_", "repeat_heads", "repeated", "resampled", "rms_norm",
    "rms_norm_in_fp32", "rms_norm_of_stream", "root_mean_square_unit", "rotary_embedding", "rotate_half", "scaled",
    "scaled_dot_product_attention", "scatter_rows", "scattered", "select_rows", "selective_scan", "shifted", "softmax", "solve_triangular",
    "split", "stepwise_rms_norm_in_fp32", "strided_rotary_embedding", "sum_over_last", "sum_over_second", "take_rows", "top_k",
    "transposed_convolution", "unit_rows", "weighted_key_values", "where",
]  # fmt: skip

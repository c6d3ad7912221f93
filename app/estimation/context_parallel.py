"""Context parallelism: each GPU has a part of every sequence, and sees the keys and values of all its parts in turn.

Each GPU holds two slices of a sequence, an early and a late one, so that causal attention gives all the same work. Keys and values of the
whole sequence are gathered; gradients are accumulated in fp32 and handed on from GPU to GPU.
Sources: Liu et al. 2023 (ring attention); Dubey et al. 2024 (Llama 3, 3.3.2); PyTorch 2.13, distributed/tensor/experimental
(_context_parallel/_attention.py: the all-gather rotater is the default, gradients are kept in fp32 twice).
"""

from dataclasses import replace

from app.architectures.cache import CacheLayer
from app.architectures.language_head import LanguageModel
from app.architectures.network import Inputs, Network
from app.tape.dtypes import FP32, DType
from app.workloads.fields import invalid_field
from app.workloads.training import TrainingWorkload

FIELD = "parallelism.context"
SLICES = 2  # of each sequence on each GPU
FP32_GRADIENTS = 2  # what is accumulated, and what a slice adds to it


def share_of_sequence(network: Network, workload: TrainingWorkload, inputs: Inputs, degree: int) -> Inputs:
    """The part of a micro-batch that one GPU works on.

    Raises InvalidInput where the network, its attention kernel or the length does not allow it.
    """
    if not isinstance(network, LanguageModel):
        raise invalid_field(FIELD, "dividing sequences is modelled for decoder-only transformers; use data parallelism here")
    if workload.attention == "eager":
        raise invalid_field(FIELD, "dividing sequences needs a fused attention kernel; set attention to sdpa or flash")
    if inputs.sequence % (SLICES * degree):
        raise invalid_field(FIELD, f"{inputs.sequence} tokens do not divide into {SLICES} slices for each of {degree} GPUs")
    return replace(inputs, sequence=inputs.sequence // degree)


def gathered_bytes(network: Network, inputs: Inputs, dtype: DType, degree: int) -> int:
    """Keys and values of one layer, of the whole sequences that `inputs` is one part of."""
    return inputs.batch * inputs.sequence * degree * _widest(network).elements_per_position * dtype.bytes


def gradient_bytes(network: Network, inputs: Inputs) -> int:
    """fp32 gradients of one layer's queries, keys and values, of one part."""
    layer = _widest(network)
    _, _, heads = network.widths()
    elements = heads * layer.key_size + layer.elements_per_position
    return FP32_GRADIENTS * inputs.batch * inputs.sequence * elements * FP32.bytes


def _widest(network: Network) -> CacheLayer:
    if not isinstance(network, LanguageModel):
        raise TypeError(network)
    return max(network.cache_layers(), key=lambda layer: layer.elements_per_position)

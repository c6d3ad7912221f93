"""How frameworks run a step: what is written to memory, what backward reads again, and when weights are updated.

The operators of the tape are those of eager PyTorch; a rule says in what another framework's step differs.

Sources: Keras 3.15 (trainers/trainer.py, layers/normalization, layers/attention, optimizers), TensorFlow 2.21 (executor.cc,
OpKernelContext::forward_input_or_allocate_output, nn_impl.py), and XLA's buffer assignments of whole steps compiled for an A100
(JAX 0.10.2; tests/ground_truth/xla_memory.json).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum


class Writing(Enum):
    """When the result of an element-wise operator is written to memory."""

    AT_ONCE = "at once"  # every operator writes its result into new memory while its inputs are alive
    WHEN_READ = "when read"  # a graph executor hands the memory of an input that nobody else needs on to the result
    FOR_PRODUCTS = "for products"  # a fusing compiler works element-wise results out where they are read; products need them in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What backward reads of an element-wise operator. `inner`: tensors worked out on the way that are kept too, each as large as the
    input, in fp32 where `inner_fp32`."""

    source: bool = False
    result: bool = False
    inner: int = 0
    inner_fp32: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRule:
    """One way to run a step.

    `kept` names the operators that keep something else than in eager PyTorch. `keeps_all`: a gradient tape keeps every input and
    result until its operator has been gone back through. `updates_at_once`: a weight is updated as soon as its gradient is there,
    which is then dropped. `update_copies`: temporaries as large as the weight that one update makes, where PyTorch's optimizers do not
    apply. `narrow_stream`: under mixed precision every tensor between layers has the 16-bit type. `wide_scores`: products of queries
    and keys are fp32 whatever their type. `plain_attention`: scores are written out unless a fused kernel is asked for.
    `pools_by_position`: max pooling keeps the positions of its maxima rather than looking them up again; `pools_into_zeros`: the zeros
    that its gradient is scattered into are made in the forward pass, with the result of the operator before. `fused_loss`: the
    cross-entropy writes nothing as large as the logits but their gradient. `writes_over`: operators that write over their input do so;
    elsewhere they make a new tensor. `product_multiple`: matrix products sum over multiples of so many elements; a weight whose outputs
    are no multiple is copied into a padded one to work out the gradient of its input.
    """

    name: str
    writing: Writing = Writing.AT_ONCE
    writes_over: bool = False
    kept: Mapping[str, Kept] = field(default_factory=dict)
    keeps_all: bool = False
    updates_at_once: bool = False
    update_copies: int = 0
    narrow_stream: bool = False
    wide_scores: bool = False
    plain_attention: bool = False
    pools_by_position: bool = True
    pools_into_zeros: bool = False
    fused_loss: bool = False
    product_multiple: int = 1

    @property
    def fuses(self) -> bool:
        """Whether element-wise results stay unwritten until a product reads them."""
        return self.writing is Writing.FOR_PRODUCTS

    @property
    def defers(self) -> bool:
        """Whether the result of an element-wise operator takes no memory before it is read."""
        return self.writing is not Writing.AT_ONCE


EAGER_PYTORCH = ExecutionRule(name="eager PyTorch", writes_over=True)

TENSORFLOW_GRAPH = ExecutionRule(
    name="TensorFlow graph",
    writing=Writing.WHEN_READ,
    kept={
        "gelu": Kept(inner=3),  # x / sqrt(2) for erf, and both factors of x / 2 x (1 + erf)
        "gelu_tanh": Kept(source=True, inner=3),  # x for the cube, tanh, and both factors
        "layer_norm": Kept(inner=1),  # reciprocal deviation x scale, spread over all elements
    },
    updates_at_once=True,
    update_copies=1,  # Adam: (g - m), then m x rate and sqrt(v), of one weight at a time
    narrow_stream=True,
    wide_scores=True,
    plain_attention=True,
    pools_by_position=False,
    fused_loss=True,
)
TENSORFLOW_EAGER = ExecutionRule(
    name="TensorFlow eager",
    keeps_all=True,
    kept={  # what their element-wise operators make on the way to the result
        "gelu": Kept(inner=4),
        "gelu_tanh": Kept(inner=5),
        "layer_norm": Kept(inner=4),
        "batch_norm": Kept(inner=2),
    },
    update_copies=3,  # Adam: m x rate, sqrt(v), its sum with epsilon
    narrow_stream=True,
    wide_scores=True,
    plain_attention=True,
    pools_by_position=False,
    fused_loss=True,
)
KERAS_XLA = ExecutionRule(
    name="Keras, compiled by XLA",
    writing=Writing.FOR_PRODUCTS,
    kept={
        "relu": Kept(source=True),
        "tanh": Kept(result=True),
        "softmax": Kept(source=True),
        "gelu": Kept(source=True, inner=1, inner_fp32=True),
        "gelu_tanh": Kept(source=True, inner=1, inner_fp32=True),
    },
    updates_at_once=True,
    narrow_stream=True,
    wide_scores=True,
    plain_attention=True,
    pools_by_position=False,
    pools_into_zeros=True,
    fused_loss=True,
    product_multiple=8,
)
JAX = replace(KERAS_XLA, name="JAX", fused_loss=False)

FRAMEWORKS = {"pytorch": EAGER_PYTORCH, "tensorflow": TENSORFLOW_GRAPH, "keras": KERAS_XLA, "jax": JAX}

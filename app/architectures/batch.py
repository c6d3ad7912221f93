"""The batch that a training loop hands to the network. The loop holds it until the step is over, whatever autograd saves."""

from app.tape.dtypes import FP32, INT64, DType
from app.tape.modules import Module
from app.tape.recorder import Category, rounded
from app.tape.tensor import Parameter, Shape, Tape, Tensor


def held(tape: Tape, shape: Shape, dtype: DType) -> Tensor:
    """A tensor of the batch: counted as an input from now on and never given back."""
    tensor = Tensor(tape, shape, dtype, None)
    tape.record.allocated(rounded(tensor.bytes), Category.INPUTS)
    return tensor


def held_indices(tape: Tape, *shape: int) -> Tensor:
    """Labels, token ids or time steps of the batch."""
    return held(tape, shape, INT64)


def weight_dtype(network: Module) -> DType:
    """The type in which the weights are kept, which real-valued inputs are given in."""
    kept = (value for _, module in network.named_modules() for value in vars(module).values())
    return next((value.dtype for value in kept if isinstance(value, Parameter) and not value.buffer), FP32)

"""Recurrences over the positions of a sequence, as state-space layers compute them without kernels of their own.

Source: mamba_selective_scan in modeling_mamba.py (transformers 5.23).
"""

from app.tape.autograd import Gradients, attach, elementwise_work
from app.tape.dtypes import DType
from app.tape.operators.casting import raise_to_fp32
from app.tape.operators.linear import FLOPS_PER_MAC
from app.tape.tensor import Meta, Tape, Tensor


def selective_scan(decay: Tensor, drive: Tensor, readout: Tensor, dtype: DType) -> tuple[Tensor, Tensor, Tensor]:
    """h_t = decay_t h_(t-1) + drive_t and y_t = h_t readout_t, step by step.

    Gives y [batch, channels, length], the last state, and the outputs of single steps that y was stacked from.

    decay and drive are [batch, channels, length, size], the readout is [batch, length, size]. The product with the decay keeps the
    state of each step, that with the readout its copy in `dtype`. Going back, each step's share of a gradient is written into zeros of
    the whole size before it is added to the others'.
    """
    tape, (batch, channels, length, size) = decay.tape, decay.shape
    of_step, kept = (batch, channels, size), length if tape.keeps else 1
    first = tape.empty(of_step, dtype)
    states = tape.empty((max(1, kept - 1), *of_step), decay.dtype)
    last = tape.empty(of_step, decay.dtype)
    copies = tape.empty((kept, *of_step), dtype) if dtype is not decay.dtype else last
    outputs = tape.empty((length, batch, channels), readout.dtype)
    product = tape.empty(of_step, decay.dtype)
    del product
    out = tape.empty((batch, channels, length), readout.dtype)
    elementwise_work(tape, decay, drive, states)
    tape.record.charge("matmul", readout.dtype, FLOPS_PER_MAC * decay.size, copies.bytes)
    metas = (decay.meta, drive.meta, readout.meta)
    attached = attach(out, [decay, drive, readout], [decay, readout, first, states, copies], lambda gradient: _backward(tape, *metas))
    return attached, last, outputs


def _backward(tape: Tape, decay: Meta, drive: Meta, readout: Meta) -> Gradients:
    """The sums over the steps so far of three gradients, beside the zeros of the next step and the new sum."""
    tape.record.charge("elementwise", decay.dtype, decay.bytes // decay.dtype.bytes, 4 * decay.bytes)
    sums: list[Tensor | None] = [tape.like(meta) for meta in (decay, drive, readout)]
    for place, meta in ((1, drive), (0, decay)):
        of_step = tape.like(meta)
        sums[place] = _summed(tape, meta)
        del of_step
    return sums


def _summed(tape: Tape, meta: Meta) -> Tensor:
    return tape.like(meta)


def cumulative_sum(x: Tensor) -> Tensor:
    """Running sums along one dimension: keeps nothing; the gradient is turned round, summed up, and turned back. fp32 under autocast."""
    x = raise_to_fp32(x)
    tape, meta = x.tape, x.meta
    out = tape.like(meta)
    elementwise_work(tape, meta, out)

    def backward(gradient: Tensor) -> Gradients:
        turned = tape.like(meta)
        summed = tape.like(meta)
        result = tape.like(meta)
        del turned, summed
        return (result,)

    return attach(out, [x], [], backward)

"""Rows chosen, gathered and added up; for mixtures of experts one matrix product for all experts over tokens sorted by expert.

Source: transformers/integrations/moe.py (grouped_mm_experts_forward, 5.23), torch.nn.functional.grouped_mm (PyTorch 2.13).
"""

from app.tape.autograd import Gradients, attach, elementwise_work
from app.tape.dtypes import INT64
from app.tape.operators.linear import FLOPS_PER_MAC
from app.tape.tensor import Tensor


def top_k(x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` largest values of each row and their places, which are kept; the gradient is written into zeros."""
    tape, meta = x.tape, x.meta
    shape = (*x.shape[:-1], count)
    values, places = tape.empty(shape, x.dtype), tape.empty(shape, INT64)
    elementwise_work(tape, meta, values)
    return attach(values, [x], [places], lambda gradient: (tape.like(meta),)), places


def take_rows(x: Tensor, rows: Tensor) -> Tensor:
    """x[rows] for a list of row numbers, which is kept. The gradient is added up in zeros as large as x."""
    tape, meta = x.tape, x.meta
    out = tape.empty((*rows.shape, *x.shape[1:]), x.dtype)
    elementwise_work(tape, out, out)
    return attach(out, [x], [rows], lambda gradient: (tape.like(meta),))


def sum_over_second(x: Tensor) -> Tensor:
    """Sum of [rows, parts, size] over the parts; keeps nothing."""
    tape, meta = x.tape, x.meta
    out = tape.empty((x.shape[0], *x.shape[2:]), x.dtype)
    elementwise_work(tape, meta, out)
    return attach(out, [x], [], lambda gradient: (tape.like(meta),))


def sum_over_last(x: Tensor) -> Tensor:
    """Sum over the last dimension; keeps nothing and hands the gradient on without copying it."""
    out = x.tape.empty(x.shape[:-1], x.dtype)
    elementwise_work(x.tape, x, out)
    shape = x.shape

    def backward(gradient: Tensor) -> Gradients:
        return (Tensor(gradient.tape, shape, gradient.dtype, gradient.storage),)

    return attach(out, [x], [], backward)


def grouped_linear(x: Tensor, weight: Tensor, outputs: int) -> Tensor:
    """Rows sorted by expert times each one's own matrix out of [experts, ...], without bias. Keeps input and weight.

    Only experts that are chosen are read; every expert's gradient is dense.
    """
    tape, (rows, inputs) = x.tape, x.shape
    out = tape.empty((rows, outputs), x.dtype)
    flops = FLOPS_PER_MAC * rows * inputs * outputs
    moved = x.bytes + out.bytes + weight.bytes * min(rows, weight.shape[0]) // weight.shape[0]
    tape.record.charge("matmul", x.dtype, flops, moved)
    wanted = [t.meta if t.requires_grad else None for t in (x, weight)]
    dtype = x.dtype

    def backward(gradient: Tensor) -> Gradients:
        for _ in range(bool(wanted[0]) + bool(wanted[1])):
            tape.record.charge("matmul", dtype, flops, moved)
        return [meta and tape.like(meta) for meta in wanted]

    return attach(out, [x, weight], [x if weight.requires_grad else None, weight if x.requires_grad else None], backward)


def select_rows(x: Tensor, rows: Tensor) -> Tensor:
    """As `take_rows`, by index_select: the gradient is added to zeros as large as x in a new tensor."""
    tape, meta = x.tape, x.meta
    out = tape.empty((*rows.shape, *x.shape[1:]), x.dtype)
    elementwise_work(tape, out, out)

    def backward(gradient: Tensor) -> Gradients:
        zeros = tape.like(meta)
        added = tape.like(meta)
        del zeros
        return (added,)

    return attach(out, [x], [rows], backward)


def scatter_rows(x: Tensor, rows: Tensor, count: int) -> Tensor:
    """Rows added up in `count` sums: out[rows[i]] += x[i]. Keeps the row numbers; the gradient is gathered for every row."""
    tape, meta = x.tape, x.meta
    out = tape.empty((count, *x.shape[1:]), x.dtype)
    elementwise_work(tape, meta, out)
    return attach(out, [x], [rows], lambda gradient: (tape.like(meta),))

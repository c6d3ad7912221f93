"""The state-space duality of Mamba-2 (Dao and Gu 2024), chunk by chunk in matrix products.

Written as transformers 5.23 computes it without the kernels of mamba-ssm (mamba2_chunk_scan in modeling_mamba2.py, the same in Bamba,
Falcon-H1, Zamba 2, Nemotron-H and Granite 4): in fp32, with a score for every pair of positions of a chunk and every head.
"""

from typing import NamedTuple

from app.tape import operators as op
from app.tape.dtypes import BOOL, FP32
from app.tape.tensor import Tensor
from app.units import round_up


class Selected(NamedTuple):
    """What the input selects: the time step of each head [batch, length, heads], its rate of decay [heads], and what drives and reads the
    state [batch, length, groups, state]; `skip` [heads] weighs the input itself.
    """

    step: Tensor
    rate: Tensor
    drive: Tensor
    readout: Tensor
    skip: Tensor


def chunk_scan(x: Tensor, selected: Selected, chunk: int) -> tuple[Tensor, Tensor]:
    """y [batch, length, heads, size] of x of the same shape, and the last state [batch, heads, size, state]."""
    (batch, length, heads, _), (step, rate, drive, readout, skip) = x.shape, selected
    x = op.cast(x, FP32)
    drive, readout = _for_all_heads(drive, heads), _for_all_heads(readout, heads)
    skipped = op.multiply(skip.view(heads, 1), _padded(x, chunk))
    x = op.multiply(x, op.cast(step.view(batch, length, heads, 1), FP32))
    rate = op.multiply(rate, op.cast(step, FP32))
    x, rate, drive, readout = [_in_chunks(tensor, chunk) for tensor in (x, rate, drive, readout)]  # all four before the first is dropped
    decayed = op.cumulative_sum(rate)
    within = _within_chunks(x, rate, drive, readout)
    states, *held = _states_of_chunks(x, decayed, drive)
    states, last = _passed_on(states, decayed)
    across = _across_chunks(readout, states, decayed)
    out = op.contiguous(op.add(within[0], across[0]))
    out = op.add(out.view(*skipped.shape), skipped)
    del within, held, across  # the reference's local variables live to its end
    return op.part(out, batch, length, *out.shape[2:]) if out.shape[1] > length else out, last


def _for_all_heads(x: Tensor, heads: int) -> Tensor:
    """The projection of each group repeated for its heads, in fp32."""
    x = op.cast(x, FP32)
    return op.resampled(x, *x.shape[:2], heads, x.shape[3])


def _padded(x: Tensor, chunk: int) -> Tensor:
    return op.padded(x, x.shape[0], round_up(x.shape[1], chunk), *x.shape[2:])


def _in_chunks(x: Tensor, chunk: int) -> Tensor:
    x = _padded(x, chunk)
    shape = (x.shape[0], x.shape[1] // chunk, chunk, *x.shape[2:])
    return op.rearranged(x, *shape)


def _within_chunks(x: Tensor, rate: Tensor, drive: Tensor, readout: Tensor) -> tuple[Tensor, ...]:
    """What each position takes from those before it in its chunk; with it the decays, the scores and their product."""
    batch, chunks, chunk, heads, size = x.shape
    decays = op.activation(segment_sums(rate.view(batch, heads, chunks, chunk)), "exp")
    scores = _product(readout, drive, (chunk, drive.shape[4], chunk))
    weights = op.multiply(scores, decays.view(*scores.shape))
    lowered = op.lower(weights)
    values = op.contiguous(op.lower(x)).view(-1, chunk, size)
    out = op.matmul(lowered, values)
    return op.rearranged(out, *x.shape), decays, scores, weights


def segment_sums(rate: Tensor) -> Tensor:
    """The sum of rates between every two positions of [..., length]: two masks and a running sum, all [..., length, length]."""
    length, tape = rate.shape[-1], rate.tape
    spread = op.where(tape.empty((length, length), BOOL), op.expand(rate.view(*rate.shape, 1), *rate.shape, length))
    summed = op.cumulative_sum(spread)
    summed = op.where(tape.empty((length, length), BOOL), summed)
    del spread
    return summed


def _states_of_chunks(x: Tensor, decayed: Tensor, drive: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Zeros and the state that each chunk adds, [batch, 1 + chunks, heads, size, state]; with them the zeros and the decayed drive."""
    batch, chunks, chunk, heads, size = x.shape
    last = op.part(decayed, batch, chunks, 1, heads)
    decays = op.activation(op.add(op.scaled(decayed), last), "exp")
    driven = op.multiply(drive, decays.view(*decays.shape, 1))
    states = _product(driven, x, (drive.shape[4], chunk, size))
    states = op.rearranged(states, batch, chunks, heads, size, drive.shape[4])
    first = states.tape.empty((batch, 1, *states.shape[2:]), states.dtype)
    return op.concatenate([first, states], axis=1), first, driven


def _passed_on(states: Tensor, decayed: Tensor) -> tuple[Tensor, Tensor]:
    """The state that enters each chunk, and the one that leaves the last."""
    batch, after, heads, size, state = states.shape
    total = op.part(decayed, batch, heads, after - 1)
    decays = op.activation(segment_sums(op.padded(total, batch, heads, after)), "exp").view(batch * heads, after, after)
    carried = op.contiguous(op.lower(states)).view(batch * heads, after, size * state)
    passed = op.rearranged(op.matmul(decays, carried), *states.shape)
    return op.part(passed, batch, after - 1, heads, size, state), op.part(passed, batch, heads, size, state)


def _across_chunks(readout: Tensor, entering: Tensor, decayed: Tensor) -> tuple[Tensor, Tensor]:
    """What each position takes from the state that enters its chunk, decayed and as it was read."""
    batch, chunks, chunk, heads, state = readout.shape
    size = entering.shape[3]
    decays = op.activation(decayed, "exp")
    read = _product(readout, entering, (chunk, state, size))
    read = op.rearranged(read, batch, chunks, chunk, heads, size)
    return op.multiply(read, decays.view(batch, chunks, chunk, heads, 1)), read


def _product(a: Tensor, b: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """A product of [rows, inner] and [inner, columns] for every chunk and head, both copied into that order first."""
    rows, inner, columns = shape
    a, b = op.lower(a), op.lower(b)
    left, right = op.contiguous(a).view(-1, rows, inner), op.contiguous(b).view(-1, inner, columns)
    return op.matmul(left, right)

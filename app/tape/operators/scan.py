"""Recurrences over the positions of a sequence, as state-space layers compute them without kernels of their own.

Source: mamba_selective_scan in modeling_mamba.py (transformers 5.23).
"""

from collections.abc import Sequence

from app.tape.autograd import Gradients, attach, elementwise_work
from app.tape.dtypes import FP32, DType
from app.tape.operators.casting import lower, raise_to_fp32
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


def delta_rule(values: Tensor, keys: Tensor, queries: Tensor, scores: Tensor, writes: Tensor) -> tuple[Tensor, Tensor]:
    """The gated delta rule passed on from chunk to chunk; gives what is read, as large as `values`, and the last state.

    values, keys, queries and writes are [batch, heads, chunks, chunk, size], the scores within a chunk [batch, heads, chunks, chunk,
    chunk]. Each chunk keeps the state that enters it and its corrected values; nobody asks for the last state, so the last chunk keeps
    nothing for writing it. Autocast's products keep narrow copies, of states and corrected values one for each of two products.
    Going back, each chunk's share of a gradient is written into zeros of the whole size before it is added to the others'.
    Source: torch_chunk_gated_delta_rule in modeling_qwen3_next.py (transformers 5.23).
    """
    tape, (batch, heads, chunks, chunk, size) = values.tape, values.shape
    kept = chunks if tape.keeps else 1
    out = tape.like(values.meta)
    keys, queries, scores, writes = (lower(x) for x in (keys, queries, scores, writes))
    narrow = 2 if keys.dtype is not values.dtype else 1
    state, correction = (batch, heads, keys.shape[-1], size), (batch, heads, chunk, size)
    states = tape.empty((kept if narrow == 1 else kept - 1, *state), values.dtype)
    copies = tape.empty((narrow * kept, *state), keys.dtype) if narrow > 1 else states
    corrected = tape.empty((narrow * (kept - 1) + 1, *correction), keys.dtype)
    read = tape.empty((batch, heads, chunk, size), values.dtype)
    last = tape.empty((batch, heads, keys.shape[-1], size), values.dtype)
    del read
    flops = FLOPS_PER_MAC * (3 * values.size * keys.shape[-1] + values.size * chunk)
    tape.record.charge("matmul", values.dtype, flops, 4 * values.bytes)
    given = (values, keys, queries, scores, writes)
    metas = [x.meta for x in given]

    def backward(gradient: Tensor) -> Gradients:
        tape.record.charge("matmul", metas[0].dtype, 2 * flops, 8 * metas[0].bytes)
        sums = [tape.like(meta) for meta in metas]
        for meta in (metas[0], metas[1]):
            of_chunk, added = tape.like(meta), tape.like(meta)
            del of_chunk, added
        return sums

    written = writes if kept > 1 else None
    return attach(out, given, [keys, queries, scores, written, states, copies, corrected], backward), last


def solve_triangular(system: Tensor, x: Tensor) -> Tensor:
    """The solution of a triangular system: keeps the system and the solution."""
    tape, metas = x.tape, (system.meta, x.meta)
    out = tape.like(x.meta)
    tape.record.charge("matmul", x.dtype, x.size * system.shape[-1], system.bytes + 2 * x.bytes)

    def backward(gradient: Tensor) -> Gradients:
        of_x = tape.like(metas[1])
        of_system = tape.like(metas[0])
        return [of_system, of_x]

    return attach(out, [system, x], [system, out], backward)


def _step_by_step(tape: Tape, whole: Meta, metas: Sequence[Meta]) -> Gradients:
    """Gradients of a recurrence written out: the whole gradient is copied for every place written, and each step's share of a gradient
    is written into zeros of the whole size before it is added to the others'."""
    copied = tape.like(whole)
    sums: list[Tensor | None] = [tape.like(meta) for meta in metas]
    for place, meta in reversed(list(enumerate(metas))):
        of_step = tape.like(meta)
        sums[place] = _summed(tape, meta)
        del of_step
    del copied
    return sums


def linear_recurrence(gate: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """h_t = gate_t h_(t-1) + x_t in fp32, step by step, each written into its place of one tensor [batch, length, channels]; and the last.

    Every step keeps its gate in fp32 and the state before it; going back, as in `_step_by_step`.
    Source: _rnn_scan in modeling_recurrent_gemma.py (transformers 5.23).
    """
    tape, (batch, length, channels) = x.tape, x.shape
    kept = length if tape.keeps else 1
    out = tape.empty(x.shape, x.dtype)
    gates = gate if gate.dtype is FP32 else tape.empty((kept, batch, channels), FP32)
    states, last = tape.empty((kept, batch, channels), FP32), tape.empty((batch, channels), FP32)
    elementwise_work(tape, gate, x, states, out)
    whole, metas = out.meta, (gate.meta, x.meta)

    attached = attach(out, [gate, x], [gates, states], lambda gradient: _step_by_step(tape, whole, metas))
    last.node, last.requires_grad = attached.node, attached.requires_grad
    return attached, last


RWKV_KEPT = 11  # of every step: both maxima's operands, both pairs of exponentials, numerator, denominator, and the three states


def weighted_key_values(decay: Tensor, first: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """RWKV's average of values weighted by keys that decay, step by step in fp32 [batch, length, channels]; and the last three states.

    Every step keeps eleven tensors, and its key in fp32 where that is a copy. Going back, as in `_step_by_step`.
    Source: rwkv_linear_attention_cpu in modeling_rwkv.py (transformers 5.23), which runs where its CUDA kernel is not built.
    """
    tape, (batch, length, channels) = key.tape, key.shape
    kept = length if tape.keeps else 1
    out = tape.empty(key.shape, key.dtype)
    steps = tape.empty((kept * (RWKV_KEPT + (key.dtype is not FP32)), batch, channels), FP32)
    last = tape.empty((batch, channels, 3), FP32)
    elementwise_work(tape, key, value, steps, out)
    whole, metas = out.meta, (decay.meta, first.meta, key.meta, value.meta)

    return attach(out, [decay, first, key, value], [steps, value], lambda gradient: _step_by_step(tape, whole, metas)), last

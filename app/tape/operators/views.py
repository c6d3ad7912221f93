"""Views of parts of a tensor: no bytes forward, whole tensors backward."""

from collections.abc import Sequence

from app.tape.autograd import Gradients, attach, elementwise_work
from app.tape.tensor import Shape, Tensor


def part(x: Tensor, *shape: int) -> Tensor:
    """A slice of `x` with this shape, as a view. Its gradient is written into zeros of the whole size."""
    tape, meta = x.tape, x.meta
    out = Tensor(tape, shape, x.dtype, x.storage)

    def backward(gradient: Tensor) -> Gradients:
        whole = tape.elementwise_like(meta, gradient)
        elementwise_work(tape, gradient, whole)
        return (whole,)

    return attach(out, [x], [], backward)


def split(x: Tensor, sizes: tuple[int, ...], axis: int = -1) -> list[Tensor]:
    """`x` cut along one axis into views of these sizes; their gradients are joined into one tensor when all have arrived."""
    tape, meta = x.tape, x.meta
    whole = Tensor(tape, x.shape, x.dtype, x.storage)
    arrived: list[Tensor] = []

    def join(gradient: Tensor) -> Gradients:
        joined = tape.elementwise_like(meta, *arrived)
        elementwise_work(tape, *arrived, joined)
        arrived.clear()
        return (joined,)

    attach(whole, [x], [], join)
    return [_piece(whole, _resized(x.shape, axis, size), arrived) for size in sizes]


def _resized(shape: Shape, axis: int, size: int) -> Shape:
    position = axis % len(shape)
    return (*shape[:position], size, *shape[position + 1 :])


def _piece(whole: Tensor, shape: Shape, arrived: list[Tensor]) -> Tensor:
    def backward(gradient: Tensor) -> Gradients:
        arrived.append(gradient)
        first = len(arrived) == 1
        return (Tensor(gradient.tape, (), gradient.dtype, None) if first else None,)

    return attach(Tensor(whole.tape, shape, whole.dtype, whole.storage), [whole], [], backward)


def expand(x: Tensor, *shape: int) -> Tensor:
    """`x` repeated along dimensions of length 1 without a copy. Its gradient is summed over them."""
    if shape == x.shape:
        return x
    tape, meta = x.tape, x.meta
    return attach(Tensor(tape, shape, x.dtype, x.storage), [x], [], lambda gradient: (tape.like(meta),))


def rearranged(x: Tensor, *shape: int) -> Tensor:
    """`x` with its dimensions in another order, as a view. Its gradient is copied back into the order of `x`."""
    tape, meta = x.tape, x.meta

    def backward(gradient: Tensor) -> Gradients:
        copy = tape.elementwise_like(meta, gradient)
        elementwise_work(tape, gradient, copy)
        return (copy,)

    return attach(Tensor(tape, shape, x.dtype, x.storage), [x], [], backward)


def assembled(parts: Sequence[Tensor]) -> Tensor:
    """Parts written one after the other into a new tensor along its last dimension. Backward copies the whole gradient for each."""
    first, tape = parts[0], parts[0].tape
    out = tape.empty((*first.shape[:-1], sum(x.shape[-1] for x in parts)), first.dtype)
    elementwise_work(tape, out, out)
    whole, metas = out.meta, [x.meta for x in parts]

    def backward(gradient: Tensor) -> Gradients:
        gradients: list[Tensor | None] = []
        for meta in reversed(metas):
            copied = tape.like(whole)
            gradients.append(tape.like(meta))
            del copied
        return gradients[::-1]

    return attach(out, parts, [], backward)


def copied(x: Tensor) -> Tensor:
    """A copy of `x`, as a reshaping that is no view makes it. Keeps nothing and hands the gradient on as it is."""
    out = x.tape.like(x.meta)
    elementwise_work(x.tape, x, out)
    return attach(out, [x], [], lambda gradient: (gradient,))


def gather(x: Tensor, places: Tensor) -> Tensor:
    """For each row of [..., rows, columns] the columns that `places` [1, rows, count] names. Both are kept."""
    tape, meta = x.tape, x.meta
    out = tape.empty((*x.shape[:-1], places.shape[-1]), x.dtype)
    elementwise_work(tape, out, out)
    return attach(out, [x], [x, places], lambda gradient: (tape.like(meta),))


def repeated(x: Tensor, times: int) -> Tensor:
    """`x` repeated along its first dimension by a copy; the gradient is summed over the repetitions."""
    tape, meta = x.tape, x.meta
    out = tape.empty((x.shape[0] * times, *x.shape[1:]), x.dtype)
    elementwise_work(tape, out, out)
    return attach(out, [x], [], lambda gradient: (tape.like(meta),))

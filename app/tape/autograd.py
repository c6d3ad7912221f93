"""The autograd graph: what each operator saves, and the order in which the backward pass runs and lets go.

As PyTorch's engine does: nodes run when all their gradients have arrived, later-made nodes first; a node's saved tensors are dropped
once its gradients are computed; a leaf that is used more than once (tied embeddings) waits for all its gradients too.
Source: torch/csrc/autograd/engine.cpp (PyTorch 2.13).
"""

from collections.abc import Callable, Sequence
from heapq import heappop, heappush

from app.tape.recorder import Category
from app.tape.tensor import Meta, Parameter, Shape, Storage, Tape, Tensor

Gradients = Sequence[Tensor | None]
Saved = Sequence[Storage | None]
Backward = Callable[[Tensor], Gradients]
Pending = dict["Node | Tensor", Tensor]  # gradients that have arrived, by the node or leaf that waits for more


class Node:
    """One operator in the graph: its backward function, the storages it keeps alive, and where its gradients go."""

    __slots__ = ("backward", "edges", "saved", "sequence")

    def __init__(self, tape: Tape, inputs: Sequence[Tensor | None], saved: Saved | Callable[[], Saved], backward: Backward) -> None:
        self.backward: Backward | None = backward
        self.saved = saved  # or the way to get at them, in a checkpointed function
        self.edges: list[Node | Tensor | None] = [
            None if x is None or not x.requires_grad else x.node if x.node is not None else x for x in inputs
        ]
        self.sequence = tape.sequence
        tape.sequence += 1


def needs_grad(tape: Tape, *inputs: Tensor | None) -> bool:
    """Whether autograd records an operator with these inputs."""
    return tape.recording and any(x is not None and x.requires_grad for x in inputs)


def attach(out: Tensor, inputs: Sequence[Tensor | None], saved: Sequence[Tensor | None], backward: Backward) -> Tensor:
    """Makes `out` the result of an operator: its inputs, the tensors that backward needs, and the function that makes the gradients.

    `backward` must hold shapes only, never tensors: what it needs alive is named in `saved`.
    """
    tape = out.tape
    if any(x is not None and x.requires_grad for x in inputs):
        out.requires_grad = True
        if tape.recording:
            kept = [*inputs, *saved, out] if tape.execution.keeps_all else saved
            storages = [x.storage for x in kept if x is not None]
            out.node = Node(tape, inputs, tape.keeper.keep(storages, out) if tape.keeper and storages else storages, backward)
    return out


def backward(loss: Tensor) -> None:
    """Runs the backward pass from `loss`, leaving gradients in the leaves."""
    root, loss.node = loss.node, None
    if root is not None:
        propagate(root, {root: loss.tape.empty(loss.shape, loss.dtype)})


def propagate(root: Node, pending: Pending) -> None:
    """Runs all nodes behind `root`, whose gradient is pending."""
    waiting = _dependencies(root)
    ready: list[tuple[int, Node]] = [(-root.sequence, root)]
    while ready:
        node = heappop(ready)[1]
        edges, gradients = _run(node, pending)
        for index, target in enumerate(edges):
            if target is None:
                continue
            arriving, gradients[index] = gradients[index], None
            if arriving is not None:
                _accumulate(pending, target, arriving)
            del arriving
            waiting[target] -= 1
            if not waiting[target]:
                if isinstance(target, Node):
                    heappush(ready, (-target.sequence, target))
                else:
                    _settle(target, pending)


def _run(node: Node, pending: Pending) -> tuple[list[Node | Tensor | None], list[Tensor | None]]:
    gradients: list[Tensor | None] = [None] * len(node.edges)
    if node in pending and node.backward is not None:
        tape = pending[node].tape
        tape.reading = node.saved() if callable(node.saved) else node.saved
        gradients = list(node.backward(pending.pop(node)))
        tape.reading = ()
    edges = node.edges
    node.saved, node.backward, node.edges = (), None, []
    return edges, gradients


def _dependencies(root: Node) -> dict[Node | Tensor, int]:
    counts: dict[Node | Tensor, int] = {root: 0}
    stack = [root]
    while stack:
        for edge in stack.pop().edges:
            if edge is None:
                continue
            if edge in counts:
                counts[edge] += 1
                continue
            counts[edge] = 1
            if isinstance(edge, Node):
                stack.append(edge)
    return counts


def _accumulate(pending: Pending, target: Node | Tensor, arriving: Tensor) -> None:
    held = pending.get(target)
    if held is None:
        pending[target] = arriving
    else:
        pending[target] = held.tape.elementwise(held.shape, held.dtype, held, arriving)


def _settle(leaf: Tensor, pending: Pending) -> None:
    """A leaf keeps the gradient that has come together; to an earlier micro-batch's it is added in place.

    Where the framework updates weights during the backward pass, a weight's gradient is used up at once.
    """
    gradient = pending.pop(leaf, None)
    if gradient is None or leaf.grad is not None:
        return
    if gradient.storage is not None:
        gradient.storage.becomes(Category.GRADIENTS)
    if isinstance(leaf, Parameter) and leaf.tape.updating:
        _update(gradient)
    else:
        leaf.grad = gradient


def _update(gradient: Tensor) -> None:
    """The temporaries of one weight's update, made and dropped."""
    tape = gradient.tape
    temporaries = [tape.like(gradient.meta, Category.OPTIMIZER_TEMPORARIES) for _ in range(tape.execution.update_copies)]
    del temporaries


class BlockBoundary:
    """Marks the start and the end of a block that stands for `times` equal ones, in the forward and in the backward record."""

    @staticmethod
    def enter(x: Tensor, times: int) -> Tensor:
        """The input of the block: forward opens the segment, backward closes it."""
        record = x.tape.record
        record.begin_segment(times)
        return _passing(x, record.end_segment)

    @staticmethod
    def leave(x: Tensor, times: int) -> Tensor:
        """The output of the block: forward closes the segment, backward opens it."""
        record = x.tape.record
        record.end_segment()
        return _passing(x, lambda: record.begin_segment(times))


def _passing(x: Tensor, act: Callable[[], None]) -> Tensor:
    """`x` itself, with a node that acts when the gradient passes and hands it on unchanged."""
    same = x.detach()

    def backward_pass(gradient: Tensor) -> Gradients:
        act()
        return (gradient,)

    return attach(same, [x], [], backward_pass)


def elementwise_work(tape: Tape, *metas: Meta | Tensor) -> None:
    """Charges an operator that reads and writes these tensors once each, one operation an element of the last."""
    last = metas[-1]
    tape.record.charge("elementwise", last.dtype, last.bytes // last.dtype.bytes, sum(meta.bytes for meta in metas))


__all__ = ["BlockBoundary", "Gradients", "Node", "Saved", "Shape", "attach", "backward", "elementwise_work", "needs_grad", "propagate"]

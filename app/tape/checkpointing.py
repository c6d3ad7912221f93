"""Activation checkpointing: a function is run again in the backward pass instead of keeping what its operators save."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar
from weakref import ReferenceType, ref

from app.tape.autograd import Gradients, Node, Saved, propagate
from app.tape.recorder import Category, Phase
from app.tape.tensor import Parameter, Tape, Tensor

R = TypeVar("R")


def checkpoint(function: Callable[..., R], *arguments: object) -> R:
    """The function's results. Of its arguments only those are kept, until the backward pass has passed it.

    Source: torch.utils.checkpoint, non-reentrant, the default of Hugging Face transformers. Frameworks that defer operators run the
    whole function again instead, as tf.recompute_grad does.
    """
    tape = next(given.tape for given in arguments if isinstance(given, Tensor))
    if not tape.recording:
        return function(*arguments)
    if tape.execution.defers:
        return _run_again(tape, function, arguments)  # type: ignore[return-value, arg-type]
    outer, tape.keeper = tape.keeper, Frame(tape, function, arguments)
    results = function(*arguments)
    tape.keeper = outer
    return results


class Frame:
    """One checkpointed call. Its operators keep nothing; once the first of them needs what it would have saved, the function is run
    again, as far as its last saving operator.
    """

    holds = False

    def __init__(self, tape: Tape, function: Callable[..., object], arguments: Sequence[object]) -> None:
        self.tape, self.function = tape, function
        self.arguments = [_outside(given) for given in arguments]
        self.claims: list[ReferenceType[Claim]] = []  # one for each operator that saves something
        self.recomputed: list[Saved] | None = None

    def keep(self, saved: Saved, out: Tensor) -> "Claim":
        """What a node holds instead of the storages: the way to get at them later."""
        del saved, out
        claim = Claim(self, len(self.claims))
        self.claims.append(ref(claim))
        return claim

    def taken(self, index: int) -> Saved:
        """What the operator of this number saves; handed out once."""
        if self.recomputed is None:
            self.recomputed = self._run_again()
        saved, self.recomputed[index] = self.recomputed[index], ()
        return saved

    def _run_again(self) -> list[Saved]:
        tape, again = self.tape, Recomputation(self.claims)
        tape.keeper = again
        tape.record.enter(Phase.RECOMPUTE)
        with suppress(AllRecomputed):
            self.function(*self.arguments)
        tape.keeper = None
        tape.casts.clear()  # autocast is left at the end of the recomputation
        tape.record.enter(Phase.BACKWARD)
        return again.found


class Claim:
    """A node's claim on what it would have saved: it ends with the node."""

    __slots__ = ("__weakref__", "frame", "index")

    def __init__(self, frame: Frame, index: int) -> None:
        self.frame, self.index = frame, index

    def __call__(self) -> Saved:
        return self.frame.taken(self.index)


class Recomputation:
    """Gathers what the operators of a function save when it is run again, where it is still claimed, and stops it at the last of them."""

    holds = True

    def __init__(self, claims: Sequence[ReferenceType[Claim]]) -> None:
        self.claims = claims
        self.found: list[Saved] = []

    def keep(self, saved: Saved, out: Tensor) -> Saved:
        """What a node of this second run holds. Raises AllRecomputed once nothing more is wanted: the operator's own result neither."""
        self.found.append(saved if self.claims[len(self.found)]() is not None else ())
        if len(self.found) == len(self.claims):
            if out.storage is not None and out.storage not in saved:
                out.storage.take_back()
            raise AllRecomputed
        return saved


class AllRecomputed(Exception):
    """The last operator that saves something has been reached."""


def _outside(given: object) -> object:
    """An argument as it is kept: the same storage outside the graph, which says whether it had a gradient."""
    if not isinstance(given, Tensor) or isinstance(given, Parameter) or not given.requires_grad:
        return given
    kept = given.detach()
    kept.requires_grad = True
    return kept


def _run_again(tape: Tape, function: Callable[..., Tensor], given: Sequence[object]) -> Tensor:
    """The function's result, made by one node whose gradient is that of a second, whole run."""
    tape.recording = False
    out = function(*given)
    tape.recording = True
    arguments = list(given)
    places = [i for i, argument in enumerate(given) if isinstance(argument, Tensor) and (not i or argument.requires_grad)]
    inputs = [argument for i, argument in enumerate(given) if isinstance(argument, Tensor) and i in places]
    kept = [(argument.detach(), argument.requires_grad) for argument in inputs]
    for place in places:
        arguments[place] = None
    del given

    def recompute(gradient: Tensor) -> Gradients:
        leaves = _leaves(kept)
        tape.reading = ()
        tape.record.enter(Phase.RECOMPUTE)
        root = function(*_filled(arguments, places, leaves)).node
        tape.casts.clear()
        tape.record.enter(Phase.BACKWARD)
        for leaf in leaves:
            leaf.storage = None
        if root is None:
            return [None] * len(leaves)
        pending: dict[Node | Tensor, Tensor] = {root: gradient}
        del gradient  # the caller holds no other reference: it is dropped once consumed, as in the engine
        propagate(root, pending)
        return [_taken_gradient(leaf) for leaf in leaves]

    if out.requires_grad:
        out.node = Node(tape, inputs, [argument.storage for argument in inputs], recompute)
    return out


def _filled(arguments: Sequence[object], places: Sequence[int], leaves: Sequence[Tensor]) -> list[object]:
    given = list(arguments)
    for place, leaf in zip(places, leaves, strict=True):
        given[place] = leaf
    return given


def _leaves(kept: list[tuple[Tensor, bool]]) -> list[Tensor]:
    """Leaves in place of the kept inputs, which are let go."""
    leaves = [kept_input for kept_input, _ in kept]
    for leaf, (_, requires_grad) in zip(leaves, kept, strict=True):
        leaf.requires_grad = requires_grad
    kept.clear()
    return leaves


def _taken_gradient(leaf: Tensor) -> Tensor | None:
    gradient, leaf.grad = leaf.grad, None
    if gradient is not None and gradient.storage is not None:
        gradient.storage.becomes(Category.TEMPORARIES)
    return gradient

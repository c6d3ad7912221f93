"""A network as a graph of operators, read from a document that the readers of ONNX and Keras files write.

Values are numbered: the inputs first, then the result of each node. Each value is dropped after its last use, as the variables of a
forward function written by hand would be.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from math import prod
from types import MappingProxyType
from typing import Any, ClassVar

from app.architectures.batch import held, held_indices, weight_dtype
from app.architectures.graph_attributes import MOST_DIMENSIONS, Attributes, without_defaults
from app.architectures.graph_operators import INPUTS, LARGEST_VALUE, OPERATORS, Step
from app.architectures.image_classifier import refuse_checkpointing
from app.architectures.network import Inputs, Network, Options
from app.tape import operators as op
from app.tape.dtypes import FP32, INT64
from app.tape.modules import Module
from app.tape.tensor import Shape, Tape, Tensor
from app.tape.trace import load
from app.workloads.fields import invalid_field
from app.workloads.model import Graph, GraphInput

PATH = "model.graph.nodes"
NO_ATTRIBUTES: Mapping[str, Any] = MappingProxyType({})


class Program:
    """Operators added one by one. Each is run once for one sample when it is added, so that the shape of its result is known."""

    def __init__(self, inputs: Sequence[GraphInput]) -> None:
        self.inputs = tuple(inputs)
        self.shapes: list[Shape] = [(1, *given.shape) for given in inputs]
        self.steps: list[Step] = []
        self.sources: list[tuple[int, ...]] = []
        self.documents: list[dict[str, Any]] = []
        self._scratch = Tape()

    def add(self, operator: str, sources: Sequence[int], attributes: Mapping[str, Any] = NO_ATTRIBUTES) -> int:
        """The number of the new value. Raises InvalidInput naming the node and what does not fit."""
        document = {"op": operator, "from": list(sources), **without_defaults(attributes)}
        checked = Attributes(document, f"{PATH}.{len(self.steps)}")
        used = self._used(checked, sources)
        step = OPERATORS[operator](checked, [self.shapes[index] for index in used])
        self.shapes.append(self._shape_of(step, used, checked))
        self.steps.append(step)
        self.sources.append(used)
        self.documents.append(document)
        return len(self.shapes) - 1

    def _used(self, attributes: Attributes, sources: Sequence[Any]) -> tuple[int, ...]:
        name = attributes.values["op"]
        if not isinstance(name, str) or name not in OPERATORS:
            raise attributes.wrong("op", f"'{str(name)[:40]}' is not known; use one of {', '.join(OPERATORS)}")
        least, most = INPUTS.get(name, (1, 1))
        if not least <= len(sources) <= most:
            raise attributes.wrong("from", f"{name} takes from {least} to {most} values")
        if not all(type(index) is int and 0 <= index < len(self.shapes) for index in sources):
            raise attributes.wrong("from", "must name inputs or earlier nodes by their numbers")
        return tuple(sources)

    def _shape_of(self, step: Step, used: Sequence[int], attributes: Attributes) -> Shape:
        if isinstance(step, Module):
            load(step, self._scratch, FP32)
        shape = step(*(Tensor(self._scratch, self.shapes[index], FP32, None) for index in used)).shape
        self._scratch = Tape()
        if len(shape) > MOST_DIMENSIONS or prod(shape) > LARGEST_VALUE:
            raise attributes.wrong("op", "its result is larger than anything a network computes")
        return shape


class GraphNetwork(Network):
    """The network of a graph document; its loss is the cross-entropy of its output."""

    family: ClassVar[str] = "graph"

    def __init__(self, graph: Graph, options: Options) -> None:
        refuse_checkpointing(options)
        program = Program(graph.inputs)
        for index, node in enumerate(graph.nodes):
            program.add(*_operator_and_sources(node, index), _attributes(node))
        last = len(program.shapes) - 1
        self.output = last if graph.output is None else graph.output
        if self.output > last:
            raise invalid_field("model.graph.output", f"there are only {last + 1} values")
        if not prod(program.shapes[self.output]):
            raise invalid_field("model.graph.output", "this value holds nothing")
        self.inputs, self.steps, self.sources = program.inputs, program.steps, program.sources
        uses = {value: index for index, value in chain.from_iterable(((i, v) for v in used) for i, used in enumerate(self.sources))}
        self.dropped = [[value for value, final in uses.items() if final == i and value != self.output] for i in range(len(self.steps))]

    def batch(self, tape: Tape, inputs: Inputs) -> list[Tensor | None]:
        """The inputs of one pass."""
        dtype = weight_dtype(self)
        shapes = [((inputs.batch, *given.shape), given.kind) for given in self.inputs]
        return [held(tape, shape, INT64 if kind == "indices" else dtype) for shape, kind in shapes]

    def run(self, values: list[Tensor | None]) -> Tensor:
        """The output; values are let go after their last use."""
        for step, used, dropped in zip(self.steps, self.sources, self.dropped, strict=True):
            given = [values[index] for index in used]
            for index in dropped:
                values[index] = None
            result = step(*given)
            del given
            values.append(result)
            del result
        out = values[self.output]
        if out is None:
            raise invalid_field("model.graph.output", "this value does not outlive the graph")
        return out

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The output without gradients."""
        return self.run(self.batch(tape, inputs))

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Mean cross-entropy: over the channels of maps, else over the last dimension."""
        x = self.run(self.batch(tape, inputs))
        shape = x.shape or (1,)
        x = x.view(*shape) if len(shape) > 3 else x.view(-1, shape[-1])
        rows = (shape[0], *shape[2:]) if len(shape) > 3 else x.shape[:1]
        return op.cross_entropy(x, held_indices(tape, *rows))


def _operator_and_sources(node: Mapping[str, Any], index: int) -> tuple[str, list[Any]]:
    sources = node.get("from")
    if not isinstance(sources, (list, tuple)):
        raise invalid_field(f"{PATH}.{index}.from", "must be a list of numbers")
    return node.get("op", ""), list(sources)


def _attributes(node: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in node.items() if name not in ("op", "from")}


def build(graph: Graph, options: Options) -> Network:
    """The network of a graph document. Raises InvalidInput naming the node that does not fit."""
    return GraphNetwork(graph, options)

"""Graph networks on one whole graph: GCN (Kipf and Welling 2017), GraphSAGE (Hamilton et al. 2017), GAT (Velickovic et al. 2018) and
GIN (Xu et al. 2019).

Written as PyTorch Geometric 2.8 computes them on an edge list without torch-scatter and torch-sparse (nn/conv/, nn/models/basic_gnn.py):
a message for every edge is gathered from its source and added up at its target, and the gathered rows live until that is done.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from app.architectures.batch import held, held_indices, weight_dtype
from app.architectures.image_classifier import refuse_checkpointing
from app.architectures.network import Inputs, Network, Options
from app.tape import operators as op
from app.tape.dtypes import INT64
from app.tape.modules import Linear, Module
from app.tape.tensor import Parameter, Tape, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphSpec:
    """A graph of so many nodes and edges, features of a node, and the network over it. The defaults are Cora's."""

    nodes: int = 2_708
    edges: int = 10_556
    features: int = 1_433
    hidden: int = 64
    layers: int = 2
    classes: int = 7
    heads: int = 8
    dropout: float = 0.5


@dataclass(frozen=True, slots=True)
class Edges:
    """Sources and targets of all edges [2, edges], between so many nodes."""

    ends: Tensor
    nodes: int

    @property
    def number(self) -> int:
        """How many edges there are."""
        return self.ends.shape[1]

    def with_loops(self) -> "Edges":
        """A copy with one more edge from every node to itself."""
        tape = self.ends.tape
        unlooped = tape.empty(self.ends.shape, INT64)
        loops = tape.empty((2, self.nodes), INT64)
        joined = tape.empty((2, self.number + self.nodes), INT64)
        del unlooped, loops
        return Edges(joined, self.nodes)


def summed(messages: Tensor, edges: Edges) -> Tensor:
    """Messages [edges, ...] added up at their targets [nodes, ...]."""
    return op.scatter_rows(messages, edges.ends, edges.nodes)


def gathered(x: Tensor, edges: Edges) -> Tensor:
    """The row of every edge's source, or target."""
    sources = Tensor(x.tape, (edges.number,), INT64, edges.ends.storage)
    return op.select_rows(x, sources)


class GraphConvolution(Module):
    """GCN: features projected, then averaged over neighbours by the roots of both degrees."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.lin, self.bias = Linear(inputs, outputs, bias=False), Parameter(outputs)

    def __call__(self, x: Tensor, given: Edges) -> Tensor:
        edges = given.with_loops()
        weights = self._weights(x, edges)
        x = self.lin(x)
        sources = gathered(x, edges)
        messages = op.multiply(weights, sources)
        out = summed(messages, edges)
        del sources, messages
        return op.add(out, self.bias)

    @staticmethod
    def _weights(x: Tensor, edges: Edges) -> Tensor:
        """1 / sqrt(degree of source x degree of target) of every edge."""
        tape = x.tape
        ones = tape.empty((edges.number,), x.dtype)
        of_sources, product = tape.empty((edges.number,), x.dtype), tape.empty((edges.number,), x.dtype)
        del of_sources
        of_targets, weights = tape.empty((edges.number,), x.dtype), tape.empty((edges.number, 1), x.dtype)
        del ones, product, of_targets
        return weights


class SampleAndAggregate(Module):
    """GraphSAGE: the mean of the neighbours and the node itself, each projected."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.lin_l, self.lin_r = Linear(inputs, outputs), Linear(inputs, outputs, bias=False)

    def __call__(self, x: Tensor, edges: Edges) -> Tensor:
        sources = gathered(x, edges)
        count = x.tape.empty((edges.nodes, 1), x.dtype)
        mean = op.multiply(summed(sources, edges), count)
        del sources
        return op.add(self.lin_l(mean), self.lin_r(x))


class GraphAttention(Module):
    """GAT: messages weighted by a softmax over each node's neighbours, for several heads; joined, or averaged at the end."""

    def __init__(self, inputs: int, size: int, heads: int, dropout: float, *, joined: bool) -> None:
        self.heads, self.size, self.dropout, self.joined = heads, size, dropout, joined
        self.lin = Linear(inputs, heads * size, bias=False)
        self.att_src, self.att_dst = Parameter(1, heads, size), Parameter(1, heads, size)
        self.bias = Parameter(heads * size if joined else size)

    def __call__(self, x: Tensor, given: Edges) -> Tensor:
        x = self.lin(x).view(-1, self.heads, self.size)
        scores = [op.sum_over_last(op.multiply(x, weights)) for weights in (self.att_src, self.att_dst)]
        edges = given.with_loops()
        alpha = self._weights(scores, edges)
        sources = gathered(x, edges)
        messages = op.multiply(alpha.view(*alpha.shape, 1), sources)
        out = summed(messages, edges)
        del sources, messages
        out = out.view(edges.nodes, -1) if self.joined else op.mean(out, edges.nodes, self.size)
        return op.add(out, self.bias)

    def _weights(self, scores: list[Tensor], edges: Edges) -> Tensor:
        """A softmax over the edges into each node, [edges, heads]."""
        alpha = op.activation(op.add(*(gathered(score, edges) for score in scores)), "leaky_relu")
        largest = gathered(alpha.tape.empty((edges.nodes, self.heads), alpha.dtype), edges)
        powers = op.activation(op.raise_to_fp32(op.add(alpha, largest)), "exp")
        del largest
        totals = gathered(op.shifted(summed(powers, edges)), edges)
        return op.dropout(op.multiply(powers, totals), self.dropout)


class Isomorphism(Module):
    """GIN: the node and the sum of its neighbours through a perceptron of one hidden layer."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.eps = Parameter(1, buffer=True)
        self.nn = [Linear(inputs, outputs), Linear(outputs, outputs)]

    def __call__(self, x: Tensor, edges: Edges) -> Tensor:
        sources = gathered(x, edges)
        out = summed(sources, edges)
        del sources
        out = op.add(out, op.scaled(x))
        return self.nn[1](op.activation(self.nn[0](out), "relu"))


Layer = Callable[[GraphSpec, int, int, bool], Module]  # inputs, outputs, whether it is the last


def _attention(spec: GraphSpec, inputs: int, outputs: int, last: bool) -> Module:
    return GraphAttention(inputs, outputs if last else outputs // spec.heads, spec.heads, spec.dropout, joined=not last)


LAYERS: dict[str, Layer] = {
    "gcn": lambda _, inputs, outputs, last: GraphConvolution(inputs, outputs),
    "graphsage": lambda _, inputs, outputs, last: SampleAndAggregate(inputs, outputs),
    "gat": _attention,
    "gin": lambda _, inputs, outputs, last: Isomorphism(inputs, outputs),
}


class GraphNetwork(Network):
    """Layers of one kind over a graph, with ReLU and dropout between them; classes of all nodes. A batch is so many graphs side by side."""

    family: ClassVar[str] = "graph"

    def __init__(self, kind: str, spec: GraphSpec, options: Options) -> None:
        refuse_checkpointing(options)
        self.spec = spec
        widths = [spec.features, *(spec.hidden for _ in range(spec.layers - 1)), spec.classes]
        self.convs = [LAYERS[kind](spec, before, after, index == spec.layers - 1) for index, (before, after) in enumerate(pairwise(widths))]

    def logits(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Class scores of every node."""
        spec, nodes = self.spec, inputs.batch * self.spec.nodes
        x = held(tape, (nodes, spec.features), weight_dtype(self))
        edges = Edges(held(tape, (2, inputs.batch * spec.edges), INT64), nodes)
        for index, layer in enumerate(self.convs):
            x = layer(x, edges)  # type: ignore[operator]
            if index < spec.layers - 1:
                x = op.dropout(op.activation(x, "relu"), spec.dropout)
        return x

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Mean cross-entropy over all nodes."""
        labels = held_indices(tape, inputs.batch * self.spec.nodes)
        return op.cross_entropy(self.logits(tape, inputs), labels)

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Class scores without gradients."""
        return self.logits(tape, inputs)

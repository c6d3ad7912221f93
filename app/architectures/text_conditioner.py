"""Text encoders whose hidden states condition diffusion networks: CLIP's, and the encoders of T5 and UMT5.

Written as transformers 5.23 computes them (modeling_clip.py, modeling_t5.py, modeling_umt5.py).
"""

from abc import abstractmethod
from typing import ClassVar

from app.architectures.batch import held_indices
from app.architectures.image_text_pair import TextEncoder, TextSpec
from app.architectures.network import Inputs, Network, Options
from app.architectures.t5 import Stack, T5Spec
from app.tape import operators as op
from app.tape.modules import Embedding, Linear
from app.tape.tensor import Tape, Tensor


class TextConditioner(Network):
    """Tokens to hidden states [batch, length, hidden]."""

    family: ClassVar[str] = "encoder"

    @abstractmethod
    def states(self, tokens: Tensor) -> Tensor:
        """The hidden states."""

    def most_tokens(self, wanted: int) -> int:
        """The longest text it reads, at most as long as wanted."""
        return wanted

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The hidden states without gradients."""
        return self.states(held_indices(tape, inputs.batch, self.most_tokens(inputs.text or inputs.sequence)))

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Something that all hidden states have a gradient of."""
        return op.mean(self.forward(tape, inputs))


class ClipTextConditioner(TextConditioner):
    """CLIP's text encoder, with or without the projection of its last token."""

    def __init__(self, spec: TextSpec, options: Options, projected: int | None) -> None:
        self.spec = spec
        self.text_model = TextEncoder(spec, options)
        self.text_projection = Linear(spec.blocks.hidden, projected, bias=False) if projected else None

    def most_tokens(self, wanted: int) -> int:
        """At most as many as it has positions."""
        return min(wanted, self.spec.positions)

    def states(self, tokens: Tensor) -> Tensor:
        """The hidden states; the last token's are projected beside them."""
        x = self.text_model(tokens)
        if self.text_projection is not None:
            self.text_projection(op.contiguous(op.part(x, x.shape[0], x.shape[2])))
        return x

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and heads."""
        return self.spec.blocks.hidden, self.spec.blocks.feed_forward, self.spec.blocks.heads


class T5Conditioner(TextConditioner):
    """The encoder of T5 or UMT5."""

    def __init__(self, spec: T5Spec, options: Options) -> None:
        self.spec = spec
        self.shared = Embedding(spec.vocabulary, spec.hidden)
        self.encoder = Stack(spec, options, self.shared, decoder=False)

    def states(self, tokens: Tensor) -> Tensor:
        """The hidden states."""
        return self.encoder(tokens)

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and heads."""
        return self.spec.hidden, self.spec.feed_forward, self.spec.heads

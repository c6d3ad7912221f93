"""ALBERT: BERT whose layers share their weights, with a small token table (modeling_albert.py, transformers 5.23)."""

from app.architectures.encoder import Block, Embeddings, EncoderSpec
from app.architectures.encoder_heads import HeadedEncoder, HeadMaker, HeadSpec
from app.architectures.network import Inputs, Options, indices
from app.tape.modules import Linear
from app.tape.tensor import Tape, Tensor


class Albert(HeadedEncoder):
    """ALBERT with one of its heads. Every layer is run by itself: their gradients meet in the same weights."""

    def __init__(self, spec: EncoderSpec, groups: int, options: Options, head: HeadMaker, head_spec: HeadSpec) -> None:
        self.spec, self.options, self.vocabulary = spec, options, spec.vocabulary
        self.embeddings = Embeddings(spec)
        self.embedding_hidden_mapping_in = Linear(spec.table_size, spec.hidden)
        self.groups = [Block(spec, options) for _ in range(groups)]
        self.head = head(head_spec, self.embeddings.word_embeddings)

    def hidden_states(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The output of the last layer, [batch, length, hidden]."""
        embedded = self.embeddings(indices(tape, inputs.batch, inputs.sequence))
        x = self.embedding_hidden_mapping_in(embedded)
        for layer in range(self.spec.layers):
            x = self.groups[layer * len(self.groups) // self.spec.layers](x)
        return x

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and heads."""
        return self.spec.hidden, self.spec.feed_forward, self.spec.heads

    def layer_count(self) -> int:
        """Layers, whether or not they have weights of their own."""
        return self.spec.layers

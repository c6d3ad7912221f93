"""The language-model head, its loss as transformers computes it, and generation with a cache."""

from abc import abstractmethod

from app.architectures.cache import CacheLayer, KvCache
from app.architectures.network import Inputs, Network, Options, indices
from app.tape import operators as op
from app.tape.dtypes import FP32, DType
from app.tape.modules import Blocks, Embedding, Linear
from app.tape.tensor import Tape, Tensor


class LanguageModel(Network):
    """A network that ends in logits over a vocabulary."""

    def __init__(self, vocabulary: int, hidden: int, *, tied: bool, options: Options, bias: bool = False) -> None:
        self.vocabulary = vocabulary
        self.options = options
        self.tied = tied
        self.lm_head = Linear(hidden, vocabulary, bias=bias)

    def tie(self, embedding: Embedding) -> None:
        """Lets the head use the embedding's table where the model ties them."""
        if self.tied:
            self.lm_head.weight = embedding.weight

    @abstractmethod
    def hidden_states(self, tape: Tape, inputs: Inputs, cache: KvCache | None = None) -> Tensor:
        """What the head is applied to, [batch, length, hidden]."""

    @abstractmethod
    def cache_layers(self) -> tuple[CacheLayer, ...]:
        """What each layer caches, first to last."""

    def expanded_cache_layers(self) -> tuple[CacheLayer, ...]:
        """The same in a runtime that knows no compressed keys."""
        return self.cache_layers()

    def prefilled_cache(self, tape: Tape, batch: int, length: int, dtype: DType) -> KvCache:
        """The cache that an earlier prefill of `length` tokens has left."""
        shapes = self.cache_layers()
        blocks = next(part for _, part in self.children() if isinstance(part, Blocks))
        traced = [(index, times, shapes[index]) for index, times in blocks.traced()]
        return KvCache.prefilled(tape, traced, batch, length, dtype)

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Next-token cross-entropy over all positions."""
        labels = indices(tape, inputs.batch, inputs.sequence)
        return self.token_loss(self.hidden_states(tape, inputs), labels)

    def token_loss(self, x: Tensor, labels: Tensor) -> Tensor:
        """Logits, their fp32 copy, and the cross-entropy of [rows, vocabulary]."""
        if self.options.fused_cross_entropy:
            return op.fused_linear_cross_entropy(x, self.lm_head.weight, labels)
        logits = self.logits(x)
        return op.cross_entropy(op.cast(logits, FP32).flatten(0, 1), labels.flatten())

    def logits(self, x: Tensor) -> Tensor:
        """Scores of every word for the positions of x."""
        return self.lm_head(x)

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Logits of every position, without a cache."""
        return self.logits(self.hidden_states(tape, inputs))

    def generate(self, tape: Tape, inputs: Inputs, cache: KvCache, *, last_logits_only: bool) -> Tensor:
        """One pass over `inputs.sequence` new tokens: fills or grows the cache, then makes the logits that are asked for."""
        x = self.hidden_states(tape, inputs, cache)
        if last_logits_only:
            last = Tensor(tape, (inputs.batch, 1, x.shape[-1]), x.dtype, x.storage)
            return self.logits(last)
        return self.logits(x)

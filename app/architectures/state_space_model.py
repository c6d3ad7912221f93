"""Language models of state-space layers alone (modeling_mamba.py, modeling_falcon_mamba.py, modeling_mamba2.py, transformers 5.23)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from app.architectures.cache import CacheLayer, KvCache
from app.architectures.language_head import LanguageModel
from app.architectures.network import Inputs, Options, block_kinds, indices
from app.tape import operators as op
from app.tape.dtypes import FP32
from app.tape.modules import Blocks, Embedding, Module, RMSNorm
from app.tape.tensor import Tape, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSpec:
    """Sizes around the layers. `wide_residual`: the stream is kept in fp32; `cached`: what each layer holds when it generates."""

    vocabulary: int
    hidden: int
    layers: int
    tied: bool
    wide_residual: bool
    cached: CacheLayer


class MambaBlock(Module):
    """The mixer on the normed stream, which is kept in fp32 where the model asks for it."""

    def __init__(self, mixer: Module, hidden: int, *, wide_residual: bool) -> None:
        self.norm, self.mixer, self.wide_residual = RMSNorm(hidden), mixer, wide_residual

    def __call__(self, x: Tensor, cache: KvCache | None) -> Tensor:
        normed = self.norm(op.cast(x, self.norm.weight.dtype))
        if self.wide_residual:
            x = op.cast(x, FP32)
        mixed: Tensor = self.mixer(normed, cache)  # type: ignore[operator]
        return op.add(x, mixed)


class StateSpaceModel(LanguageModel):
    """Mamba, Falcon Mamba or Mamba-2 with its language-model head. `mixer` makes the layer of each block."""

    family: ClassVar[str] = "decoder"

    def __init__(self, spec: StackSpec, options: Options, mixer: Callable[[int], Module]) -> None:
        super().__init__(spec.vocabulary, spec.hidden, tied=spec.tied, options=options)
        self.spec = spec
        self.embeddings = Embedding(spec.vocabulary, spec.hidden)
        self.layers = Blocks(
            block_kinds(spec.layers, options),
            lambda layer: MambaBlock(mixer(layer), spec.hidden, wide_residual=spec.wide_residual),
        )
        self.norm_f = RMSNorm(spec.hidden)
        self.tie(self.embeddings)

    def hidden_states(self, tape: Tape, inputs: Inputs, cache: KvCache | None = None) -> Tensor:
        """The normed output of the last block, [batch, length, hidden]."""
        x = self.embeddings(indices(tape, inputs.batch, inputs.sequence))
        x = self.layers(x, cache, checkpointed=self.options.checkpointed)
        return self.norm_f(x)

    def logits(self, x: Tensor) -> Tensor:
        """Logits, always handed on in fp32."""
        return op.cast(super().logits(op.cast(x, self.lm_head.weight.dtype)), FP32)

    def cache_layers(self) -> tuple[CacheLayer, ...]:
        """Convolution inputs and state of every layer."""
        return (self.spec.cached,) * self.spec.layers

"""Zamba 2: Mamba-2 layers, before some of which a transformer block works whose weights they share, on the stream beside the embeddings.

Source: modeling_zamba2.py (transformers 5.23), without the kernels of mamba-ssm.
"""

from dataclasses import dataclass, replace

from app.architectures.activations import activate
from app.architectures.attention import Masks
from app.architectures.cache import CacheLayer, KvCache
from app.architectures.decoder import Attention, Decoder, DecoderSpec
from app.architectures.mamba2 import Mamba2Mixer, Mamba2Spec
from app.architectures.network import Inputs, Options
from app.architectures.positions import Turns
from app.tape import operators as op
from app.tape.modules import Linear, Module
from app.tape.tensor import Parameter, Tape, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class SharingSpec:
    """Which layers have a transformer block before them, how many such blocks take turns, and the rank of each use's own adapters
    (`attention_adapters`: on queries, keys and values too)."""

    hybrid: tuple[bool, ...]
    blocks: int
    rank: int
    attention_adapters: bool = False

    def block_of(self, layer: int) -> int:
        """The block that works before this layer."""
        return sum(self.hybrid[:layer]) % self.blocks


class AdaptedLinear(Module):
    """A shared projection and, added to it, this use's own through a narrow one."""

    def __init__(self, inputs: int, outputs: int, rank: int) -> None:
        self.shared = Linear(inputs, outputs, bias=False)
        self.adapter_in, self.adapter_out = Linear(inputs, rank, bias=False), Linear(rank, outputs, bias=False)

    def __call__(self, x: Tensor) -> Tensor:
        return op.add(self.shared(x), self.adapter_out(self.adapter_in(x)))


class SharedTransformer(Module):
    """Attention over the stream beside the embeddings, then a gated feed-forward part, without residual sums."""

    def __init__(self, spec: DecoderSpec, options: Options, layer: int, sharing: SharingSpec) -> None:
        wide = replace(spec, hidden=2 * spec.hidden)
        queries = spec.heads * spec.head_size
        self.activation, self.width = spec.activation, spec.feed_forward
        self.self_attn = Attention(wide, options, layer)
        self.self_attn.o_proj = Linear(queries, spec.hidden, bias=False)
        if sharing.attention_adapters:
            for name in ("q_proj", "k_proj", "v_proj"):
                setattr(self.self_attn, name, AdaptedLinear(wide.hidden, queries, sharing.rank))
        self.gate_up_proj = AdaptedLinear(spec.hidden, 2 * spec.feed_forward, sharing.rank)
        self.down_proj = Linear(spec.feed_forward, spec.hidden, bias=False)
        self.input_layernorm, self.pre_ff_layernorm = spec.norm(wide.hidden), spec.norm(spec.hidden)

    def share(self, first: "SharedTransformer") -> None:
        """Uses the weights of an earlier one, but for the adapters."""
        for (path, module), (_, other) in zip(self.named_modules(), first.named_modules(), strict=True):
            for name, value in vars(other).items():
                if isinstance(value, Parameter) and "adapter" not in path:
                    setattr(module, name, value)

    def __call__(self, x: Tensor, turns: Turns, masks: Masks, cache: KvCache | None) -> Tensor:
        x = self.input_layernorm(x)
        x, _ = self.self_attn(x, turns, masks, cache)
        x = self.pre_ff_layernorm(x)
        gate, up = op.split(self.gate_up_proj(x), (self.width,) * 2)
        return self.down_proj(op.multiply(activate(gate, self.activation), up))


class MambaBlock(Module):
    """Mamba-2 on the normed stream, with what a transformer block gave added to it."""

    def __init__(self, spec: DecoderSpec, mixer: Mamba2Mixer) -> None:
        self.mamba, self.input_layernorm = mixer, spec.norm(spec.hidden)

    def __call__(self, x: Tensor, embedded: Tensor, turns: Turns, masks: Masks, cache: KvCache | None) -> Tensor:  # noqa: ARG002 - has no positions
        return op.add(x, self.mamba(self.input_layernorm(x), cache))


class HybridBlock(MambaBlock):
    """The transformer block on the stream beside the embeddings, a projection of its own, then Mamba-2."""

    def __init__(self, spec: DecoderSpec, mixer: Mamba2Mixer, transformer: SharedTransformer) -> None:
        super().__init__(spec, mixer)
        self.shared_transformer = transformer
        self.linear = Linear(spec.hidden, spec.hidden, bias=False)

    def __call__(self, x: Tensor, embedded: Tensor, turns: Turns, masks: Masks, cache: KvCache | None) -> Tensor:
        residual = x
        given = self.linear(self.shared_transformer(op.concatenate([x, embedded], axis=-1), turns, masks, cache))
        x = self.input_layernorm(op.add(x, given))
        return op.add(residual, self.mamba(x, cache))


class Zamba2(Decoder):
    """Zamba 2 with its language-model head."""

    def __init__(self, spec: DecoderSpec, mixer: Mamba2Spec, sharing: SharingSpec, options: Options) -> None:
        self.mixer, self.sharing = mixer, sharing
        self.first_uses: list[SharedTransformer] = []
        super().__init__(spec, options, self.block)

    def block(self, spec: DecoderSpec, options: Options, layer: int) -> Module:
        """One layer, with a transformer block before it or without."""
        mixer = Mamba2Mixer(self.mixer, layer)
        if not self.sharing.hybrid[layer]:
            return MambaBlock(spec, mixer)
        transformer, number = SharedTransformer(spec, options, layer, self.sharing), self.sharing.block_of(layer)
        if number < len(self.first_uses):
            transformer.share(self.first_uses[number])
        else:
            self.first_uses = [*self.first_uses, transformer]
        return HybridBlock(spec, mixer, transformer)

    def kind(self, layer: int) -> object:
        """Layers with shared weights are traced one by one, so that these count once."""
        return layer if self.sharing.hybrid[layer] else None

    def hidden_states(self, tape: Tape, inputs: Inputs, cache: KvCache | None = None) -> Tensor:
        """The normed output of the last layer, [batch, length, hidden]."""
        x = self.embedded(tape, inputs, cache)
        embedded = op.copied(x)
        turns, masks = self._turns(x), self.masks(x, cache)
        x = self.layers(x, embedded, turns, masks, cache, checkpointed=self.options.checkpointed)
        return self.norm(x)

    def cache_layers(self) -> tuple[CacheLayer, ...]:
        """The state of every layer, and keys and values of those that attend."""
        state = self.mixer.cached()
        attending = replace(super().cache_layers()[0], convolution=state.convolution, state=state.state)
        return tuple(attending if hybrid else state for hybrid in self.sharing.hybrid)

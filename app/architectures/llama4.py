"""Llama 4: every token goes through every expert, weighted by a router that chooses a few; layers without rotary positions see all tokens,
the others chunks of them.

Written as transformers 5.23 computes it (modeling_llama4.py).
"""

from dataclasses import dataclass, replace

from app.architectures.activations import activate
from app.architectures.attention import IN_OWN_TYPE, Attended, Masks
from app.architectures.cache import KvCache
from app.architectures.decoder import Attention, DecoderSpec, GatedFeedForward, Layer
from app.architectures.image_encoder import EncoderBlockSpec, ImageEncoder, PatchSpec
from app.architectures.mixture_of_experts import ExpertsSpec, MixtureDecoder
from app.architectures.network import Options
from app.architectures.positions import Turns
from app.architectures.vision_language import VisionLanguage
from app.tape import operators as op
from app.tape.dtypes import FP32
from app.tape.modules import Linear, Module
from app.tape.tensor import Parameter, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsSpec:
    """`turned` tells of each layer whether it has rotary positions. Those layers may norm queries and keys, the others scale queries."""

    turned: tuple[bool, ...]
    norms: bool = True
    temperature: bool = True


class Llama4Attention(Attention):
    """Grouped-query attention; queries and keys are turned as complex numbers, or not at all."""

    def __init__(self, spec: DecoderSpec, options: Options, layer: int, positions: PositionsSpec) -> None:
        super().__init__(spec, options, layer)
        self.attend = replace(self.attend, style=IN_OWN_TYPE)
        self.positions, self.turned = positions, positions.turned[layer]

    def __call__(self, x: Tensor, _: Turns, masks: Masks, cache: KvCache | None) -> Attended:
        batch, length = x.shape[:2]
        query, key, value = (self._split(projected) for projected in (self.q_proj(x), self.k_proj(x), self.v_proj(x)))
        if self.turned:
            query, key = self._placed(query), self._placed(key)
        elif self.positions.temperature:
            query = op.cast(op.multiply(query, x.tape.empty((1, length, 1, 1), FP32)), query.dtype)
        query, key, value = query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
        if cache is not None:
            key, value = cache.update(self.layer, key, value, self.window)
        out, weights = self.attend(query, key, value, masks[self.window])
        return self.o_proj(out.view(batch, length, -1)), weights

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], x.shape[2] // self.spec.head_size, self.spec.head_size)

    def _placed(self, x: Tensor) -> Tensor:
        x = op.complex_rotary_embedding(x)
        return op.root_mean_square_unit(x) if self.positions.norms else x


class Router(Module):
    """A score for every token and expert; those not chosen get none."""

    def __init__(self, hidden: int, experts: ExpertsSpec) -> None:
        self.chosen = experts.chosen
        self.router = Linear(hidden, experts.experts, bias=False)

    def __call__(self, x: Tensor) -> Tensor:
        logits = self.router(x)
        best, places = op.top_k(logits, self.chosen)
        scores = op.copied(logits)
        del best, places
        return op.cast(op.activation(op.cast(scores, FP32), "sigmoid"), scores.dtype)


class Experts(Module):
    """Every expert's gated feed-forward part over rows that lie expert by expert."""

    def __init__(self, hidden: int, experts: ExpertsSpec, activation: str) -> None:
        self.experts, self.hidden, self.activation = experts, hidden, activation
        self.gate_up_proj = Parameter(experts.experts, hidden, 2 * experts.width)
        self.down_proj = Parameter(experts.experts, experts.width, hidden)

    def __call__(self, rows: Tensor) -> Tensor:
        batched = rows.view(self.experts.experts, rows.shape[0] // self.experts.experts, self.hidden)
        both = op.matmul(batched, self.gate_up_proj)
        gate, up = op.split(both, (self.experts.width, self.experts.width))
        return op.matmul(op.multiply(up, activate(gate, self.activation)), self.down_proj)


class SparseFeedForward(Module):
    """Each token, weighted by its scores, through all experts, and beside them through one that is the same for all."""

    def __init__(self, spec: DecoderSpec, experts: ExpertsSpec) -> None:
        self.experts = Experts(spec.hidden, experts, spec.activation)
        self.router = Router(spec.hidden, experts)
        self.shared_expert = GatedFeedForward(spec.hidden, experts.shared_width, spec.activation)
        self.count = experts.experts

    def __call__(self, x: Tensor) -> Tensor:
        tokens = x.view(-1, x.shape[-1])
        scores = self.router(tokens)
        routed = op.repeated(tokens, self.count)
        routed = op.multiply(routed, op.contiguous(scores.transpose(0, 1)).view(routed.shape[0], 1))
        routed_out = self.experts(routed)
        out = self.shared_expert(tokens)
        out = op.add_(out, op.mean(routed_out, *tokens.shape))
        return out.view(*x.shape)


class Llama4(MixtureDecoder):
    """Llama 4 over text."""

    def __init__(self, spec: DecoderSpec, experts: ExpertsSpec, positions: PositionsSpec, options: Options) -> None:
        self.positions = positions
        super().__init__(spec, experts, options, lambda spec, options, layer: Llama4Attention(spec, options, layer, positions))

    def sparse_feed_forward(self, spec: DecoderSpec) -> Layer:
        """The part with the experts."""
        return SparseFeedForward(spec, self.experts)

    def kind(self, layer: int) -> object:
        """Layers differ by window, by experts and by rotary positions."""
        return super().kind(layer), self.positions.turned[layer]


class ShufflingEncoder(ImageEncoder):
    """Llama 4's image encoder: squares of patches are put side by side and go through two projections."""

    def __init__(self, patches: PatchSpec, spec: EncoderBlockSpec, options: Options, *, merged: int, projected: tuple[int, int]) -> None:
        super().__init__(patches, spec, options, last_norm=True)
        self.merged = merged
        self.fc1 = Linear(spec.hidden * merged**2, projected[0], bias=False)
        self.fc2 = Linear(*projected, bias=False)

    def __call__(self, images: Tensor) -> Tensor:
        x = super().__call__(images)
        batch, length, hidden = x.shape
        patches = op.part(x, batch, length - 1, hidden)
        squares = op.contiguous(op.contiguous(patches)).view(batch, (length - 1) // self.merged**2, hidden * self.merged**2)
        x = self.fc1(squares)
        x = op.activation(x, "gelu")
        return op.activation(self.fc2(x), "gelu")


class Llama4WithImages(VisionLanguage, Llama4):
    """Llama 4 that reads images."""

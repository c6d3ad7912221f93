"""SegFormer: stages of overlapping patches and attention over keys that a convolution has made fewer, and a decoder of linear layers.

Written as transformers 5.23 computes them (modeling_segformer.py).
"""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.activations import activate
from app.architectures.attention import Attend
from app.architectures.batch import held_indices
from app.architectures.image_classifier import RGB, ImageClassifier, drop_path
from app.architectures.network import Inputs, Options
from app.tape import operators as op
from app.tape.convolutions import BatchNorm, Conv2d
from app.tape.modules import Blocks, LayerNorm, Linear, Module
from app.tape.operators import Window
from app.tape.tensor import Tape, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class SegformerStage:
    """One stage: channels, blocks, heads, the kernel and stride of its patches, how many keys along each side become one."""

    width: int
    depth: int
    heads: int
    patch: int
    stride: int
    reduction: int
    expansion: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SegformerSpec:
    """The stages; `decoder`: channels of the segmentation decoder, 0 for a classifier of whole images or, without `labels`, the maps."""

    stages: tuple[SegformerStage, ...]
    activation: str = "gelu"
    dropout: float = 0.0
    attention_dropout: float = 0.0
    drop_path: float = 0.1
    decoder_dropout: float = 0.1
    decoder: int = 0
    labels: int = 1000
    image: int = 512
    channels: int = RGB


class OverlappingPatches(Module):
    """A strided convolution whose windows overlap, and norm; gives a sequence."""

    def __init__(self, inputs: int, stage: SegformerStage) -> None:
        self.proj = Conv2d(inputs, stage.width, stage.patch, Window.centred(stage.patch, stage.stride))
        self.layer_norm = LayerNorm(stage.width)

    def __call__(self, x: Tensor) -> tuple[Tensor, int, int]:
        x = self.proj(x)
        height, width = x.shape[2:]
        return self.layer_norm(x.flatten(2).transpose(1, 2)), height, width


class KeyReduction(Module):
    """A convolution that makes one key of each square, and norm."""

    def __init__(self, width: int, reduction: int) -> None:
        self.sequence_reduction = Conv2d(width, width, reduction, Window(stride=reduction))
        self.layer_norm = LayerNorm(width)

    def __call__(self, x: Tensor, height: int, width: int) -> Tensor:
        x = self.sequence_reduction(_as_map(x, height, width))
        return self.layer_norm(x.flatten(2).transpose(1, 2))


def _as_map(x: Tensor, height: int, width: int) -> Tensor:
    """[batch, positions, channels] seen as [batch, channels, height, width]."""
    return x.view(x.shape[0], x.shape[2], height, width)


class Attention(Module):
    """Every position looks at the reduced keys."""

    def __init__(self, spec: SegformerSpec, stage: SegformerStage, options: Options) -> None:
        self.size = stage.width // stage.heads
        self.attend = Attend(implementation=options.attention, dropout=spec.attention_dropout, causal=False)
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (Linear(stage.width, stage.width) for _ in range(4))
        self.reduce = KeyReduction(stage.width, stage.reduction) if stage.reduction > 1 else None

    def __call__(self, x: Tensor, height: int, width: int) -> Tensor:
        query = self._heads(self.q_proj(x))
        seen = x if self.reduce is None else self.reduce(x, height, width)
        key, value = self._heads(self.k_proj(seen)), self._heads(self.v_proj(seen))
        out, _ = self.attend(query, key, value, None)
        return self.o_proj(out.view(*x.shape))

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], x.shape[2] // self.size, self.size).transpose(1, 2)


class MixedFeedForward(Module):
    """Two projections with a depthwise convolution and an activation between them."""

    def __init__(self, spec: SegformerSpec, stage: SegformerStage) -> None:
        inner, self.activation, self.dropout = int(stage.width * stage.expansion), spec.activation, spec.dropout
        self.fc1, self.fc2 = Linear(stage.width, inner), Linear(inner, stage.width)
        self.dwconv = Conv2d(inner, inner, 3, Window.centred(3), groups=inner)

    def __call__(self, x: Tensor, height: int, width: int) -> Tensor:
        x = self.fc1(x)
        x = self._mixed(x, height, width)
        x = activate(x, self.activation)
        x = op.dropout(x, self.dropout)
        x = self.fc2(x)
        return op.dropout(x, self.dropout)

    def _mixed(self, x: Tensor, height: int, width: int) -> Tensor:
        return self.dwconv(_as_map(x, height, width)).flatten(2).transpose(1, 2)


class Block(Module):
    """Attention, then feed-forward, each on the normed stream and added to it."""

    def __init__(self, spec: SegformerSpec, stage: SegformerStage, options: Options, *, drops: bool) -> None:
        self.dropout, self.drops = spec.dropout, drops
        self.layernorm_before, self.layernorm_after = LayerNorm(stage.width), LayerNorm(stage.width)
        self.attention, self.mlp = Attention(spec, stage, options), MixedFeedForward(spec, stage)

    def __call__(self, x: Tensor, height: int, width: int) -> Tensor:
        residual = x
        x = self.layernorm_before(x)
        x = self.attention(x, height, width)
        x = op.dropout(x, self.dropout)
        x = op.add(drop_path(x, drops=self.drops), residual)
        residual = x
        x = self.layernorm_after(x)
        x = self.mlp(x, height, width)
        return op.add(drop_path(x, drops=self.drops), residual)


class Stage(Module):
    """Patches, blocks, norm; gives a map. Of the first stage the first block drops no path."""

    def __init__(self, spec: SegformerSpec, index: int, options: Options) -> None:
        stage, self.checkpointed = spec.stages[index], options.checkpointed
        first = [index == 0 and number == 0 for number in range(stage.depth)]
        self.patch_embeddings = OverlappingPatches(spec.stages[index - 1].width if index else spec.channels, stage)
        self.blocks = Blocks(first, lambda number: Block(spec, stage, options, drops=spec.drop_path > 0 and not first[number]))
        self.layer_norm = LayerNorm(stage.width)

    def __call__(self, x: Tensor) -> Tensor:
        x, height, width = self.patch_embeddings(x)
        x = self.blocks(x, height, width, checkpointed=self.checkpointed)
        x = self.layer_norm(x)
        return op.contiguous(_as_map(x, height, width))


class Projection(Module):
    """A stage's channels to the decoder's."""

    def __init__(self, width: int, channels: int) -> None:
        self.proj = Linear(width, channels)

    def __call__(self, x: Tensor) -> Tensor:
        return self.proj(x)


class Decoder(Module):
    """Every stage's map projected to as many channels, enlarged to the first one's size, joined and fused; scores for each position."""

    def __init__(self, spec: SegformerSpec) -> None:
        self.dropout = spec.decoder_dropout
        self.linear_projections = [Projection(stage.width, spec.decoder) for stage in spec.stages]
        self.linear_fuse = Conv2d(len(spec.stages) * spec.decoder, spec.decoder, 1, bias=False)
        self.batch_norm = BatchNorm(spec.decoder)
        self.classifier = Conv2d(spec.decoder, spec.labels, 1)

    def __call__(self, maps: list[Tensor]) -> Tensor:
        size = maps[0].shape[2:]
        enlarged = [_enlarged(x, project, size) for x, project in zip(maps, self.linear_projections, strict=True)]
        x = self.linear_fuse(op.promoted_concatenation(enlarged, axis=1))
        x = self.batch_norm(x)
        x = op.activation(x, "relu")
        x = op.dropout(x, self.dropout)
        return self.classifier(x)


def _enlarged(x: Tensor, projection: Projection, size: tuple[int, ...]) -> Tensor:
    batch, _, height, width = x.shape
    projected = projection(x.flatten(2).transpose(1, 2))
    laid_out = projected.view(batch, projected.shape[2], height, width)
    return op.resampled(op.raise_to_fp32(laid_out), batch, projected.shape[2], *size)


class Segformer(ImageClassifier):
    """The stages, and a classifier of whole images or a decoder that classifies every position."""

    family: ClassVar[str] = "vision"
    smallest: ClassVar[int] = 32

    def __init__(self, spec: SegformerSpec, options: Options) -> None:
        self.spec, self.channels, self.default_image = spec, spec.channels, (spec.image, spec.image)
        self.stages = [Stage(spec, index, options) for index in range(len(spec.stages))]
        self.decode_head = Decoder(spec) if spec.decoder else None
        self.classifier = Linear(spec.stages[-1].width, spec.labels) if spec.labels and not spec.decoder else None

    def logits(self, x: Tensor) -> Tensor:
        """Scores of each image, or of every position at a quarter of the size; the last map where nothing is classified."""
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
            if self.decode_head is None:
                maps.clear()
        if self.decode_head is not None:
            return self.decode_head(maps)
        return x if self.classifier is None else self.classifier(op.mean(x, *x.shape[:2]))

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Mean cross-entropy: of each image, or of every pixel after the scores are enlarged to the image."""
        if self.decode_head is None:
            return super().loss(tape, inputs)
        images = self.images(tape, inputs)
        labels = held_indices(tape, inputs.batch, *images.shape[2:])
        logits = self.logits(images)
        enlarged = op.resampled(op.raise_to_fp32(logits), inputs.batch, self.spec.labels, *images.shape[2:])
        return op.cross_entropy(enlarged, labels)

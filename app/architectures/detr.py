"""DETR: a ResNet's last map through an encoder, a decoder of object queries, and for each query a class and a box.

Written as transformers 5.23 computes it (modeling_detr.py, loss/loss_for_object_detection.py). The backbone is timm's ResNet with frozen
norms, all of whose convolutions are trained. Pictures of a batch are taken to be of one size, so that no position is masked.
"""

from dataclasses import dataclass

from app.architectures.activations import activate
from app.architectures.attention import IN_OWN_TYPE, Attend
from app.architectures.batch import held, weight_dtype
from app.architectures.detection_parts import ALL_STAGES, EXPANSION, STAGES, Backbone, Maps
from app.architectures.image_classifier import RGB
from app.architectures.network import Inputs, Network, Options, block_kinds
from app.architectures.set_prediction import BoxPredictor, matching_loss, targets
from app.tape import operators as op
from app.tape.checkpointing import checkpoint
from app.tape.convolutions import Conv2d
from app.tape.dtypes import FP32
from app.tape.modules import Blocks, Embedding, LayerNorm, Linear, Module
from app.tape.tensor import Tape, Tensor
from app.workloads.fields import invalid_field

SMALLEST_SIDE = 32  # pixels that the backbone makes one position of


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSpec:
    """One kind of layer: the stream, its heads, the inner layer, and what is dropped in training."""

    hidden: int
    heads: int
    feed_forward: int
    activation: str = "relu"
    dropout: float = 0.1
    attention_dropout: float = 0.0
    activation_dropout: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DetrSpec:
    """Both stacks, object queries, classes without the one for no object. `auxiliary`: every decoder layer's answer has a loss."""

    encoder: LayerSpec
    decoder: LayerSpec
    encoder_layers: int = 6
    decoder_layers: int = 6
    queries: int = 100
    classes: int = 91
    auxiliary: bool = False
    stages: tuple[tuple[int, int], ...] = STAGES


class Attention(Module):
    """Attention whose queries and keys have positions added; values have none."""

    def __init__(self, spec: LayerSpec, options: Options) -> None:
        self.heads, self.size = spec.heads, spec.hidden // spec.heads
        self.attend = Attend(implementation=options.attention, dropout=spec.attention_dropout, causal=False, style=IN_OWN_TYPE)
        self.k_proj, self.v_proj, self.q_proj, self.o_proj = (Linear(spec.hidden, spec.hidden) for _ in range(4))

    def __call__(self, x: Tensor, positions: Tensor, memory: Tensor | None = None, memory_positions: Tensor | None = None) -> Tensor:
        asked = op.add(x, positions)
        seen = asked if memory is None or memory_positions is None else op.add(memory, memory_positions)
        query, key = self._heads(self.q_proj(asked)), self._heads(self.k_proj(seen))
        value = self._heads(self.v_proj(x if memory is None else memory))
        out, _ = self.attend(query, key, value, None)
        return self.o_proj(out.view(*x.shape))

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, self.size).transpose(1, 2)


class FeedForward(Module):
    """Two projections with an activation between them."""

    def __init__(self, spec: LayerSpec) -> None:
        self.spec, self.fc1, self.fc2 = spec, Linear(spec.hidden, spec.feed_forward), Linear(spec.feed_forward, spec.hidden)

    def __call__(self, x: Tensor) -> Tensor:
        x = activate(self.fc1(x), self.spec.activation)
        x = op.dropout(x, self.spec.activation_dropout)
        x = self.fc2(x)
        return op.dropout(x, self.spec.dropout)


class EncoderLayer(Module):
    """Self-attention, then feed-forward, each added to its input and normed."""

    def __init__(self, spec: LayerSpec, options: Options) -> None:
        self.dropout = spec.dropout
        self.self_attn, self.mlp = Attention(spec, options), FeedForward(spec)
        self.self_attn_layer_norm, self.final_layer_norm = LayerNorm(spec.hidden), LayerNorm(spec.hidden)

    def __call__(self, x: Tensor, positions: Tensor) -> Tensor:
        residual = x
        x = op.dropout(self.self_attn(x, positions), self.dropout)
        x = self.self_attn_layer_norm(op.add(residual, x))
        residual = x
        x = self.mlp(x)
        x = op.add(residual, x)
        return self.final_layer_norm(x)


class DecoderLayer(Module):
    """Self-attention of the queries, attention to the picture, feed-forward, each added to its input and normed."""

    def __init__(self, spec: LayerSpec, options: Options) -> None:
        self.dropout = spec.dropout
        self.self_attn, self.encoder_attn, self.mlp = Attention(spec, options), Attention(spec, options), FeedForward(spec)
        norms = (LayerNorm(spec.hidden) for _ in range(3))
        self.self_attn_layer_norm, self.encoder_attn_layer_norm, self.final_layer_norm = norms

    def __call__(self, x: Tensor, queries: Tensor, memory: Tensor, positions: Tensor) -> Tensor:
        residual = x
        x = op.dropout(self.self_attn(x, queries), self.dropout)
        x = self.self_attn_layer_norm(op.add(residual, x))
        residual = x
        x = op.dropout(self.encoder_attn(x, queries, memory, positions), self.dropout)
        x = self.encoder_attn_layer_norm(op.add(residual, x))
        residual = x
        x = self.mlp(x)
        x = op.add(residual, x)
        return self.final_layer_norm(x)


class Detr(Network):
    """Pictures to a class and a box for each object query."""

    family = "detection"
    default_image = (800, 1066)  # a picture of 480 x 640 as its processor enlarges it

    def __init__(self, spec: DetrSpec, options: Options) -> None:
        self.spec, self.options, hidden = spec, options, spec.encoder.hidden
        self.backbone = Backbone(ALL_STAGES, spec.stages)
        self.input_projection = Conv2d(EXPANSION * spec.stages[-1][0], hidden, 1)
        self.query_position_embeddings = Embedding(spec.queries, hidden)
        kinds = block_kinds(spec.encoder_layers, options)
        self.encoder = Blocks(kinds, lambda _: EncoderLayer(spec.encoder, options))
        layers = block_kinds(spec.decoder_layers, options, kind=lambda layer: layer if spec.auxiliary else None)
        self.decoder = Blocks(layers, lambda _: DecoderLayer(spec.decoder, options))
        self.layernorm = LayerNorm(hidden)
        self.class_labels_classifier, self.bbox_predictor = Linear(hidden, spec.classes + 1), BoxPredictor(hidden)

    def images(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The batch of pictures. Raises InvalidInput where they are too small."""
        height, width = inputs.image or self.default_image
        if min(height, width) < SMALLEST_SIDE:
            raise invalid_field("image_size", f"must be at least {SMALLEST_SIDE} pixels along each side")
        return held(tape, (inputs.batch, RGB, height, width), weight_dtype(self))

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Losses of classes and boxes after each query has been matched with an object or none."""
        images = self.images(tape, inputs)
        truth = targets(tape, inputs.batch)
        objects = self._objects(images)
        answers = [self._answer(objects[-1])]
        if self.spec.auxiliary:
            answers += [self._answer(x) for x in objects[:-1]]
        return matching_loss(answers, truth)

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Boxes of one pass without gradients."""
        _, boxes = self._answer(self._objects(self.images(tape, inputs))[-1])
        return boxes

    def _answer(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.class_labels_classifier(x), self.bbox_predictor(x)

    def _objects(self, images: Tensor) -> list[Tensor]:
        """What the decoder makes of the queries after each layer that is asked for, the last one last."""
        tape, batch, hidden = images.tape, images.shape[0], self.spec.encoder.hidden
        mask = tape.empty((batch, *images.shape[2:]), FP32)
        maps = self.backbone(images)
        projected = self.input_projection(maps[-1])
        features = projected.flatten(2).transpose(1, 2)
        positions = held(tape, features.shape, images.dtype)  # kept for the next pass
        memory = self.encoder(op.dropout(features, self.spec.encoder.dropout), positions, checkpointed=self.options.checkpointed)
        queries = op.repeated(self.query_position_embeddings.weight.view(1, self.spec.queries, hidden), batch)
        decoded = self._decoded(tape.empty(queries.shape, queries.dtype), queries, memory, positions)
        del mask, maps
        return decoded

    def _decoded(self, x: Tensor, queries: Tensor, memory: Tensor, positions: Tensor) -> Maps:
        given = (queries, memory, positions)
        if not self.spec.auxiliary:
            return [self.layernorm(self.decoder(x, *given, checkpointed=self.options.checkpointed))]
        outputs: Maps = []
        for layer in (period.blocks[0] for period in self.decoder.periods):
            x = checkpoint(layer, x, *given) if self.options.checkpointed else layer(x, *given)  # type: ignore[arg-type, operator]
            x = self.layernorm(x)
            outputs.append(x)
        return [*outputs, self.layernorm(x)]

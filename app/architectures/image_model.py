"""ViT, DeiT, DINOv2 and the image halves of CLIP and SigLIP as networks of their own (transformers 5.23)."""

from enum import StrEnum
from typing import ClassVar

from app.architectures.batch import held, weight_dtype
from app.architectures.image_classifier import ImageClassifier
from app.architectures.image_encoder import EncoderBlockSpec, ImageEncoder, PatchSpec
from app.architectures.image_text_pair import AttentionPool
from app.architectures.network import Inputs, Options
from app.tape import operators as op
from app.tape.modules import LayerNorm, Linear
from app.tape.tensor import Parameter, Tape, Tensor
from app.workloads.fields import invalid_field


class Pooling(StrEnum):
    """What of the hidden states is classified."""

    FIRST = "class token"
    FIRST_AND_MEAN = "class token beside the mean of the patches"
    MEAN = "mean of the patches"
    PATCHES = "mean of the patches behind the class token"


class ImageModel(ImageClassifier):
    """An image encoder and a linear classifier; without `labels` only the encoder, or one with a `pooler`."""

    family: ClassVar[str] = "vision"

    def __init__(
        self, patches: PatchSpec, spec: EncoderBlockSpec, options: Options, *, labels: int, pooling: Pooling, last_norm: bool = True,
        pooler: bool = False,
    ) -> None:  # fmt: skip
        self.patches, self.spec, self.pooling, self.channels = patches, spec, pooling, patches.channels
        self.default_image = (patches.image, patches.image)
        self.encoder = ImageEncoder(patches, spec, options, last_norm=last_norm)
        inputs = 2 * spec.hidden if pooling is Pooling.FIRST_AND_MEAN else spec.hidden
        self.classifier = Linear(inputs, labels) if labels else None
        self.pooler = Linear(spec.hidden, spec.hidden) if pooler else None

    def logits(self, x: Tensor) -> Tensor:
        """Class scores, or the pooled hidden states where there is no classifier."""
        return self.scored(self.encoder(x))

    def scored(self, x: Tensor) -> Tensor:
        """What follows the encoder."""
        pooled = self._pooled(x)
        if self.pooler is not None:
            return op.activation(self.pooler(pooled), "tanh")
        return pooled if self.classifier is None else self.classifier(pooled)

    def _pooled(self, x: Tensor) -> Tensor:
        batch, _, hidden = x.shape
        if self.pooling is Pooling.MEAN:
            return op.mean(x, batch, hidden)
        if self.pooling is Pooling.PATCHES:
            return op.mean(op.part(x, batch, x.shape[1] - 1, hidden), batch, hidden)
        first = op.part(x, batch, hidden)
        if self.pooling is Pooling.FIRST:
            return first
        return op.concatenate([first, op.mean(op.part(x, batch, x.shape[1] - 1 - self.patches.registers, hidden), batch, hidden)], axis=1)

    def images(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The batch of images, of the encoder's own size unless it takes any. Raises InvalidInput where they have no whole patches."""
        given = inputs.image if self.patches.any_size else None
        height, width = given or self.default_image
        if height % self.patches.patch or width % self.patches.patch:
            field = "image_size" if given else "model.config.image_size"
            raise invalid_field(field, f"both sides must be multiples of the patch size, {self.patches.patch}")
        return held(tape, (inputs.batch, self.channels, height, width), weight_dtype(self))

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and heads."""
        return self.spec.hidden, self.spec.feed_forward, self.spec.heads


class TeacherStudent(ImageModel):
    """DeiT with a classifier on the class token and one on the distillation token, whose scores are averaged."""

    def __init__(self, patches: PatchSpec, spec: EncoderBlockSpec, options: Options, *, labels: int) -> None:
        super().__init__(patches, spec, options, labels=labels, pooling=Pooling.FIRST)
        self.distillation_classifier = Linear(spec.hidden, labels)

    def scored(self, x: Tensor) -> Tensor:
        """Averaged class scores."""
        second = self.distillation_classifier(self._pooled(x))
        return op.scaled(op.add(super().scored(x), second))


class ClipImages(ImageModel):
    """CLIP's image encoder: the normed class token, projected where `projected` is given; or its patches' mean, classified."""

    def __init__(self, patches: PatchSpec, spec: EncoderBlockSpec, options: Options, *, labels: int, projected: int = 0) -> None:
        super().__init__(patches, spec, options, labels=labels, pooling=Pooling.PATCHES, last_norm=False)
        self.post_layernorm = LayerNorm(spec.hidden)
        self.visual_projection = Linear(spec.hidden, projected, bias=False) if projected else None

    def scored(self, x: Tensor) -> Tensor:
        """The token is normed even where only the patches are classified."""
        token = self.post_layernorm(op.part(x, x.shape[0], x.shape[2]))
        if self.classifier is not None:
            return super().scored(x)
        return token if self.visual_projection is None else self.visual_projection(token)


class SiglipImages(ImageModel):
    """SigLIP's image encoder: patches pooled by attention where it has a `head`; or their mean, classified."""

    def __init__(self, patches: PatchSpec, spec: EncoderBlockSpec, options: Options, *, labels: int, head: bool) -> None:
        super().__init__(patches, spec, options, labels=labels, pooling=Pooling.MEAN)
        self.head = AttentionPool(spec) if head else None
        if self.head is not None and labels:
            for parameter in self.head.parameters():
                parameter.requires_grad = False  # no loss reaches it, so that it gets no gradients

    def scored(self, x: Tensor) -> Tensor:
        """The patches are pooled by attention even where only their mean is classified."""
        pooled = self._pooled_by_attention(x)
        return pooled if self.classifier is None else super().scored(x)

    def _pooled_by_attention(self, x: Tensor) -> Tensor:
        """Autograd records it where the encoder is trained, although nothing is gone back through."""
        if self.head is None:
            return x
        weights = [parameter for parameter in self.head.parameters() if not parameter.requires_grad and x.requires_grad]
        _require_gradients(weights, required=True)
        pooled = self.head(x)
        _require_gradients(weights, required=False)
        return pooled


def _require_gradients(weights: list[Parameter], *, required: bool) -> None:
    for parameter in weights:
        parameter.requires_grad = required

"""ViT, DINOv2 and the image halves of CLIP and SigLIP as networks of their own (transformers 5.23)."""

from enum import StrEnum
from typing import ClassVar

from app.architectures.batch import held, weight_dtype
from app.architectures.image_classifier import ImageClassifier
from app.architectures.image_encoder import EncoderBlockSpec, ImageEncoder, PatchSpec
from app.architectures.network import Inputs, Options
from app.tape import operators as op
from app.tape.modules import Linear
from app.tape.tensor import Tape, Tensor
from app.workloads.fields import invalid_field


class Pooling(StrEnum):
    """What of the hidden states is classified."""

    FIRST = "class token"
    FIRST_AND_MEAN = "class token beside the mean of the patches"
    MEAN = "mean of the patches"


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
        x = self.encoder(x)
        pooled = self._pooled(x)
        if self.pooler is not None:
            return op.activation(self.pooler(pooled), "tanh")
        return pooled if self.classifier is None else self.classifier(pooled)

    def _pooled(self, x: Tensor) -> Tensor:
        batch, _, hidden = x.shape
        if self.pooling is Pooling.MEAN:
            return op.mean(x, batch, hidden)
        first = op.part(x, batch, hidden)
        if self.pooling is Pooling.FIRST:
            return first
        return op.concatenate([first, op.mean(op.part(x, batch, x.shape[1] - 1, hidden), batch, hidden)], axis=1)

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

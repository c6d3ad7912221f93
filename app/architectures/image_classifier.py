"""Networks that turn an image into class scores, and the loss they are trained with."""

from abc import abstractmethod
from typing import ClassVar

from app.architectures.batch import held, held_indices, weight_dtype
from app.architectures.network import Inputs, Network, Options
from app.tape import operators as op
from app.tape.modules import Module
from app.tape.tensor import Tape, Tensor
from app.workloads.fields import invalid_field

RGB = 3


class ImageClassifier(Network):
    """Images [batch, channels, height, width] to logits [batch, classes]."""

    channels: int = RGB
    smallest: ClassVar[int] = 1  # side of an image that is not shrunk to nothing

    @abstractmethod
    def logits(self, x: Tensor) -> Tensor:
        """Class scores of a batch of images."""

    def images(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The batch of images, in the type of the weights. Raises InvalidInput where they are too small."""
        height, width = inputs.image or self.default_image
        if min(height, width) < self.smallest:
            raise invalid_field("image_size", f"{height} x {width} pixels are too few for this network, which halves them several times")
        return held(tape, (inputs.batch, self.channels, height, width), weight_dtype(self))

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Mean cross-entropy of the class scores."""
        images = self.images(tape, inputs)
        labels = held_indices(tape, inputs.batch)
        return op.cross_entropy(self.logits(images), labels)

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Class scores without gradients."""
        return self.logits(self.images(tape, inputs))


def refuse_checkpointing(options: Options) -> None:
    """Raises InvalidInput where checkpointing is asked of a network whose reference implementation has none."""
    if options.checkpointed:
        raise invalid_field("activation_checkpointing", "this network's reference implementation has no checkpointing; choose none")


def drop_path(x: Tensor, *, drops: bool) -> Tensor:
    """A branch of which training leaves out whole samples (stochastic depth): divided by the share that is kept, times zeros and ones."""
    if not drops or not x.tape.training:
        return x
    kept = x.tape.empty((x.shape[0], *(1 for _ in x.shape[1:])), x.dtype)
    return op.multiply(op.scaled(x), kept)


class Sequential(Module):
    """Layers one after the other. As torch.nn.Sequential it holds its input until its last layer is done."""

    def __init__(self, *layers: Module) -> None:
        self.layers = layers

    def __call__(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)  # type: ignore[operator]
        return x


class Activation(Module):
    """An in-place activation function as a layer."""

    def __init__(self, name: str = "relu") -> None:
        self.name = name

    def __call__(self, x: Tensor) -> Tensor:
        return op.activation_(x, self.name)


class MaxPool(Module):
    """Max pooling as a layer."""

    def __init__(self, kernel: int, stride: int, padding: int = 0) -> None:
        self.sizes = (kernel, stride, padding)

    def __call__(self, x: Tensor) -> Tensor:
        return op.max_pool(x, *self.sizes)


def channels_last(x: Tensor) -> Tensor:
    """[batch, channels, height, width] seen as [batch, height, width, channels]."""
    return x.view(x.shape[0], *x.shape[2:], x.shape[1])


def channels_first(x: Tensor) -> Tensor:
    """[batch, height, width, channels] seen as [batch, channels, height, width]."""
    return x.view(x.shape[0], x.shape[-1], *x.shape[1:-1])

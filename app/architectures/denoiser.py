"""What every diffusion denoiser offers: a mean-squared-error loss on noisy latents, and one forward pass without gradients."""

from abc import abstractmethod

from app.architectures.batch import held, held_indices, weight_dtype
from app.architectures.network import Inputs, Network
from app.tape import operators as op
from app.tape.tensor import Tape, Tensor
from app.workloads.fields import invalid_field

LATENT_SCALE = 8  # pixels for one latent along each side


class Denoiser(Network):
    """Noisy latents and conditions to the predicted noise, both [batch, channels, height, width] or [batch, tokens, channels]."""

    default_image: tuple[int, int] = (512, 512)
    latent_multiple: int = 1  # latents along each side must be a multiple of this

    @abstractmethod
    def denoise(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The prediction for one batch of latents and conditions."""

    @abstractmethod
    def target(self, tape: Tape, inputs: Inputs) -> Tensor:
        """What the prediction is compared with, in the type of the weights."""

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Mean squared error of the prediction, in fp32."""
        target = self.target(tape, inputs)
        return op.mean_squared_error(self.denoise(tape, inputs), target)

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """The prediction without gradients."""
        return self.denoise(tape, inputs)

    def given(self, tape: Tape, *shape: int) -> Tensor:
        """A real-valued input, in the type of the weights."""
        return held(tape, shape, weight_dtype(self))

    def given_indices(self, tape: Tape, *shape: int) -> Tensor:
        """Time steps or class labels."""
        return held_indices(tape, *shape)

    def latent_size(self, inputs: Inputs) -> tuple[int, int]:
        """Height and width of the latents. Raises InvalidInput where the image's sides do not fit."""
        image = inputs.image or self.default_image
        multiple = LATENT_SCALE * self.latent_multiple
        if any(side % multiple for side in image):
            raise invalid_field("image_size", f"both sides must be multiples of {multiple} pixels for this model")
        return image[0] // LATENT_SCALE, image[1] // LATENT_SCALE

"""Networks of a given size with the usual proportions of their family, for models of which only the size is known."""

from math import sqrt

from app.architectures.decoder import Decoder, DecoderSpec
from app.architectures.network import Network, Options
from app.units import round_up

# Layers of published decoders by parameters: Pythia, Llama 2 and 3, GPT-3; sizes between take the next larger one's.
DEPTHS = ((2e8, 12), (6e8, 24), (2e9, 24), (5e9, 32), (1e10, 32), (2e10, 40), (4.5e10, 48), (1e11, 80), (3e11, 96), (1e15, 126))
HEAD_SIZE = 128
SMALL_HEAD_SIZE = 64
SMALL_MODEL = 1_000_000_000
VOCABULARY = 32_000  # Llama 2; 128k vocabularies weigh less than the interval says from 7 billion parameters on
FEED_FORWARD_RATIO = 8 / 3  # gated: three matrices of 8/3 h hold what two of 4 h do
PARAMETERS_PER_LAYER = 12  # x hidden^2: 4 for attention, 8 for the feed-forward


def stand_in(parameters: int, family: str, options: Options) -> Network:
    """A decoder with about this many parameters, whatever the family: its weights, states and matrix work are of the right size.

    Activations of convolutional and diffusion networks differ much more than those of transformers; the size-only interval says so.
    """
    layers = next(depth for limit, depth in DEPTHS if parameters <= limit)
    head_size = HEAD_SIZE if parameters >= SMALL_MODEL else SMALL_HEAD_SIZE
    hidden = _hidden(parameters, layers, head_size)
    spec = DecoderSpec(
        vocabulary=VOCABULARY if parameters > 10 * VOCABULARY * hidden else 1_000,
        hidden=hidden,
        layers=layers,
        heads=hidden // head_size,
        kv_heads=hidden // head_size,
        head_size=head_size,
        feed_forward=round_up(int(FEED_FORWARD_RATIO * hidden), head_size),
        tied=family == "encoder",
    )
    return Decoder(spec, options)


def _hidden(parameters: int, layers: int, head_size: int) -> int:
    """Solves 12 L h^2 + 2 V h = P for h, rounded to whole heads."""
    a, b = PARAMETERS_PER_LAYER * layers, 2 * VOCABULARY
    root = (-b + sqrt(b * b + 4 * a * parameters)) / (2 * a)
    return max(head_size, round(root / head_size) * head_size)

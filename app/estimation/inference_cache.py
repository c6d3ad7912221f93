"""The key-value cache of a model being run as its runtime allocates it, by layer; of encoder-decoders that of text and of encoder."""

from dataclasses import dataclass

from app.architectures.cache import CacheLayer, DecoderCache
from app.architectures.language_head import LanguageModel
from app.architectures.network import Network
from app.estimation.runtimes import Runtime, kv_bytes
from app.tape.dtypes import BF16
from app.units import round_up
from app.workloads.inference import InferenceWorkload

KEYS_AND_VALUES = 2
PLAIN_FORWARD = "pytorch"  # the runtime that runs one forward pass and generates nothing


@dataclass(frozen=True, slots=True)
class Cache:
    """The key-value cache: bytes of all sequences, and of one more token of one sequence."""

    bytes: int
    per_token: int
    formula: str


NO_CACHE = Cache(0, 0, "no cache")


def cache_of(network: Network, workload: InferenceWorkload, runtime: Runtime) -> Cache:
    """The cache of all sequences at the end of the context; none for networks that generate nothing."""
    layers = cached_layers(network, runtime) if isinstance(network, LanguageModel) else ()
    if layers:
        return _of_decoder(layers, workload, runtime)
    decoder = generating(network, workload)
    return _of_encoder_decoder(decoder, workload, runtime) if decoder else NO_CACHE


def cached_layers(network: LanguageModel, runtime: Runtime) -> tuple[CacheLayer, ...]:
    """What each layer caches in this runtime: of latent attention the compressed vector, or all heads where the runtime expands it."""
    return network.expanded_cache_layers() if runtime.expands_latent else network.cache_layers()


def generating(network: Network, workload: InferenceWorkload) -> DecoderCache | None:
    """The decoder of an encoder-decoder that generates token by token; None for other networks and for a plain forward pass."""
    return None if workload.runtime == PLAIN_FORWARD else network.decoder_cache(workload.prompt_tokens)


def batch_of(workload: InferenceWorkload) -> int:
    """Inputs that an encoder-decoder works on at once, however they were counted."""
    return max(workload.batch_size, workload.concurrent_sequences)


def _of_decoder(layers: tuple[CacheLayer, ...], workload: InferenceWorkload, runtime: Runtime) -> Cache:
    """Keys and values of the layers that attend; beside them the states of recurrent layers, as large at any length."""
    elements = sum(layer.elements_per_position * runtime.cells(layer, workload.context_length) for layer in layers)
    states = sum(layer.state_bytes(BF16) for layer in layers)
    total = (kv_bytes(elements, workload.kv_cache_format) + states) * workload.concurrent_sequences
    per_token = kv_bytes(sum(layer.elements_per_position for layer in layers), workload.kv_cache_format)
    attending = [layer for layer in layers if layer.heads]
    parts = [_formula(attending, workload, runtime)] if attending else []
    parts += [f"{workload.concurrent_sequences} sequences x {states:,} bytes of states"] if states else []
    return Cache(total, per_token, " + ".join(parts))


def _formula(layers: list[CacheLayer], workload: InferenceWorkload, runtime: Runtime) -> str:
    first, context = layers[0], round_up(workload.context_length, runtime.cache_multiple)
    windows = sum(layer.window is not None and runtime.cells(layer, context) < context for layer in layers)
    formula = (
        f"{len(layers)} layers x {workload.concurrent_sequences} sequences x {context:,} positions x "
        f"{first.heads} heads x ({first.key_size} + {first.value_size}) x {workload.kv_cache_format}"
    )
    return f"{formula}; {windows} layers keep a window only" if windows else formula


def _of_encoder_decoder(decoder: DecoderCache, workload: InferenceWorkload, runtime: Runtime) -> Cache:
    """Keys and values of the text so far, for each beam, and of what the encoder read, once."""
    longest = workload.context_length if decoder.positions is None else min(workload.context_length, decoder.positions)
    text, read = round_up(longest, runtime.cache_multiple), round_up(decoder.encoder_positions, runtime.audio_multiple)
    per_position = kv_bytes(KEYS_AND_VALUES * decoder.layers * decoder.width, workload.kv_cache_format)
    batch = batch_of(workload)
    formula = (
        f"{decoder.layers} layers x {batch} inputs x 2 x {decoder.width} x ({runtime.beams} x {text:,} positions of text + {read:,} of the "
        f"encoder) x {workload.kv_cache_format}"
    )
    return Cache(batch * per_position * (runtime.beams * text + read), per_position, formula)

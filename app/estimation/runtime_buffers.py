"""What each inference runtime computes in, beside weights and cache: one function of a pass's sizes for each runtime."""

from dataclasses import dataclass

from app.units import GIB, MB, MIB


@dataclass(frozen=True, slots=True)
class PassShape:
    """Sizes that a runtime's own buffers depend on."""

    hidden: int
    feed_forward: int
    vocabulary: int
    heads: int
    prompt: int
    context: int
    sequences: int
    kv_is_16_bit: bool
    flash: bool


FLOAT, HALF = 4, 2  # bytes

# -- llama.cpp ---------------------------------------------------------------------------------------------------------------------

MICRO_BATCH = 512  # llama.cpp's default --ubatch-size
MASK_BYTES_PER_CELL = 2 * MICRO_BATCH  # f16 mask of a micro-batch
UNPACKED_PER_HIDDEN = 2.25  # bytes per cell and hidden element; llama-server measurements of 0.74 to 2.02, upper envelope
LIVE_STATES = 5  # hidden states alive at the widest point of a layer


def llama_cpp(shape: PassShape) -> int:
    """The larger of two moments of the graph that llama.cpp reserves for a full micro-batch: attention in a layer, and the logits.

    Reproduces what start-up logs print: 304.75 and 312.75 MiB with flash attention (Qwen3 30B and 235B mixtures, 32,768 cells), 5252 MiB
    without (Qwen3 32B, 40,960 cells).
    """
    states = FLOAT * MICRO_BATCH * shape.hidden
    logits = FLOAT * MICRO_BATCH * shape.vocabulary + 2 * states
    return int(max(logits, _attention(shape) + LIVE_STATES * states))


def _attention(shape: PassShape) -> float:
    """Scores and mask without flash attention; the mask alone with it, and keys and values unpacked where they are quantized."""
    cells = shape.context * shape.sequences
    if not shape.flash:
        return FLOAT * MICRO_BATCH * cells * (shape.heads + 1)
    return cells * (MASK_BYTES_PER_CELL if shape.kv_is_16_bit else UNPACKED_PER_HIDDEN * shape.hidden)


# -- servers -----------------------------------------------------------------------------------------------------------------------

VLLM_TOKENS = 2048  # default max_num_batched_tokens for online serving on small cards
TENSORRT_TOKENS = 8192  # trtllm-serve's default max_num_tokens
FEED_FORWARD_BYTES, HIDDEN_BYTES = 6, 12  # of a token at the widest point: three 16-bit arrays and six
SAMPLER_BYTES = 12  # logits in fp32, their sorted copy and probabilities


def _served(shape: PassShape, tokens: int) -> int:
    states = tokens * (FEED_FORWARD_BYTES * shape.feed_forward + HIDDEN_BYTES * shape.hidden)
    return states + SAMPLER_BYTES * shape.vocabulary * shape.sequences


def vllm(shape: PassShape) -> int:
    """The peak of a profile run over all batched tokens, never seen below half a GiB."""
    return max(GIB // 2, _served(shape, max(VLLM_TOKENS, shape.sequences)))


def sglang(shape: PassShape) -> int:
    """1.5 MB for each token of a prefill chunk and 512 MB, which SGLang sets aside whatever the model, or more where the model needs it."""
    tokens = max(VLLM_TOKENS, shape.sequences)
    return max(512 * MIB + tokens * 3 * MIB // 2, _served(shape, tokens))


def tensorrt_llm(shape: PassShape) -> int:
    """Activations that the engine reserves for its largest batch of tokens."""
    return max(GIB // 2, _served(shape, max(TENSORRT_TOKENS, shape.sequences)))


# -- PyTorch and its kind ----------------------------------------------------------------------------------------------------------

CHUNK = 2048  # prompt tokens of one pass: ExLlamaV2's max_input_len, mlx_lm's prefill_step_size


def exllama(shape: PassShape) -> int:
    """ExLlamaV2's scratch of the feed-forward part: one hidden state, two widened ones, one unpacked matrix; and the last logits."""
    rows = CHUNK * shape.sequences
    scratch = HALF * rows * (shape.hidden + 2 * shape.feed_forward) + HALF * shape.hidden * shape.feed_forward
    return scratch + HALF * rows * shape.hidden + FLOAT * shape.vocabulary * shape.sequences


def mlx(shape: PassShape) -> int:
    """A chunk of the prompt: gate, up and their product, hidden states; and the logits of the last token."""
    rows = min(shape.prompt, CHUNK) * shape.sequences
    return rows * (FEED_FORWARD_BYTES * shape.feed_forward + HIDDEN_BYTES * shape.hidden) + FLOAT * shape.vocabulary * shape.sequences


# -- speech ------------------------------------------------------------------------------------------------------------------------

AUDIO_POSITIONS, TEXT_POSITIONS, FRAMES, MELS = 1500, 448, 3000, 128  # Whisper: half a minute of sound, its spectrogram, its text
PADDED_AUDIO = 1536  # positions that flash attention pads to
ENCODER_STATES = 8.8  # of all audio positions, in fp32: 55.4 and 67.3 MB printed for large models with flash attention
DECODER_STATES = 4  # of all text positions, beside their logits
MEL_BYTES = 17  # of one frame and band in the first convolution
CROSS_STATES = 1.3


def whisper_cpp(shape: PassShape) -> int:
    """Four graphs, each with its own buffer: convolutions, encoder, cross keys, decoder; and the padding of keys for flash attention.

    Start-up logs print 37.7 + 67.3 + 9.3 + 100.0 + 7.9 MB for large models, 16.4 + ... + 4.8 + 96.5 + 3.1 MB for base.
    """
    states = FLOAT * AUDIO_POSITIONS * shape.hidden
    scores = 0 if shape.flash else FLOAT * AUDIO_POSITIONS**2 * shape.heads
    convolutions = FLOAT * 2 * FRAMES * shape.hidden + MEL_BYTES * FRAMES * MELS
    logits = FLOAT * TEXT_POSITIONS * (shape.vocabulary + DECODER_STATES * shape.hidden)
    padding = FLOAT * PADDED_AUDIO * shape.hidden
    return int(convolutions + ENCODER_STATES * states + scores + CROSS_STATES * states + logits + padding)


CTRANSLATE_LIBRARIES = 330 * MB  # cuBLAS and cuDNN handles and their workspaces, the allocator's bins


def ctranslate(shape: PassShape) -> int:
    """CTranslate2's encoder: scores of all heads and their softmax in 16 bits; and the libraries.

    faster-whisper's published peaks of large-v3, turbo and distil-large-v3 in 16 bits: 4521, 2537 and 2409 MB.
    """
    return CTRANSLATE_LIBRARIES + shape.sequences * 2 * HALF * AUDIO_POSITIONS**2 * shape.heads

"""Whisper: two convolutions over a log-mel spectrogram, an encoder and a decoder (modeling_whisper.py, transformers 5.23)."""

from dataclasses import dataclass
from typing import ClassVar

from app.architectures.batch import held, weight_dtype
from app.architectures.cache import DecoderCache
from app.architectures.network import Inputs, Network, Options, indices
from app.architectures.seq2seq import Stack, StackSpec
from app.tape import operators as op
from app.tape.convolutions import Conv1d
from app.tape.modules import Embedding, Linear
from app.tape.operators import Window
from app.tape.tensor import Tape, Tensor

FRAMES_PER_POSITION = 2  # the second convolution takes every other frame


@dataclass(frozen=True, slots=True, kw_only=True)
class WhisperSpec:
    """Hyper-parameters of Whisper. The spectrogram always has 2 x `encoder.positions` frames: shorter audio is padded."""

    vocabulary: int
    mel_bins: int
    encoder: StackSpec
    decoder: StackSpec
    tied: bool = True


class AudioEncoder(Stack):
    """The encoder over the spectrogram; its position table is not trained."""

    def __init__(self, spec: WhisperSpec, options: Options) -> None:
        super().__init__(spec.encoder, options, decoder=False, offset=0)
        hidden = spec.encoder.hidden
        self.conv1 = Conv1d(spec.mel_bins, hidden, 3, Window(padding=1))
        self.conv2 = Conv1d(hidden, hidden, 3, Window(stride=2, padding=1))
        self.embed_positions.weight.requires_grad = False

    def __call__(self, embedded: Tensor, _: Tensor | None = None) -> Tensor:
        x = op.activation(self.conv1(embedded), "gelu")
        x = op.activation(self.conv2(x), "gelu")
        x = x.transpose(1, 2)
        positions = indices(embedded.tape, self.spec.positions)
        x = op.dropout(op.add(x, self.embed_positions(positions)), self.spec.dropout)
        x = self.layers(x, None, None, checkpointed=self.options.checkpointed)
        return self.layer_norm(x) if self.layer_norm else x


class Whisper(Network):
    """Whisper with its language-model head."""

    family: ClassVar[str] = "encoder_decoder"

    def __init__(self, spec: WhisperSpec, options: Options) -> None:
        self.spec, self.options, self.vocabulary = spec, options, spec.vocabulary
        self.encoder = AudioEncoder(spec, options)
        self.embed_tokens = Embedding(spec.vocabulary, spec.decoder.hidden)
        self.decoder = Stack(spec.decoder, options, decoder=True, offset=0)
        self.proj_out = Linear(spec.decoder.hidden, spec.vocabulary, bias=False)
        if spec.tied:
            self.proj_out.weight = self.embed_tokens.weight

    def forward(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Logits of every target position."""
        _, decoded = self._states(tape, inputs)
        return self.proj_out(decoded)

    def loss(self, tape: Tape, inputs: Inputs) -> Tensor:
        """Cross-entropy of all target tokens, on logits in their own type."""
        labels = indices(tape, inputs.batch, self._target(inputs))
        _, decoded = self._states(tape, inputs)  # both stay alive until the loss is known
        logits = self.proj_out(decoded)
        return op.cross_entropy(logits.flatten(0, 1), labels.flatten())

    def _states(self, tape: Tape, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """What encoder and decoder give."""
        frames = FRAMES_PER_POSITION * self.spec.encoder.positions
        features = held(tape, (inputs.batch, self.spec.mel_bins, frames), weight_dtype(self))
        encoded = self.encoder(features)
        tokens = indices(tape, inputs.batch, self._target(inputs))
        return encoded, self.decoder(self.embed_tokens(tokens), encoded)

    def _target(self, inputs: Inputs) -> int:
        return min(inputs.target or self.spec.decoder.positions, self.spec.decoder.positions)

    def widths(self) -> tuple[int, int, int]:
        """Hidden size, feed-forward width and heads of the decoder."""
        return self.spec.decoder.hidden, self.spec.decoder.feed_forward, self.spec.decoder.heads

    def decoder_cache(self, prompt: int) -> DecoderCache:  # noqa: ARG002 - the encoder always reads half a minute of sound
        """Keys and values of the decoder's width."""
        decoder, heard = self.spec.decoder, self.spec.encoder.positions
        return DecoderCache(layers=decoder.layers, width=decoder.hidden, encoder_positions=heard, positions=decoder.positions)

"""What is put on top of a speech encoder, each with the loss that transformers 5.23 trains it with."""

from app.architectures.network import indices
from app.architectures.wav2vec2 import Heard, QuantizerSpec, SpeechHead, SpeechSpec
from app.tape import operators as op
from app.tape.dtypes import BOOL, FP32, INT64
from app.tape.modules import Linear, Module
from app.tape.tensor import Parameter, Tensor


class FramesOnly(SpeechHead):
    """No head."""

    def __init__(self, _: SpeechSpec) -> None:
        """Holds no weights."""

    def __call__(self, heard: Heard) -> Tensor:
        return heard.states


class TranscriptionHead(SpeechHead):
    """Scores of every character at every frame, trained with connectionist temporal classification."""

    def __init__(self, spec: SpeechSpec) -> None:
        self.dropout = spec.final_dropout
        self.lm_head = Linear(spec.hidden, spec.vocabulary)

    def __call__(self, heard: Heard) -> Tensor:
        return self.lm_head(op.dropout(heard.states, self.dropout))

    def loss(self, heard: Heard) -> Tensor:
        """The likelihood of the transcript, summed over all alignments."""
        return op.ctc_loss(self(heard), heard.characters)


class UtteranceHead(SpeechHead):
    """Class scores from the mean of the projected frames."""

    def __init__(self, spec: SpeechSpec) -> None:
        self.projector = Linear(spec.hidden, spec.classifier)
        self.classifier = Linear(spec.classifier, spec.labels)

    def __call__(self, heard: Heard) -> Tensor:
        projected = self.projector(heard.states)
        return self.classifier(op.mean(projected, projected.shape[0], projected.shape[2]))

    def loss(self, heard: Heard) -> Tensor:
        """Cross-entropy of the class scores."""
        scores = self(heard)
        return op.cross_entropy(scores, indices(scores.tape, scores.shape[0]))


class Quantizer(Module):
    """Chooses one code vector of each group for every frame, in a way that has a gradient."""

    def __init__(self, spec: QuantizerSpec, frame: int) -> None:
        self.spec = spec
        self.codevectors = Parameter(1, spec.groups * spec.entries, spec.size // spec.groups)
        self.weight_proj = Linear(frame, spec.groups * spec.entries)

    def __call__(self, frames: Tensor) -> Tensor:
        batch, length, _ = frames.shape
        scores = self.weight_proj(frames).view(batch * length * self.spec.groups, self.spec.entries)
        chosen = self._chosen(op.cast(scores, FP32))
        spread = op.softmax(op.cast(scores, FP32))
        chosen = op.cast(chosen, scores.dtype).view(batch * length, self.spec.groups * self.spec.entries, 1)
        vectors = op.multiply(chosen, self.codevectors)
        picked = op.mean(vectors, batch * length, self.spec.groups, self.spec.size // self.spec.groups)
        del spread  # lives until the loss of its diversity is known
        return picked.view(batch, length, self.spec.size)

    def _chosen(self, scores: Tensor) -> Tensor:
        """Noise added, a softmax, and its largest entry with the softmax's gradient."""
        soft = op.softmax(op.scaled(op.add(scores, scores.tape.like(scores.meta))))
        hard = scores.tape.like(scores.meta)
        return op.add(op.add(hard, soft.detach()), soft)


class ContrastiveHead(SpeechHead):
    """wav2vec 2.0's pre-training: which of many quantized frames is the one that was masked."""

    def __init__(self, spec: SpeechSpec) -> None:
        self.spec = spec.quantizer
        self.quantizer = Quantizer(spec.quantizer, spec.convolutions.widths[-1])
        self.project_hid = Linear(spec.hidden, spec.quantizer.projected)
        self.project_q = Linear(spec.quantizer.size, spec.quantizer.projected)

    def __call__(self, heard: Heard) -> Tensor:
        self.project_q(self.quantizer(heard.frames))
        return self.project_hid(heard.states)

    def loss(self, heard: Heard) -> Tensor:
        """Cross-entropy over the right frame and all wrong ones."""
        tape, (batch, length, _) = heard.states.tape, heard.states.shape
        count, size = self.spec.negatives, self.spec.projected
        predicted = self.project_hid(heard.states)
        right = self.project_q(self.quantizer(op.dropout(heard.frames, self.spec.dropout)))
        drawn = op.take_rows(right.view(batch * length, size), tape.empty((batch * length * count,), INT64))
        wrong = drawn.view(count, batch, length, size)
        logits = self._similarities(predicted, op.concatenate([right.view(1, batch, length, size), wrong], axis=0))
        equal = tape.empty(wrong.shape, BOOL)
        del equal
        rows = op.contiguous(logits.transpose(0, 2)).view(batch * length, count + 1)
        return op.cross_entropy(op.cast(rows, FP32), indices(tape, batch * length))

    def _similarities(self, predicted: Tensor, compared: Tensor) -> Tensor:
        """Cosines, [compared, batch, frames], as torch.cosine_similarity makes them: both sides at full size over their lengths."""
        predicted, compared = op.cast(predicted, FP32), op.cast(compared, FP32)
        repeated = op.expand(predicted.view(1, *predicted.shape), *compared.shape)
        ours, theirs = (op.multiply(side, op.mean(side, *side.shape[:-1], 1)) for side in (repeated, compared))
        return op.mean(op.multiply(ours, theirs), *compared.shape[:-1])

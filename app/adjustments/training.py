"""Options for training, from the mildest to the harshest of each sort."""

from collections.abc import Callable, Mapping

from app.adjustments.option import OF_THE_STEP, ON_THE_WAY, Harm, Option, halved, one_gpu, set_to, switched
from app.workloads import TrainingWorkload
from app.workloads.training import AdapterTuning, FullTuning, Parallelism


def _half_batch(job: TrainingWorkload) -> Mapping[str, object] | None:
    return _batch_of(job, job.micro_batch_size // 2) if job.micro_batch_size > 1 else None


def _batch_of_one(job: TrainingWorkload) -> Mapping[str, object] | None:
    return _batch_of(job, 1) if job.micro_batch_size > 3 else None


def _batch_of(job: TrainingWorkload, size: int) -> Mapping[str, object]:
    """The batch that the optimizer sees stays the same, or grows by a remainder."""
    steps = -(-job.micro_batch_size * job.gradient_accumulation_steps // size)
    return {"micro_batch_size": size, "gradient_accumulation_steps": steps}


def _adapters(method: str) -> Callable[[TrainingWorkload], Mapping[str, object] | None]:
    def fields(job: TrainingWorkload) -> Mapping[str, object] | None:
        if isinstance(job.tuning, FullTuning):
            return {"tuning": {"method": method}}
        if isinstance(job.tuning, AdapterTuning) and job.tuning.method == "lora" and method == "qlora":
            return {"tuning": {**job.tuning.model_dump(mode="json"), "method": method}}
        return None

    return fields


def _sharded(stage: int) -> Callable[[TrainingWorkload], Mapping[str, object] | None]:
    def fields(job: TrainingWorkload) -> Mapping[str, object] | None:
        spread = job.parallelism
        if not isinstance(spread, Parallelism) or spread.data < 2 or spread.zero_stage >= stage:
            return None
        return {"parallelism.zero_stage": stage}

    return fields


def _offloaded(job: TrainingWorkload) -> Mapping[str, object] | None:
    spread = job.parallelism
    return {"parallelism.offload": "optimizer"} if isinstance(spread, Parallelism) and spread.offload == "none" else None


def _tunes_everything(job: TrainingWorkload) -> bool:
    return isinstance(job.tuning, FullTuning)


WIDE_PRECISIONS = ("fp64", "fp32", "tf32", "amp_fp16")
ADAM_FAMILY = ("adamw", "adam")
LAST_LAYERS = {"method": "frozen", "trainable": {"last_layers": 4}}
HEAD_ONLY = {"method": "frozen", "trainable": "head"}

TRAINING: tuple[Option[TrainingWorkload], ...] = (
    Option(label="half the batch", fields=_half_batch, lowers=ON_THE_WAY),
    Option(label="a batch of 1", fields=_batch_of_one, lowers=ON_THE_WAY),
    Option(label="checkpoint the activations", fields=switched("activation_checkpointing", "full"), lowers=ON_THE_WAY),
    Option(
        label="8-bit optimizer states",
        fields=switched("optimizer", "adamw_8bit", *ADAM_FAMILY),
        lowers=OF_THE_STEP,
        harm=Harm.ROUNDED,
    ),
    Option(label="automatic mixed precision in bf16", fields=switched("precision", "amp_bf16", *WIDE_PRECISIONS), harm=Harm.ROUNDED),
    Option(label="weights in bf16 too", fields=switched("precision", "bf16", *WIDE_PRECISIONS, "amp_bf16"), harm=Harm.ROUNDED),
    Option(label="LoRA adapters in place of all weights", fields=_adapters("lora"), harm=Harm.OTHER),
    Option(label="QLoRA: adapters on a 4-bit base", fields=_adapters("qlora"), harm=Harm.OTHER),
    Option(label="train the head only", fields=set_to("tuning", HEAD_ONLY, when=_tunes_everything), harm=Harm.OTHER),
    Option(
        label="train the last four layers and the head",
        fields=set_to("tuning", LAST_LAYERS, when=_tunes_everything),
        harm=Harm.OTHER,
    ),
    Option(label="fused cross-entropy", fields=switched("fused_cross_entropy", True), lowers=frozenset({"logits_loss"})),
    Option(label="attention without the score matrix", fields=switched("attention", "sdpa", "eager")),
    Option(
        label="fused optimizer step",
        fields=switched("optimizer_implementation", "fused", "foreach"),
        lowers=frozenset({"optimizer_temporaries"}),
    ),
    Option(label="half the sequence length", fields=halved("sequence_length", 256), lowers=ON_THE_WAY, harm=Harm.OTHER),
    Option(label="spread over several GPUs", fields=set_to("parallelism", "auto", when=one_gpu)),
    Option(label="ZeRO 1: shard optimizer states", fields=_sharded(1)),
    Option(label="ZeRO 2: shard optimizer states and gradients", fields=_sharded(2)),
    Option(label="ZeRO 3: shard weights too", fields=_sharded(3)),
    Option(label="optimizer states in RAM", fields=_offloaded, lowers=OF_THE_STEP | {"gradients"}),
)

"""The changes of a workload that may make it fit: for each kind of workload a table of options, none of them judged here.

An option says when it applies and which fields it sets to what. What it does to memory, time and price is for the estimator and the
search to say, so an option that helps nothing costs only time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from app.recommendation.advice import Change
from app.workloads import ClassicalWorkload, InferenceWorkload, TrainingWorkload, Workload, parse_workload
from app.workloads.training import AdapterTuning, FullTuning, Parallelism

Kind = TypeVar("Kind", TrainingWorkload, InferenceWorkload, ClassicalWorkload)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option(Generic[Kind]):
    """One way to make a workload smaller: its name, and the fields it sets; None where it does not apply."""

    label: str
    fields: Callable[[Kind], Mapping[str, object] | None]


def set_to(path: str, value: object, *, when: Callable[[Any], bool]) -> Callable[[Any], Mapping[str, object] | None]:
    """An option that sets one field under a condition."""
    return lambda workload: {path: value} if when(workload) else None


# -- training -----------------------------------------------------------------------------------------------------------------------


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


def _half(path: str, least: int) -> Callable[[Any], Mapping[str, object] | None]:
    def fields(workload: Any) -> Mapping[str, object] | None:
        now = getattr(workload, path)
        return {path: now // 2} if now and now >= 2 * least else None

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


def _one_gpu(workload: Any) -> bool:
    return isinstance(workload.parallelism, Parallelism) and workload.parallelism.gpus == 1


def _in_bf16(precision: str, *wider: str) -> Callable[[TrainingWorkload], Mapping[str, object] | None]:
    return set_to("precision", precision, when=lambda job: job.precision in wider)


WIDE_PRECISIONS = ("fp64", "fp32", "tf32", "amp_fp16")
ADAM_FAMILY = ("adamw", "adam")

TRAINING: tuple[Option[TrainingWorkload], ...] = (
    Option(label="half the batch", fields=_half_batch),
    Option(label="a batch of 1", fields=_batch_of_one),
    Option(
        label="checkpoint the activations",
        fields=set_to("activation_checkpointing", "full", when=lambda job: job.activation_checkpointing != "full"),
    ),
    Option(
        label="8-bit optimizer states", fields=set_to("optimizer", "adamw_8bit", when=lambda job: job.optimizer in ADAM_FAMILY),
    ),
    Option(label="automatic mixed precision in bf16", fields=_in_bf16("amp_bf16", *WIDE_PRECISIONS)),
    Option(label="weights in bf16 too", fields=_in_bf16("bf16", *WIDE_PRECISIONS, "amp_bf16")),
    Option(label="LoRA adapters in place of all weights", fields=_adapters("lora")),
    Option(label="QLoRA: adapters on a 4-bit base", fields=_adapters("qlora")),
    Option(
        label="train the head only",
        fields=set_to("tuning", {"method": "frozen", "trainable": "head"}, when=lambda job: isinstance(job.tuning, FullTuning)),
    ),
    Option(label="fused cross-entropy", fields=set_to("fused_cross_entropy", True, when=lambda job: not job.fused_cross_entropy)),
    Option(label="attention without the score matrix", fields=set_to("attention", "sdpa", when=lambda job: job.attention == "eager")),
    Option(
        label="fused optimizer step",
        fields=set_to("optimizer_implementation", "fused", when=lambda job: job.optimizer_implementation == "foreach"),
    ),
    Option(label="half the sequence length", fields=_half("sequence_length", 256)),
    Option(label="spread over several GPUs", fields=set_to("parallelism", "auto", when=_one_gpu)),
    Option(label="ZeRO 2: shard optimizer states and gradients", fields=_sharded(2)),
    Option(label="ZeRO 3: shard weights too", fields=_sharded(3)),
    Option(label="optimizer states in RAM", fields=_offloaded),
)  # fmt: skip

# -- inference ----------------------------------------------------------------------------------------------------------------------

# From large to small, as each runtime can load them.
FORMAT_STEPS: Mapping[str, Sequence[str]] = {
    "llama.cpp": ("f32", "f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "iq4_xs", "q3_k_m", "q2_k"),
    "ollama": ("f32", "f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q3_k_m", "q2_k"),
    "vllm": ("fp32", "bf16", "fp8", "awq_int4"),
    "sglang": ("fp32", "bf16", "fp8", "awq_int4"),
    "tensorrt-llm": ("fp32", "bf16", "fp8", "awq_int4"),
    "transformers": ("fp32", "bf16", "int8", "nf4"),
    "pytorch": ("fp32", "bf16", "int8"),
    "diffusers": ("fp32", "bf16", "int8", "nf4"),
}
CACHE_STEPS: Mapping[str, Sequence[str]] = {
    "llama.cpp": ("f16", "q8_0", "q4_0"),
    "ollama": ("f16", "q8_0", "q4_0"),
    "vllm": ("bf16", "fp8"),
    "sglang": ("bf16", "fp8"),
    "tensorrt-llm": ("bf16", "fp8"),
}
EQUAL_FORMATS: Mapping[str, str] = {"fp16": "bf16", "bf16": "bf16", "f16": "f16"}
STEPS_SHOWN = 3


def _smaller_format(step: int) -> Callable[[InferenceWorkload], Mapping[str, object] | None]:
    return lambda job: _next_format("weight_format", job.weight_format, FORMAT_STEPS.get(job.runtime, ()), step)


def _smaller_cache(step: int) -> Callable[[InferenceWorkload], Mapping[str, object] | None]:
    return lambda job: _next_format("kv_cache_format", job.kv_cache_format, CACHE_STEPS.get(job.runtime, ()), step)


def _next_format(path: str, now: str, steps: Sequence[str], step: int) -> Mapping[str, object] | None:
    """The format `step` places further down; one in 16 bits counts as the 16-bit step of the runtime."""
    sixteen = ("fp16", "bf16", "f16")
    position = next((index for index, name in enumerate(steps) if name == now or {name, now} <= set(sixteen)), None)
    if position is None or position + step >= len(steps):
        return None
    return {path: steps[position + step]}


def _offload_to_ram(job: InferenceWorkload) -> Mapping[str, object] | None:
    return {"cpu_offload": "auto"} if job.cpu_offload == "none" and job.runtime in {"llama.cpp", "ollama", "transformers"} else None


INFERENCE: tuple[Option[InferenceWorkload], ...] = (
    *(Option(label="weights in {}", fields=_smaller_format(step)) for step in range(1, STEPS_SHOWN + 1)),
    *(Option(label="cache in {}", fields=_smaller_cache(step)) for step in (1, 2)),
    Option(label="half the context", fields=_half("context_length", 1024)),
    Option(label="half the sequences at once", fields=_half("concurrent_sequences", 1)),
    Option(label="half the batch", fields=_half("batch_size", 1)),
    Option(label="a prompt half as long", fields=_half("prompt_tokens", 256)),
    Option(label="logits of the last token only", fields=set_to("logits", "last", when=lambda job: job.logits == "all")),
    Option(label="attention without the score matrix", fields=set_to("attention", "sdpa", when=lambda job: job.attention == "eager")),
    Option(label="some layers in RAM", fields=_offload_to_ram),
    Option(label="spread over several GPUs", fields=set_to("parallelism", "auto", when=_one_gpu)),
)

# -- classical ----------------------------------------------------------------------------------------------------------------------

HISTOGRAM_METHODS: Mapping[str, str] = {
    "GradientBoostingClassifier": "HistGradientBoostingClassifier",
    "GradientBoostingRegressor": "HistGradientBoostingRegressor",
    "DMatrix": "QuantileDMatrix",
}
CSV_CHUNK_ROWS = 100_000


def _histogram(job: ClassicalWorkload) -> Mapping[str, object] | None:
    name = HISTOGRAM_METHODS.get(job.algorithm)
    return {"algorithm": name, "hyperparameters": {}} if name else None


def _chunks(job: ClassicalWorkload) -> Mapping[str, object] | None:
    reads = job.algorithm == "read_csv" and "chunksize" not in job.hyperparameters
    return {"hyperparameters.chunksize": CSV_CHUNK_ROWS} if reads else None


def _narrow_features(job: ClassicalWorkload) -> Mapping[str, object] | None:
    return {"dtype": {"float64": "float32", "int64": "int32"}[job.dtype]} if job.dtype in {"float64", "int64"} else None


CLASSICAL: tuple[Option[ClassicalWorkload], ...] = (
    Option(label="numbers in 32 bits", fields=_narrow_features),
    Option(label="the histogram method {}", fields=_histogram),
    Option(label="read in chunks of 100,000 rows", fields=_chunks),
    Option(label="Parquet in place of CSV", fields=set_to("source_format", "parquet", when=lambda job: job.source_format == "csv")),
    Option(label="data on disk, mapped into memory", fields=set_to("container", "memmap", when=lambda job: job.container == "numpy")),
    Option(label="a sparse matrix", fields=set_to("container", "csr", when=lambda job: job.density < 0.3 and job.container != "csr")),
    Option(label="one worker", fields=set_to("n_jobs", 1, when=lambda job: job.n_jobs != 1)),
    Option(label="a sample of half the rows", fields=_half("rows", 10_000)),
)


def changes_for(workload: Workload) -> Iterator[tuple[Change, ...]]:
    """Every single option that applies to the workload, as changes of its fields."""
    match workload:
        case TrainingWorkload():
            yield from _applied(TRAINING, workload)
        case InferenceWorkload():
            yield from _applied(INFERENCE, workload)
        case ClassicalWorkload():
            yield from _applied(CLASSICAL, workload)


def _applied(options: Sequence[Option[Kind]], workload: Kind) -> Iterator[tuple[Change, ...]]:
    for option in options:
        fields = option.fields(workload)
        if fields:
            (path, value), *others = fields.items()
            first = Change(path=path, value=value, label=option.label.format(value))
            yield (first, *(Change(path=path, value=value, label=_plain(path, value)) for path, value in others))


def _plain(path: str, value: object) -> str:
    """The label of a field that an option sets besides its first."""
    words = path.replace("_", " ").replace(".", " ")
    return f"{words} at their defaults" if isinstance(value, dict) else f"{words} {value}"


def changed(workload: Workload, changes: Sequence[Change]) -> Workload:
    """The workload with the changes made. Raises InvalidInput where they do not go together."""
    document = workload.model_dump(mode="json")
    for change in changes:
        *parents, last = change.path.split(".")
        place = document
        for parent in parents:
            place = place[parent]
        place[last] = change.value
    return parse_workload(document)

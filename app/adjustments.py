"""The changes of a workload that may make it fit: for each kind of workload a table of options, none of them judged here.

An option says when it applies and which fields it sets to what. What it does to memory, time and price is for the estimator and the
search to say, so an option that helps nothing costs only time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from app.recommendation.advice import Change
from app.workloads import ClassicalWorkload, InferenceWorkload, TrainingWorkload, Workload, parse_workload
from app.workloads.training import AdapterTuning, FullTuning, Parallelism

Kind = TypeVar("Kind", TrainingWorkload, InferenceWorkload, ClassicalWorkload)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option(Generic[Kind]):
    """One way to make a workload smaller: its key, its name, and the fields it sets; None where it does not apply."""

    key: str
    label: str
    fields: Callable[[Kind], Mapping[str, object] | None]


Fields = Callable[[Any], Mapping[str, object] | None]


def set_to(path: str, value: object, *, when: Callable[[Any], bool]) -> Fields:
    """An option that sets one field under a condition."""
    return lambda workload: {path: value} if when(workload) else None


def switched(path: str, value: object, *now: object) -> Fields:
    """An option that sets one field where it has one of the values `now`, or where none is given any other value."""
    return set_to(path, value, when=lambda workload: getattr(workload, path) in now if now else getattr(workload, path) != value)


def halved(path: str, least: int) -> Fields:
    """An option that halves a count, down to `least`."""

    def fields(workload: Any) -> Mapping[str, object] | None:
        now = getattr(workload, path)
        return {path: now // 2} if now and now >= 2 * least else None

    return fields


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


def _one_gpu(workload: Any) -> bool:
    return isinstance(workload.parallelism, Parallelism) and workload.parallelism.gpus == 1


WIDE_PRECISIONS = ("fp64", "fp32", "tf32", "amp_fp16")
ADAM_FAMILY = ("adamw", "adam")
HEAD_ONLY = {"method": "frozen", "trainable": "head"}

TRAINING: tuple[Option[TrainingWorkload], ...] = (
    Option(key="half-batch", label="half the batch", fields=_half_batch),
    Option(key="batch-1", label="a batch of 1", fields=_batch_of_one),
    Option(key="checkpointing", label="checkpoint the activations", fields=switched("activation_checkpointing", "full")),
    Option(key="adamw-8bit", label="8-bit optimizer states", fields=switched("optimizer", "adamw_8bit", *ADAM_FAMILY)),
    Option(key="amp", label="automatic mixed precision in bf16", fields=switched("precision", "amp_bf16", *WIDE_PRECISIONS)),
    Option(key="bf16", label="weights in bf16 too", fields=switched("precision", "bf16", *WIDE_PRECISIONS, "amp_bf16")),
    Option(key="lora", label="LoRA adapters in place of all weights", fields=_adapters("lora")),
    Option(key="qlora", label="QLoRA: adapters on a 4-bit base", fields=_adapters("qlora")),
    Option(key="head", label="train the head only", fields=set_to("tuning", HEAD_ONLY, when=_tunes_everything)),
    Option(key="fused-loss", label="fused cross-entropy", fields=switched("fused_cross_entropy", True)),
    Option(key="attention", label="attention without the score matrix", fields=switched("attention", "sdpa", "eager")),
    Option(key="fused-step", label="fused optimizer step", fields=switched("optimizer_implementation", "fused", "foreach")),
    Option(key="half-length", label="half the sequence length", fields=halved("sequence_length", 256)),
    Option(key="several-gpus", label="spread over several GPUs", fields=set_to("parallelism", "auto", when=_one_gpu)),
    Option(key="zero-2", label="ZeRO 2: shard optimizer states and gradients", fields=_sharded(2)),
    Option(key="zero-3", label="ZeRO 3: shard weights too", fields=_sharded(3)),
    Option(key="offload", label="optimizer states in RAM", fields=_offloaded),
)

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
SIXTEEN_BITS = frozenset({"fp16", "bf16", "f16"})
STEPS_SHOWN = 3


def _smaller_format(step: int) -> Callable[[InferenceWorkload], Mapping[str, object] | None]:
    return lambda job: _next_format("weight_format", job.weight_format, FORMAT_STEPS.get(job.runtime, ()), step)


def _smaller_cache(step: int) -> Callable[[InferenceWorkload], Mapping[str, object] | None]:
    return lambda job: _next_format("kv_cache_format", job.kv_cache_format, CACHE_STEPS.get(job.runtime, ()), step)


def _next_format(path: str, now: str, steps: Sequence[str], step: int) -> Mapping[str, object] | None:
    """The format `step` places further down; one in 16 bits counts as the 16-bit step of the runtime."""
    position = next((index for index, name in enumerate(steps) if name == now or {name, now} <= SIXTEEN_BITS), None)
    if position is None or position + step >= len(steps):
        return None
    return {path: steps[position + step]}


def _offload_to_ram(job: InferenceWorkload) -> Mapping[str, object] | None:
    return {"cpu_offload": "auto"} if job.cpu_offload == "none" and job.runtime in {"llama.cpp", "ollama", "transformers"} else None


INFERENCE: tuple[Option[InferenceWorkload], ...] = (
    *(Option(key=f"weights-{step}", label="weights in {}", fields=_smaller_format(step)) for step in range(1, STEPS_SHOWN + 1)),
    *(Option(key=f"cache-{step}", label="cache in {}", fields=_smaller_cache(step)) for step in (1, 2)),
    Option(key="half-context", label="half the context", fields=halved("context_length", 1024)),
    Option(key="half-sequences", label="half the sequences at once", fields=halved("concurrent_sequences", 1)),
    Option(key="half-batch", label="half the batch", fields=halved("batch_size", 1)),
    Option(key="half-prompt", label="a prompt half as long", fields=halved("prompt_tokens", 256)),
    Option(key="last-logits", label="logits of the last token only", fields=switched("logits", "last")),
    Option(key="attention", label="attention without the score matrix", fields=switched("attention", "sdpa", "eager")),
    Option(key="offload", label="some layers in RAM", fields=_offload_to_ram),
    Option(key="several-gpus", label="spread over several GPUs", fields=set_to("parallelism", "auto", when=_one_gpu)),
)

# -- classical ----------------------------------------------------------------------------------------------------------------------

HISTOGRAM_METHODS: Mapping[str, str] = {
    "GradientBoostingClassifier": "HistGradientBoostingClassifier",
    "GradientBoostingRegressor": "HistGradientBoostingRegressor",
    "DMatrix": "QuantileDMatrix",
}
NARROWER: Mapping[str, str] = {"float64": "float32", "int64": "int32"}
CSV_CHUNK_ROWS = 100_000


def _histogram(job: ClassicalWorkload) -> Mapping[str, object] | None:
    name = HISTOGRAM_METHODS.get(job.algorithm)
    return {"algorithm": name, "hyperparameters": {}} if name else None


def _chunks(job: ClassicalWorkload) -> Mapping[str, object] | None:
    reads = job.algorithm == "read_csv" and "chunksize" not in job.hyperparameters
    return {"hyperparameters.chunksize": CSV_CHUNK_ROWS} if reads else None


def _narrow(job: ClassicalWorkload) -> Mapping[str, object] | None:
    return {"dtype": NARROWER[job.dtype]} if job.dtype in NARROWER else None


def _mostly_zero(job: ClassicalWorkload) -> bool:
    """A CSR matrix keeps an index beside each number: it is smaller below about two thirds of non-zeros, much smaller below a third."""
    return job.density < 1 / 3 and job.container != "csr"


CLASSICAL: tuple[Option[ClassicalWorkload], ...] = (
    Option(key="narrow", label="numbers in 32 bits", fields=_narrow),
    Option(key="histogram", label="the histogram method {}", fields=_histogram),
    Option(key="chunks", label="read in chunks of 100,000 rows", fields=_chunks),
    Option(key="parquet", label="Parquet in place of CSV", fields=switched("source_format", "parquet", "csv")),
    Option(key="mapped", label="data on disk, mapped into memory", fields=switched("container", "memmap", "numpy")),
    Option(key="sparse", label="a sparse matrix", fields=set_to("container", "csr", when=_mostly_zero)),
    Option(key="one-worker", label="one worker", fields=switched("n_jobs", 1)),
    Option(key="half-rows", label="a sample of half the rows", fields=halved("rows", 10_000)),
)

# What practitioners combine, from the mildest: tried where no single option is enough. Of each, what is in force already is left out.
TRAINING_RECIPES = (
    ("checkpointing", "batch-1"),
    ("checkpointing", "adamw-8bit"),
    ("lora", "checkpointing"),
    ("qlora", "checkpointing"),
    ("bf16", "adamw-8bit", "checkpointing"),
    ("lora", "checkpointing", "batch-1"),
    ("qlora", "checkpointing", "batch-1", "fused-loss"),
    ("checkpointing", "batch-1", "offload"),
    ("several-gpus", "checkpointing"),
)
INFERENCE_RECIPES = (
    ("weights-1", "cache-1"),
    ("weights-2", "cache-1"),
    ("weights-1", "several-gpus"),
    ("weights-3", "cache-1"),
    ("weights-3", "cache-1", "half-context"),
    ("weights-3", "offload"),
)
CLASSICAL_RECIPES = (("narrow", "histogram"), ("narrow", "mapped"), ("narrow", "half-rows"), ("narrow", "one-worker"))


def changes_for(workload: Workload) -> tuple[tuple[Change, ...], ...]:
    """Every single option that applies to the workload, as changes of its fields."""
    return tuple(_applied(workload).values())


def recipes_for(workload: Workload) -> tuple[tuple[Change, ...], ...]:
    """The sets of two and more options that apply to the workload, each once."""
    applied = _applied(workload)
    recipes = (TRAINING_RECIPES, INFERENCE_RECIPES, CLASSICAL_RECIPES)[_kind(workload)]
    chosen = (tuple(key for key in recipe if key in applied) for recipe in recipes)
    distinct = dict.fromkeys(keys for keys in chosen if len(keys) > 1)
    return tuple(tuple(change for key in keys for change in applied[key]) for keys in distinct)


def _kind(workload: Workload) -> int:
    return (TrainingWorkload, InferenceWorkload, ClassicalWorkload).index(type(workload))


def _applied(workload: Workload) -> Mapping[str, tuple[Change, ...]]:
    options: tuple[Option[Any], ...] = (TRAINING, INFERENCE, CLASSICAL)[_kind(workload)]
    return {option.key: _changes(option, fields) for option in options if (fields := option.fields(workload))}


def _changes(option: Option[Any], fields: Mapping[str, object]) -> tuple[Change, ...]:
    (path, value), *others = fields.items()
    first = Change(path=path, value=value, label=option.label.format(value))
    return (first, *(Change(path=path, value=value, label=_plain(path, value)) for path, value in others))


def _plain(path: str, value: object) -> str:
    """The label of a field that an option sets besides its first."""
    words = path.replace("_", " ").replace(".", " ")
    return f"{words} at their defaults" if isinstance(value, dict) else f"{words} {value}"


def changed(workload: Workload, changes: Sequence[Change]) -> Workload:
    """The workload with the changes made. Raises InvalidInput where they do not go together."""
    document = workload.model_dump(mode="json", exclude_unset=True)  # what was left open stays open
    for change in changes:
        *parents, last = change.path.split(".")
        place = document
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = change.value
    return parse_workload(document)

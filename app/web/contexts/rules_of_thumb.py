"""Rules that guides repeat, judged by what the estimator and the catalogue say here and now."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from app.estimation.host_memory import comfort_rules
from app.estimation.service import estimate
from app.hardware import Catalogue, Drive
from app.money import SYMBOLS
from app.units import GB, GIB, format_binary, format_decimal
from app.web.contexts.needs import comfort_ram_gb
from app.web.contexts.prices import rounded
from app.web.formats import day
from app.workloads import parse_workload

Verdict = Literal["right", "half right", "wrong"]
FACTOR_OF_WEIGHTS = 1.2
ADAM_BYTES = 16  # weights, gradients and two moments in FP32
FOREST_LIMIT_GB, BASELINE_GB = 4, 16
SSD_POUNDS_PER_GB, HDD_POUNDS_PER_GB = Decimal("0.08"), Decimal("0.02")
LARGE_DISK_BYTES = 16_000 * GB  # where a hard disk's gigabyte is cheapest
CARDS, CARD_GIB = 4, 24  # of the machine that the guides fill with cards
LLAMA = {"preset": "meta-llama/Llama-3.1-8B"}
TABLE_CASES = (("scikit-learn", "RandomForestClassifier"), ("xgboost", "XGBClassifier"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOfThumb:
    """A rule that guides repeat, what is found, and how the two agree."""

    claim: str
    verdict: Verdict
    found: str
    because: str


def rules_of_thumb(catalogue: Catalogue) -> tuple[RuleOfThumb, ...]:
    """Every rule; one about prices only where the catalogue has them."""
    about_prices = (price_rule(catalogue),) if _per_gb(catalogue, "ssd") and _per_gb(catalogue, "hdd") else ()
    return (*(rule() for rule in RULES), *about_prices)


def batch_rule() -> RuleOfThumb:
    """Memory at twice the batch."""
    small, large = (_peak(_resnet(batch, "fp32")) for batch in (64, 128))
    return RuleOfThumb(
        claim="Doubling the batch quadruples the buffers.",
        verdict="wrong",
        found=f"ResNet-50 in FP32 peaks at {format_binary(small)} with a batch of 64 and at {format_binary(large)} with 128: "
        f"{large / small:.2f} times as much.",
        because="Activations grow in proportion to the batch; weights and optimizer states do not grow at all.",
    )


def half_rule() -> RuleOfThumb:
    """Memory in mixed precision."""
    full, mixed = (_peak(_resnet(128, precision)) for precision in ("fp32", "amp_fp16"))
    tuned, tuned_mixed = (_peak(_gpt2(precision)) for precision in ("fp32", "amp_bf16"))
    return RuleOfThumb(
        claim="Mixed precision halves the memory.",
        verdict="half right",
        found=f"ResNet-50, batch 128: {format_binary(full)} becomes {format_binary(mixed)}, {_share(mixed, full)}. "
        f"GPT-2 with one sample of 512 tokens: {format_binary(tuned)} becomes {format_binary(tuned_mixed)}, {_share(tuned_mixed, tuned)}.",
        because="Only activations shrink. Weights, gradients and optimizer states stay in FP32, 16-bit copies of the weights join them.",
    )


def adam_rule() -> RuleOfThumb:
    """Sixteen bytes a parameter beside the peak."""
    document = estimate(parse_workload(_gpt2("fp32"))).to_json()
    states, peak = ADAM_BYTES * document["parameters"]["total"], document["gpu_memory"]["peak_allocated_bytes"]
    return RuleOfThumb(
        claim=f"Training with Adam takes {ADAM_BYTES} bytes a parameter.",
        verdict="half right",
        found=f"For GPT-2 that makes {format_binary(states)}; with one sample of 512 tokens the peak is {format_binary(peak)}, "
        f"{peak / states:.2f} times as much.",
        because="It is right for weights, gradients and the two moments, and leaves out activations, which soon outgrow them.",
    )


def weights_rule() -> RuleOfThumb:
    """Memory of a model being run beside its weights."""
    short, long = (_times_the_weights(context) for context in (8_192, 131_072))
    return RuleOfThumb(
        claim=f"Running a model takes {FACTOR_OF_WEIGHTS} times its weights.",
        verdict="half right",
        found=f"Llama 3.1 8B at Q4_K_M takes {short:.2f} times its weights with 8k tokens of context, {long:.2f} times with 128k.",
        because="The key-value cache grows with context and users, by layers and key-value heads; no factor on the weights can know it.",
    )


def pool_rule() -> RuleOfThumb:
    """Whether the memory of two cards is one pool."""
    one, two = (_fine_tuned(gpus) for gpus in (1, 2))
    return RuleOfThumb(
        claim="Two cards of 24 GB are one of 48 GB.",
        verdict="wrong",
        found=f"LoRA on Llama 3.1 8B needs {format_binary(one)} on one card, and {format_binary(two)} on each of two that share the batch.",
        because="A card that has a part of the batch holds the whole model. Only sharding divides it: ZeRO, tensor or pipeline parallel.",
    )


def comfort_rule() -> RuleOfThumb:
    """System RAM beside the memory of the GPU."""
    needed = estimate(parse_workload(_chat(8_192))).host_memory.required_bytes
    comfort = comfort_ram_gb([24, 24, 24, 24])
    return RuleOfThumb(
        claim="System RAM should be the largest GPU's memory and 25 % more.",
        verdict="half right",
        found=f"For four cards of 24 GB that makes {comfort} GB. Running Llama 3.1 8B at Q4_K_M needs {format_binary(needed)}.",
        because="It is comfortable for any model that fits the card, and says nothing of data in memory, loader workers or offload.",
    )


def double_rule() -> RuleOfThumb:
    """System RAM beside the memory of all GPUs, where nothing is kept in RAM and where the optimizer is."""
    images, offloaded = (estimate(parse_workload(job)).host_memory.required_bytes for job in (_images_on_four(), _offloaded_on_four()))
    rule = comfort_rules((CARD_GIB * GIB,) * CARDS, images)[-1]
    return RuleOfThumb(
        claim="System RAM should be twice the memory of all GPUs.",
        verdict="wrong",
        found=f"For four cards of {CARD_GIB} GB that makes {rule.gib:.0f} GB. ResNet-50 on ImageNet needs {format_binary(images)} there, "
        f"ZeRO-Offload of a 13B model {format_binary(offloaded)}.",
        because="RAM holds what is read, decoded and offloaded, not a copy of the GPUs: too much for most jobs, too little for offload.",
    )


def data_rule() -> RuleOfThumb:
    """RAM of tabular jobs beside their data."""
    rows, columns = 1_000_000, 80
    data = rows * columns * 8
    ratios = [_ram(_table(library, algorithm, rows, columns)) / data for library, algorithm in TABLE_CASES]
    said = " and ".join(f"{algorithm} {ratio:.1f} times" for (_, algorithm), ratio in zip(TABLE_CASES, ratios, strict=True))
    return RuleOfThumb(
        claim="Tabular work needs RAM for ten times the data.",
        verdict="wrong",
        found=f"For {format_decimal(data)} of numbers, {said} the data.",
        because="It depends on the algorithm, the container and the steps before it, and each of them is a term of the ledger.",
    )


def forest_rule() -> RuleOfThumb:
    """A thousand trees on a small and on a large table."""
    small, large = (_ram(_forest(rows)) for rows in (10_000, 1_000_000))
    return RuleOfThumb(
        claim=f"A thousand trees fit in {FOREST_LIMIT_GB} GB.",
        verdict="half right",
        found=f"A random forest of 1,000 trees peaks at {format_binary(small)} on 10,000 rows and at {format_binary(large)} on a million.",
        because="Trees grow until their leaves are pure, so their nodes grow with the rows; the number of trees alone says nothing.",
    )


def baseline_rule() -> RuleOfThumb:
    """Common jobs on sixteen gigabytes."""
    jobs = [_table(library, algorithm, 1_000_000, 80) for library, algorithm in (*TABLE_CASES, ("scikit-learn", "LogisticRegression"))]
    fitting = sum(_ram(job) <= BASELINE_GB * GIB for job in jobs)
    return RuleOfThumb(
        claim=f"{BASELINE_GB} GB of RAM is the baseline for machine learning on tables.",
        verdict="right" if fitting == len(jobs) else "half right",
        found=f"Of a random forest, XGBoost and logistic regression on a million rows of 80 columns, {fitting} of {len(jobs)} fit.",
        because="It is enough for tables of a million rows; ten times the rows need nearly ten times the memory.",
    )


def price_rule(catalogue: Catalogue) -> RuleOfThumb:
    """A gigabyte of SSD and of hard disk at today's prices."""
    ssd, hdd = (statistics.median(_per_gb(catalogue, kind)) for kind in ("ssd", "hdd"))
    seen = [price.observed_on for drive in catalogue.drives.values() for price in drive.prices]
    four_times = SSD_POUNDS_PER_GB / HDD_POUNDS_PER_GB
    holds = abs(ssd / SSD_POUNDS_PER_GB - 1) < Decimal("0.25") and abs(hdd / HDD_POUNDS_PER_GB - 1) < Decimal("0.25")
    pound = SYMBOLS["GBP"]
    return RuleOfThumb(
        claim=f"A gigabyte costs {pound}{SSD_POUNDS_PER_GB} on an SSD and {pound}{HDD_POUNDS_PER_GB} on a hard disk.",
        verdict="right" if holds else "wrong",
        found=f"In this catalogue the middle prices are {rounded(ssd, 'GBP')} for NVMe drives and {rounded(hdd, 'GBP')} for hard disks "
        f"of 16 TB and more, {ssd / hdd:.1f} to 1 where the rule says {four_times:.0f} to 1. "
        f"Prices seen from {day(min(seen))} to {day(max(seen))}.",
        because="Both moved several times over within a year. Rigwise keeps no price of its own: every one is an observation with its day.",
    )


RULES: tuple[Callable[[], RuleOfThumb], ...] = (
    batch_rule, half_rule, adam_rule, weights_rule, pool_rule, comfort_rule, double_rule, data_rule, forest_rule, baseline_rule,
)  # fmt: skip


def _per_gb(catalogue: Catalogue, kind: str) -> list[Decimal]:
    """Pounds a gigabyte of every new drive of a kind: NVMe SSDs, and hard disks of the large sizes."""
    return [
        catalogue.rates.convert(price.money, "GBP").amount / (Decimal(drive.capacity_bytes) / GB)
        for drive in catalogue.drives.values()
        if drive.kind == kind and _is_typical(drive)
        for price in drive.prices
        if price.condition == "new"
    ]


def _is_typical(drive: Drive) -> bool:
    return drive.interface == "m2" if drive.kind == "ssd" else drive.capacity_bytes >= LARGE_DISK_BYTES


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}".replace("%", " %")


def _peak(document: Mapping[str, Any]) -> int:
    return int(estimate(parse_workload(document)).to_json()["gpu_memory"]["peak_allocated_bytes"])


def _ram(document: Mapping[str, Any]) -> int:
    return estimate(parse_workload(document)).host_memory.peak_process_bytes


def _times_the_weights(context: int) -> float:
    memory = estimate(parse_workload(_chat(context))).to_json()["gpu_memory"]
    weights = next(term["bytes"] for term in memory["terms"] if term["key"] == "weights")
    return float(memory["required_bytes"] / weights)


def _images_on_four() -> dict[str, Any]:
    return {**_resnet(64, "amp_fp16"), "data": {"preset": "imagenet-1k"}, "parallelism": {"gpus": CARDS, "data": CARDS}}


def _offloaded_on_four() -> dict[str, Any]:
    return {
        "kind": "training",
        "model": {"preset": "meta-llama/Llama-2-13b-hf"},
        "precision": "amp_bf16",
        "micro_batch_size": 1,
        "sequence_length": 1024,
        "parallelism": {"gpus": CARDS, "data": CARDS, "zero_stage": 2, "offload": "optimizer"},
    }


def _fine_tuned(gpus: int) -> int:
    document = {
        "kind": "training",
        "model": LLAMA,
        "precision": "bf16",
        "micro_batch_size": 1,
        "sequence_length": 1024,
        "tuning": {"method": "lora", "rank": 16},
        "parallelism": {"gpus": gpus, "data": gpus},
    }
    return int(estimate(parse_workload(document)).to_json()["gpu_memory"]["required_bytes"])


def _chat(context: int) -> dict[str, Any]:
    settings = {"runtime": "llama.cpp", "weight_format": "q4_k_m", "kv_cache_format": "fp16"}
    return {"kind": "inference", "model": LLAMA, "context_length": context, **settings}


def _resnet(batch: int, precision: str) -> dict[str, Any]:
    model = {"kind": "training", "model": {"preset": "resnet50"}, "image_size": [224, 224], "optimizer": "sgd_momentum"}
    return {**model, "precision": precision, "micro_batch_size": batch}


def _gpt2(precision: str) -> dict[str, Any]:
    model = {"kind": "training", "model": {"preset": "openai-community/gpt2"}}
    return {**model, "precision": precision, "micro_batch_size": 1, "sequence_length": 512}


def _table(library: str, algorithm: str, rows: int, columns: int) -> dict[str, Any]:
    return {"kind": "classical", "library": library, "algorithm": algorithm, "rows": rows, "columns": columns}


def _forest(rows: int) -> dict[str, Any]:
    return {**_table("scikit-learn", "RandomForestClassifier", rows, 20), "hyperparameters": {"n_estimators": 1000}}

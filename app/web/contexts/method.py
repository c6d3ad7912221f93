"""How the figures come about: worked examples that the estimator computes here and now, rules of thumb beside it, and its own notes."""

import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from app.estimation.memory_terms import EXPLANATIONS
from app.estimation.service import estimate
from app.tape.convolutions import Conv2d
from app.tape.dtypes import FP32
from app.tape.operators import Window
from app.tape.tensor import Tape
from app.units import format_binary, format_decimal
from app.web.contexts.needs import comfort_ram_gb
from app.workloads import parse_workload

RULES_OF_THUMB_FACTOR = 1.2

# Rooms whose own notes make the page, in the order in which an estimate passes through them.
CHAPTERS = (
    ("Networks as programs over shapes", ("app.tape.tensor", "app.tape.trace", "app.tape.optimizers", "app.architectures.decoder")),
    ("From a step to what a card must have", ("app.estimation.training", "app.estimation.inference", "app.estimation.overheads")),
    ("Intervals", ("app.estimation.residuals",)),
    ("Speed", ("app.estimation.speed", "app.estimation.speed.roofline", "app.estimation.speed.decode")),
    ("Choosing machines", ("app.recommendation.search", "app.recommendation.picks", "app.catalogue.prices")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A figure that can be checked by hand."""

    title: str
    formula: str
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOfThumb:
    """A rule that guides repeat, and what the estimator says."""

    claim: str
    found: str
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a module of the program says about itself."""

    name: str
    text: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """Notes under one heading."""

    title: str
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TermKind:
    """One kind of term that a ledger of GPU memory can have."""

    label: str
    how: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodPage:
    """Context of pages/method.html."""

    examples: tuple[Example, ...]
    rules: tuple[RuleOfThumb, ...]
    terms: tuple[TermKind, ...]
    chapters: tuple[Chapter, ...]


@cache
def method_page() -> MethodPage:
    """The page; it depends on the program alone."""
    return MethodPage(
        examples=examples(),
        rules=rules_of_thumb(),
        terms=tuple(TermKind(label=one.label, how=one.how, source=one.source) for one in EXPLANATIONS.values()),
        chapters=tuple(Chapter(title=title, notes=tuple(map(_note, names))) for title, names in CHAPTERS),
    )


def examples() -> tuple[Example, ...]:
    """The examples of the guides, computed by the estimator."""
    return (
        _weights("10 million parameters in FP32", 10_000_000, "fp32", 4),
        _weights("GPT-3, 175 billion parameters, in FP32", 175_000_000_000, "fp32", 4),
        _weights("GPT-3, 175 billion parameters, in FP16", 175_000_000_000, "fp16", 2),
        _first_convolution(),
        Example(
            title="Comfort rule for system RAM with four cards of 24 GB",
            formula="largest GPU's memory + 25 % = 24 GB \u00d7 1.25; the other three cards do not count",
            result=f"{comfort_ram_gb([24, 24, 24, 24])} GB",
        ),
    )


def rules_of_thumb() -> tuple[RuleOfThumb, ...]:
    """Rules that guides repeat, with what a run really needs."""
    return (_batch_rule(), _half_rule(), _weights_rule(), _data_rule())


def _weights(title: str, parameters: int, weight_format: str, each: int) -> Example:
    found = _estimated(_inference({"parameters": parameters}, weight_format=weight_format))
    count = next(term["bytes"] for term in found["gpu_memory"]["terms"] if term["key"] == "weights")
    formula = f"{parameters:,} parameters \u00d7 {each} B = {count:,} B"
    return Example(title=title, formula=formula, result=format_decimal(count))


def _first_convolution() -> Example:
    image = Tape().empty((128, 3, 224, 224), FP32)
    output = Conv2d(3, 64, 7, Window.centred(7, 2), bias=False)(image)
    sides = " \u00d7 ".join(str(side) for side in output.shape)
    return Example(
        title="Output of ResNet-18's first convolution, batch 128, 224 px, FP32",
        formula=f"{sides} \u00d7 4 B = {output.bytes:,} B",
        result=format_binary(output.bytes),
    )


def _batch_rule() -> RuleOfThumb:
    small, large = (_peak(_resnet(batch, "fp32")) for batch in (64, 128))
    return RuleOfThumb(
        claim="Doubling the batch quadruples the buffers.",
        found=f"ResNet-50 in FP32 peaks at {format_binary(small)} with a batch of 64 and at {format_binary(large)} with 128: "
        f"{large / small:.2f} times as much.",
        verdict="Activations grow in proportion to the batch; weights and optimizer states do not grow at all.",
    )


def _half_rule() -> RuleOfThumb:
    full, mixed = (_peak(_resnet(128, precision)) for precision in ("fp32", "amp_fp16"))
    tuned, tuned_mixed = (_peak(_gpt2(precision)) for precision in ("fp32", "amp_bf16"))
    return RuleOfThumb(
        claim="Mixed precision halves the memory.",
        found=f"ResNet-50, batch 128: {format_binary(full)} becomes {format_binary(mixed)}, {mixed / full:.0%}. "
        f"GPT-2 with one sample of 512 tokens: {format_binary(tuned)} becomes {format_binary(tuned_mixed)}, {tuned_mixed / tuned:.0%}.",
        verdict="Only activations shrink. Weights, gradients and optimizer states stay in FP32, 16-bit copies of the weights join them.",
    )


def _weights_rule() -> RuleOfThumb:
    ratios = []
    for context in (8_192, 131_072):
        memory = _estimated(_llama(context))["gpu_memory"]
        weights = next(term["bytes"] for term in memory["terms"] if term["key"] == "weights")
        ratios.append(memory["required_bytes"] / weights)
    return RuleOfThumb(
        claim=f"Running a model takes {RULES_OF_THUMB_FACTOR} times its weights.",
        found=f"Llama 3.1 8B at Q4_K_M takes {ratios[0]:.2f} times its weights with 8k tokens of context, {ratios[1]:.2f} times with 128k.",
        verdict="The key-value cache grows with context and users, by layers and key-value heads; no factor on the weights can know it.",
    )


def _data_rule() -> RuleOfThumb:
    rows, columns = 1_000_000, 80
    data = rows * columns * 8
    needs = [_estimated(_table(library, algorithm, rows, columns)) for library, algorithm in _TABLE_CASES]
    ratios = [need["host_memory"]["peak_process_bytes"] / data for need in needs]
    said = " and ".join(f"{algorithm} {ratio:.1f} times" for (_, algorithm), ratio in zip(_TABLE_CASES, ratios, strict=True))
    return RuleOfThumb(
        claim="Tabular work needs RAM for ten times the data.",
        found=f"For {format_decimal(data)} of numbers, {said} the data.",
        verdict="It depends on the algorithm, the container and the steps before it, and each of them is a term of the ledger.",
    )


_TABLE_CASES = (("scikit-learn", "RandomForestClassifier"), ("xgboost", "XGBClassifier"))


def _estimated(document: Mapping[str, Any]) -> dict[str, Any]:
    return estimate(parse_workload(document)).to_json()


def _peak(document: Mapping[str, Any]) -> int:
    return int(_estimated(document)["gpu_memory"]["peak_allocated_bytes"])


def _inference(model: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    return {"kind": "inference", "model": model, **fields}


def _llama(context: int) -> dict[str, Any]:
    model = {"preset": "meta-llama/Llama-3.1-8B"}
    return _inference(model, runtime="llama.cpp", weight_format="q4_k_m", kv_cache_format="fp16", context_length=context)


def _resnet(batch: int, precision: str) -> dict[str, Any]:
    return {
        "kind": "training",
        "model": {"preset": "resnet50"},
        "precision": precision,
        "micro_batch_size": batch,
        "image_size": [224, 224],
        "optimizer": "sgd_momentum",
    }


def _gpt2(precision: str) -> dict[str, Any]:
    return {
        "kind": "training",
        "model": {"preset": "openai-community/gpt2"},
        "precision": precision,
        "micro_batch_size": 1,
        "sequence_length": 512,
    }


def _table(library: str, algorithm: str, rows: int, columns: int) -> dict[str, Any]:
    return {"kind": "classical", "library": library, "algorithm": algorithm, "rows": rows, "columns": columns}


def _note(name: str) -> Note:
    module = importlib.import_module(name)
    return Note(name=name.removeprefix("app."), text=tuple(paragraphs(module)))


def paragraphs(module: ModuleType) -> list[str]:
    """The paragraphs of a module's docstring."""
    return [" ".join(part.split()) for part in inspect.cleandoc(module.__doc__ or "").split("\n\n") if part.strip()]

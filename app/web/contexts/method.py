"""How the figures come about: worked examples that the estimator computes here and now, rules of thumb judged, and the book of formulas."""

from dataclasses import dataclass

from app.catalogue import prices
from app.estimation.memory_terms import EXPLANATIONS
from app.estimation.service import estimate
from app.hardware import Catalogue
from app.tape.convolutions import Conv2d
from app.tape.dtypes import FP32
from app.tape.operators import Window
from app.tape.tensor import Tape
from app.units import format_binary, format_decimal
from app.web.contexts.formula_book import CHAPTERS, Chapter, paragraphs
from app.web.contexts.needs import comfort_ram_gb
from app.web.contexts.rules_of_thumb import RuleOfThumb, rules_of_thumb
from app.workloads import parse_workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A figure that can be checked by hand."""

    title: str
    formula: str
    result: str


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
    price_rule: tuple[str, ...]
    chapters: tuple[Chapter, ...]
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChapterPage:
    """Context of pages/chapter.html."""

    chapter: Chapter
    chapters: tuple[Chapter, ...]


def method_page(catalogue: Catalogue) -> MethodPage:
    """The page; of the catalogue only the prices of drives are told."""
    return MethodPage(
        examples=examples(),
        rules=rules_of_thumb(catalogue),
        terms=tuple(TermKind(label=one.label, how=one.how, source=one.source) for one in EXPLANATIONS.values()),
        price_rule=paragraphs(prices),
        chapters=CHAPTERS,
        revision=catalogue.revision,
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


def _weights(title: str, parameters: int, weight_format: str, each: int) -> Example:
    workload = parse_workload({"kind": "inference", "model": {"parameters": parameters}, "weight_format": weight_format})
    found = estimate(workload).to_json()
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

"""How far the memory of running models lies from what others measured: `python -m benchmarks.accuracy_inference [--worst N]`.

Each row of tests/ground_truth/published_memory.json goes through the estimation service. One group is one source and model family; groups
weigh the same. Beside it stand simple rules, on the rows that give a total.
"""

import argparse
import json
import math
import re
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.estimation.estimate import ESTIMATOR_VERSION, Estimate
from app.estimation.inference_job import InferenceJob
from app.units import MIB
from app.workloads import InferenceWorkload, parse_workload

ROOT = Path(__file__).resolve().parent.parent
FACTS = ROOT / "tests" / "ground_truth" / "published_memory.json"
RESULTS = Path(__file__).parent / "results" / "inference.json"
AIMS = {"median": 0.04, "p90": 0.15}
TOTALS = ("gpu_memory.required_bytes", "gpu_memory.peak_allocated_bytes")
TERMS = {"kv_cache": "kv", "compute_buffer": "compute", "context": "device_context", "weights": "weights"}
NOMINAL_BITS = {"fp32": 32, "bf16": 16, "fp16": 16, "int8": 8, "nf4": 4, "gptq_int4": 4, "awq_int4": 4}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One row: what was measured, what is estimated, and the error of the estimate and of each rule that says something, relative."""

    id: str
    group: str
    measured: float
    estimate: float
    error: float
    rules: Mapping[str, float]


def outcomes(facts: Mapping[str, Any]) -> list[Outcome]:
    """Every row scored."""
    return [_outcome(row, facts["models"][row["model"]]) for row in facts["rows"]]


def _outcome(row: Mapping[str, Any], model: Mapping[str, Any]) -> Outcome:
    workload = parse_workload({**row["workload"], "model": model})
    if not isinstance(workload, InferenceWorkload):
        raise TypeError(workload)
    job = InferenceJob(workload)
    estimate = _compared(job.estimate, row["compared"])
    measured = nearest(estimate, row["readings_bytes"])
    ruled = {name: rule(job) for name, rule in RULES.items()} if row["compared"] in TOTALS else {}
    errors = {name: value / nearest(value, row["readings_bytes"]) - 1 for name, value in ruled.items()}
    return Outcome(
        id=row["id"], group=row["group"], measured=measured, estimate=estimate, error=estimate / measured - 1, rules=errors
    )  # fmt: skip


def _compared(estimate: Estimate, field: str) -> int:
    memory = estimate.gpu_memory
    if memory is None:
        raise ValueError("a row of GPU memory without any")
    if field in TOTALS:
        return memory.required_bytes if field.endswith("required_bytes") else memory.peak_allocated_bytes
    key = TERMS[field.removeprefix("term:")]
    return sum(term.bytes for term in memory.ledger.terms if re.match(key, term.key))


def nearest(estimate: float, readings: Iterable[float]) -> float:
    return min(readings, key=lambda reading: abs(estimate / reading - 1))


# -- simple rules -----------------------------------------------------------------------------------------------------------------


def _weights(job: InferenceJob) -> float:
    return job.prepared.parameters.total * NOMINAL_BITS[job.workload.weight_format] / 8


def _weights_alone(job: InferenceJob) -> float:
    return _weights(job)


def _weights_and_a_fifth(job: InferenceJob) -> float:
    return 1.2 * _weights(job)


def _weights_and_cache_and_a_fifth(job: InferenceJob) -> float:
    return 1.2 * (_weights(job) + job.prepared.cache.bytes)


def _nyxkrage(job: InferenceJob) -> float:
    heads = job.prepared.network.widths()[2]
    return _weights(job) + job.prepared.cache.bytes + (job.workload.context_length / 1024 * 2 + 0.75) * heads * MIB


def _gpu_poor(job: InferenceJob) -> float:
    """gpu_poor (mathutils and defaults of its page): parameters by its own formula, a cache without grouped queries, twice for
    transformers, 6 % on top of bitsandbytes' weights, 650 MiB."""
    workload, (hidden, feed_forward, _) = job.workload, job.prepared.network.widths()
    layers, vocabulary = job.prepared.network.layer_count(), job.prepared.network.vocabulary or 0
    parameters = 2 * vocabulary * hidden + layers * (4 * hidden * hidden + 3 * hidden * feed_forward)
    bits = NOMINAL_BITS[workload.weight_format]
    weights = parameters * bits / 8 * (1.06 if workload.weight_format in ("int8", "nf4") else 1.0)
    doubled = 2 if workload.runtime == "transformers" else 1
    cache = doubled * 2 * 2 * workload.context_length * hidden * layers * workload.concurrent_sequences
    return weights + cache + 650 * MIB


LLMFIT_BYTES = {"fp32": 4.0, "bf16": 2.0, "fp16": 2.0, "int8": 1.05, "nf4": 0.58, "gptq_int4": 0.5, "awq_int4": 0.5}


def _llmfit(job: InferenceJob) -> float:
    """llmfit: bytes a parameter by format, 2 x layers x key heads x head size x context x 2 B, half a gigabyte."""
    workload, language = job.workload, job.prepared.language
    layers = language.cache_layers() if language else ()
    cache = 2 * sum(layer.elements_per_position for layer in layers) * workload.context_length
    return job.prepared.parameters.total * LLMFIT_BYTES[workload.weight_format] + cache + 0.5e9


RULES: Mapping[str, Callable[[InferenceJob], float]] = {
    "weights alone (accelerate estimate-memory)": _weights_alone,
    "1.2 x weights": _weights_and_a_fifth,
    "1.2 x (weights + cache)": _weights_and_cache_and_a_fifth,
    "weights + cache + (2 x context / 1024 + 0.75) MiB x heads (NyxKrage)": _nyxkrage,
    "own parameter count + cache without grouped queries + 650 MiB (gpu_poor)": _gpu_poor,
    "bytes by format + cache + 0.5 GB (llmfit)": _llmfit,
}

# -- tables -----------------------------------------------------------------------------------------------------------------------


def error_figures(errors: Iterable[float]) -> dict[str, float]:
    sizes = sorted(abs(error) for error in errors)
    return {"runs": len(sizes), "median": statistics.median(sizes), "p90": sizes[math.ceil(0.9 * len(sizes)) - 1]}


def over_groups(errors: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Rows, and the medians over groups of each group's median and of the error that nine of ten rows stay below."""
    groups: dict[str, list[float]] = defaultdict(list)
    for group, error in errors:
        groups[group].append(error)
    figures = [error_figures(found) for found in groups.values()]
    medians = {name: statistics.median(figure[name] for figure in figures) for name in ("median", "p90")}
    return {"runs": sum(len(found) for found in groups.values()), **medians}


def table(found: list[Outcome]) -> dict[str, Any]:
    """The results file: ours by group and over all groups, and on the rows that give totals beside every rule."""
    totals = [outcome for outcome in found if outcome.rules]
    by_group: dict[str, list[float]] = defaultdict(list)
    for outcome in found:
        by_group[outcome.group].append(outcome.error)
    ours = {"rule": "Rigwise", **over_groups((outcome.group, outcome.error) for outcome in totals)}
    rules = [{"rule": name, **over_groups((outcome.group, outcome.rules[name]) for outcome in totals)} for name in RULES]
    return {
        "estimator": ESTIMATOR_VERSION,
        "overall": over_groups((outcome.group, outcome.error) for outcome in found),
        "groups": {group: error_figures(errors) for group, errors in sorted(by_group.items())},
        "totals": [ours, *rules],
        "rows": [asdict(outcome) for outcome in found],
    }


def main() -> None:
    """Prints the tables and writes the results file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worst", type=int, default=0, help="rows to list")
    asked = parser.parse_args()
    found = outcomes(json.loads(FACTS.read_text(encoding="utf-8")))
    result = table(found)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for group, figures in {**result["groups"], "median over groups": result["overall"]}.items():
        print(f"{group:<24}{figures['runs']:>5}{figures['median']:>9.1%}{figures['p90']:>9.1%}")
    print("\nrows that give totals, medians over groups")
    for row in result["totals"]:
        print(f"{row['rule']:<72}{row['runs']:>5}{row['median']:>9.1%}{row['p90']:>9.1%}")
    for outcome in sorted(found, key=lambda one: -abs(one.error))[: asked.worst]:
        print(f"{outcome.error:>+8.1%}  {outcome.id}")


if __name__ == "__main__":
    main()

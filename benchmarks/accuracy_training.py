"""How far the memory of training lies from what others measured on real GPUs: `python -m benchmarks.accuracy_training [--worst N]`.

Each row of tests/ground_truth/published_training.json goes through the estimation service. One group is one source and model family; groups
weigh the same. Many rows are of older software than the estimate is of: the file says for every source what is known of it.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.estimation.estimate import ESTIMATOR_VERSION
from app.estimation.training_job import TrainingJob
from app.workloads import TrainingWorkload, parse_workload
from app.workloads.training import Parallelism
from benchmarks.accuracy_inference import error_figures, nearest, over_groups

FACTS = Path(__file__).resolve().parent.parent / "tests" / "ground_truth" / "published_training.json"
RESULTS = Path(__file__).parent / "results" / "training.json"
TRAINED_BYTES, FROZEN_BYTES = 16, 2  # of a parameter in mixed precision: weight, gradient, master, two moments; weight alone


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One row: what was measured, what is estimated, and the relative errors of the estimate and of the rule of 16 B a parameter.

    `explanation`: what is known of the source where it differs from what is estimated.
    """

    id: str
    group: str
    measured: float
    estimate: float
    error: float
    rule_error: float
    covered: bool
    explanation: str


def outcomes(facts: Mapping[str, Any]) -> list[Outcome]:
    """Every row scored."""
    return [_outcome(row, facts["models"][row["model"]], facts["sources"][source_of(row["group"])]) for row in facts["rows"]]


def source_of(group: str) -> str:
    """The source of a group: what stands before its model family."""
    return group.partition("/")[0]


def _outcome(row: Mapping[str, Any], model: Mapping[str, Any], source: Mapping[str, str]) -> Outcome:
    workload = parse_workload({**row["workload"], "model": model})
    if not isinstance(workload, TrainingWorkload):
        raise TypeError(workload)
    job = TrainingJob(workload)
    memory = job.estimate.gpu_memory
    if memory is None:
        raise ValueError("a row of GPU memory without any")
    beside = 0 if row["compared"].endswith("required_bytes") else memory.required_bytes - memory.peak_allocated_bytes
    estimate, interval = memory.required_bytes - beside, memory.interval
    rule, measured = sixteen_bytes(job), nearest(estimate, row["readings_bytes"])
    return Outcome(
        id=row["id"], group=row["group"], measured=measured, estimate=estimate, error=estimate / measured - 1,
        rule_error=rule / nearest(rule, row["readings_bytes"]) - 1,
        covered=interval.low_bytes - beside <= measured <= interval.high_bytes - beside,
        explanation=f"{source['reported']}. {source['why']}".removesuffix(". "),
    )  # fmt: skip


def sixteen_bytes(job: TrainingJob) -> float:
    """16 B a trained and 2 B a frozen parameter, divided where GPUs share all of them (Rajbhandari et al. 2020)."""
    counts, spread = job.traced.parameters, job.workload.parallelism
    shared = spread.gpus if isinstance(spread, Parallelism) and spread.zero_stage == 3 else 1
    return (TRAINED_BYTES * counts.trainable + FROZEN_BYTES * (counts.total - counts.trainable)) / shared


def table(facts: Mapping[str, Any], found: list[Outcome]) -> dict[str, Any]:
    """The results file: by group with what is known of its source, and over all groups beside the rule."""
    by_group: dict[str, list[float]] = defaultdict(list)
    for outcome in found:
        by_group[outcome.group].append(outcome.error)
    groups = {group: {**error_figures(errors), **facts["sources"][source_of(group)]} for group, errors in sorted(by_group.items())}
    return {
        "estimator": ESTIMATOR_VERSION,
        "overall": over_groups((outcome.group, outcome.error) for outcome in found),
        "totals": [
            {"rule": "Rigwise", **over_groups((outcome.group, outcome.error) for outcome in found)},
            {"rule": "16 B a trained parameter, 2 B a frozen one", **over_groups((outcome.group, outcome.rule_error) for outcome in found)},
        ],
        "groups": groups,
        "rows": [asdict(outcome) for outcome in found],
    }


def main() -> None:
    """Prints the table and writes the results file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worst", type=int, default=0, help="rows to list")
    asked = parser.parse_args()
    facts = json.loads(FACTS.read_text(encoding="utf-8"))
    found = outcomes(facts)
    result = table(facts, found)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for group, row in {**result["groups"], "median over groups": result["overall"], "16 B a parameter": result["totals"][1]}.items():
        print(f"{group:<32}{row['runs']:>5}{row['median']:>9.1%}{row['p90']:>9.1%}")
    for outcome in sorted(found, key=lambda one: -abs(one.error))[: asked.worst]:
        print(f"{outcome.error:>+8.1%}  {outcome.id}")


if __name__ == "__main__":
    main()

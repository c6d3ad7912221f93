"""Estimated against measured: `make accuracy` prints the table and writes the file that the Accuracy page shows."""

import json
import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from app.errors import RigwiseError
from app.estimation.estimate import ESTIMATOR_VERSION
from app.estimation.service import estimate
from app.workloads import parse_workload
from benchmarks import peers
from benchmarks.measured_cases import Case, document, torch_cases

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).resolve().parent.parent / "README.md"
README_RUNS = 12  # families with fewer runs are shown on the Accuracy page only
BEGIN, END = "<!-- accuracy:begin -->", "<!-- accuracy:end -->"
Row = dict[str, Any]


def score(case: Case) -> Row:
    """One measured run beside its estimate."""
    measured = case["measured"]["peak_bytes"]
    row = {"id": case["id"], "family": case["family"], "task": case["workload"]["task"], "measured_bytes": measured}
    try:
        found = estimate(parse_workload(document(case)))
    except RigwiseError as error:
        return {**row, "refused": str(error)}
    memory = found.gpu_memory
    assert memory is not None  # noqa: S101 - every measured run is on a GPU
    slack = memory.required_bytes - memory.peak_allocated_bytes
    low, high = memory.interval.low_bytes - slack, memory.interval.high_bytes - slack
    return {
        **row,
        "estimated_bytes": memory.peak_allocated_bytes,
        "error": memory.peak_allocated_bytes / measured - 1,
        "covered": low <= measured <= high,
        "half_width": (high - low) / 2 / memory.peak_allocated_bytes,
        "parameters_exact": found.parameters.total == case["params_total"],
        "phase_right": memory.peak_phase == case["measured"]["peak_phase"],
    }


def quantile(values: list[float], share: float) -> float:
    """The value below which this share lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def summary(rows: list[Row]) -> dict[str, float]:
    """Figures of a group, in percent."""
    errors = [abs(row["error"]) for row in rows]
    return {
        "runs": len(rows),
        "median": 100 * statistics.median(errors),
        "p90": 100 * quantile(errors, 0.9),
        "largest": 100 * max(errors),
        "worst_under": 100 * min(0.0, *(row["error"] for row in rows)),
        "covered": 100 * statistics.mean(row["covered"] for row in rows),
        "half_width": 100 * statistics.median(row["half_width"] for row in rows),
    }


def peer_table(cases: list[Case]) -> list[dict[str, Any]]:
    """The other rules' errors on the runs that they say something about."""
    table = []
    for name, rule in peers.RULES.items():
        errors = [abs(said / case["measured"]["peak_bytes"] - 1) for case in cases if (said := rule(case)) is not None]
        if errors:
            table.append({"rule": name, "runs": len(errors), "median": 100 * statistics.median(errors), "p90": 100 * quantile(errors, 0.9)})
    return table


def table(families: dict[str, dict[str, float]]) -> str:
    """The figures as aligned text."""
    columns = ("runs", "median", "p90", "largest", "worst_under", "covered", "half_width")
    lines = [f"{'family':24s}" + "".join(f"{column:>12s}" for column in columns)]
    lines += [f"{name:24s}" + "".join(f"{figures[column]:12.2f}" for column in columns) for name, figures in families.items()]
    return "\n".join(lines)


def write_readme(families: dict[str, dict[str, float]]) -> None:
    """Puts the table of families between the markers of the README."""
    columns = {
        "runs": "runs",
        "median": "median",
        "p90": "90th percentile",
        "largest": "largest",
        "worst_under": "under",
        "covered": "in interval",
    }
    lines = ["| family | " + " | ".join(columns.values()) + " |", "|---|" + "--:|" * len(columns)]
    for name, figures in families.items():
        if figures["runs"] < README_RUNS:
            continue
        cells = [f"{figures[key]:.0f}" if key in ("runs", "covered") else f"{figures[key]:.2f}" for key in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    README.write_text(before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + after, encoding="utf-8")


def main() -> None:
    """Scores every recorded run."""
    cases = list(torch_cases())
    started = time.perf_counter()
    rows = [score(case) for case in cases]
    seconds = time.perf_counter() - started
    scored = [row for row in rows if "error" in row]
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in scored:
        groups[row["family"]].append(row)
    families = {name: summary(groups[name]) for name in sorted(groups)}
    families["all"] = summary(scored)
    others = peer_table(cases)
    print(table(families))
    for line in others:
        print(f"{line['rule']:40s} {line['runs']:4d} runs, median {line['median']:.1f} %, 90th percentile {line['p90']:.1f} %")
    for row in sorted(scored, key=lambda row: -abs(row["error"]))[:10]:
        print(f"  {100 * row['error']:+7.2f} %  {row['id']}")
    for row in rows:
        if "refused" in row:
            print(f"  refused {row['id']}: {row['refused']}")
    print(f"{len(scored)} runs in {seconds:.2f} s")
    RESULTS.mkdir(exist_ok=True)
    write_readme(families)
    result = {"estimator": ESTIMATOR_VERSION, "families": families, "peers": others, "rows": rows}
    (RESULTS / "accuracy.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

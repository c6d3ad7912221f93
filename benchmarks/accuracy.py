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

# Why the runs that lie furthest off do so, by the start of their names: found by laying the tensors alive at both peaks side by side.
EXPLANATIONS = {
    "deberta2": "tables of relative positions (8 B for each pair of tokens) and the padding mask are held through the layer; half a "
    "megabyte each in these short runs, and not in the program",
    "gptj": "the mask of all pairs of tokens, 1 MiB, is held while the scores are scaled",
    "lstm": "0.2 MB of states that the recurrent call makes for itself, the same in long runs and short ones",
    "llama-dora--amp": "one adapter's product, 2.9 MB, is taken to be dropped a moment later than peft drops it",
}
LEAST_BELOW, LEAST_ABOVE, ABOVE_OVER_BELOW = 0.01, 0.02, 2  # the rule by which residuals.py widens a family's largest error


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
    told = next((why for start, why in EXPLANATIONS.items() if case["id"].startswith(start)), "")
    return {
        **row,
        **({"explanation": told} if told else {}),
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


def held_out(rows: list[Row]) -> dict[str, float]:
    """Share of each family's runs that intervals from all other families' errors alone would cover, by the rule of residuals.py."""
    covered: dict[str, float] = {}
    for family in sorted({row["family"] for row in rows}):
        largest = max(abs(row["error"]) for row in rows if row["family"] != family)
        below, above = max(LEAST_BELOW, largest), max(LEAST_ABOVE, ABOVE_OVER_BELOW * largest)
        inside = [1 - below <= row["measured_bytes"] / row["estimated_bytes"] <= 1 + above for row in rows if row["family"] == family]
        covered[family] = statistics.mean(inside)
    return covered


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
    others, left_out = peer_table(cases), held_out(scored)
    print(table(families))
    for line in others:
        print(f"{line['rule']:40s} {line['runs']:4d} runs, median {line['median']:.1f} %, 90th percentile {line['p90']:.1f} %")
    for row in sorted(scored, key=lambda row: -abs(row["error"]))[:10]:
        print(f"  {100 * row['error']:+7.2f} %  {row['id']}")
    for row in rows:
        if "refused" in row:
            print(f"  refused {row['id']}: {row['refused']}")
    print(f"{len(scored)} runs in {seconds:.2f} s; intervals from other families alone cover {100 * min(left_out.values()):.0f} % or more")
    RESULTS.mkdir(exist_ok=True)
    write_readme(families)
    result = {"estimator": ESTIMATOR_VERSION, "families": families, "peers": others, "held_out": left_out, "rows": rows}
    (RESULTS / "accuracy.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

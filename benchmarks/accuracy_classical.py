"""Classical jobs, estimated against measured RAM, beside the rules of thumb: prints a table by library and writes it for the site.

`--intervals` prints, for each family of mechanisms, how far the measured peaks lie from the estimates;
app/estimation/classical/intervals.py holds these figures.
"""

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from app.errors import RigwiseError
from app.estimation.classical import estimate_classical
from app.estimation.estimate import ESTIMATOR_VERSION
from app.workloads import ClassicalWorkload, parse_workload
from benchmarks.classical_cases import Case, classical_cases, document

RESULT = Path(__file__).parent / "results" / "accuracy_classical.json"
Row = dict[str, Any]
SHARE_COUNTED_UNDER = 0.15  # under-estimates beyond this are counted


def data_set_bytes(case: Case) -> int:
    """Table and labels in memory, or the frame that a file becomes: what rules of thumb multiply."""
    nominal = case["nominal_bytes"]
    return int(nominal.get("frame", 0) or nominal.get("X", 0) + nominal.get("y", 0) or nominal.get("file", 0))


RULES: dict[str, Callable[[Case], float]] = {
    "5 x data set": lambda case: 5 * data_set_bytes(case),
    "10 x data set": lambda case: 10 * data_set_bytes(case),
    "import + 2 x data set": lambda case: case["measured"]["baseline"] + 2 * data_set_bytes(case),
}


def score(case: Case) -> Row:
    """One measured run beside its estimate."""
    measured = case["measured"]["peak_total"]
    row = {"id": case["id"], "library": case["library"], "algorithm": case["algorithm"], "measured_bytes": measured}
    try:
        workload = parse_workload(document(case))
        assert isinstance(workload, ClassicalWorkload)  # noqa: S101 - the document says so
        need = estimate_classical(workload)
    except RigwiseError as error:
        return {**row, "refused": str(error)}
    memory = need.host_memory
    return {
        **row,
        "family": need.family,
        "estimated_bytes": memory.peak_process_bytes,
        "error": memory.peak_process_bytes / measured - 1,
        "covered": memory.interval.low_bytes <= measured <= memory.interval.high_bytes,
        "rules": {name: rule(case) / measured - 1 for name, rule in RULES.items()},
    }


def quantile(values: Iterable[float], share: float) -> float:
    """The value below which this share lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def summary(errors: list[float], covered: list[bool]) -> dict[str, float]:
    """Figures of a group, in percent."""
    sizes = [abs(error) for error in errors]
    return {
        "runs": len(errors),
        "median": 100 * statistics.median(sizes),
        "p90": 100 * quantile(sizes, 0.9),
        "largest": 100 * max(sizes),
        "worst_under": 100 * min(0.0, *errors),
        "far_under": 100 * statistics.mean(error < -SHARE_COUNTED_UNDER for error in errors),
        "covered": 100 * statistics.mean(covered) if covered else 0.0,
    }


def grouped(rows: list[Row], key: str) -> dict[str, dict[str, float]]:
    """The figures by library or family, and of all."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[key]].append(row)
    groups = {**dict(sorted(groups.items())), "all": rows}
    return {name: summary([row["error"] for row in members], [row["covered"] for row in members]) for name, members in groups.items()}


def rules_of_thumb(rows: list[Row]) -> dict[str, dict[str, float]]:
    """What usual rules would have said of the same runs."""
    return {name: summary([row["rules"][name] for row in rows], []) for name in RULES}


def table(groups: dict[str, dict[str, float]], title: str) -> str:
    """The figures as aligned text."""
    columns = ("runs", "median", "p90", "largest", "worst_under", "far_under", "covered")
    lines = [f"{title:24s}" + "".join(f"{column:>12s}" for column in columns)]
    lines += [f"{name:24s}" + "".join(f"{figures[column]:12.2f}" for column in columns) for name, figures in groups.items()]
    return "\n".join(lines)


def residuals(rows: list[Row]) -> str:
    """Measured over estimated, by family: smallest and largest."""
    groups: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        groups[row["family"]].append(row["measured_bytes"] / row["estimated_bytes"])
    lines = [f"{'family':24s}{'runs':>6s}{'below':>8s}{'above':>8s}"]
    for family, ratios in sorted(groups.items()):
        lines.append(f"{family:24s}{len(ratios):6d}{1 - quantile(ratios, 0.025):8.3f}{quantile(ratios, 0.975) - 1:8.3f}")
    return "\n".join(lines)


def main() -> None:
    """Scores the published runs, and on request those that the formulas were fitted on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--development", action="store_true", help="also the runs that the formulas were fitted on")
    parser.add_argument("--intervals", action="store_true", help="residuals by family, of all runs")
    options = parser.parse_args()
    started = time.perf_counter()
    rows = [score(case) for case in classical_cases(development=options.development or options.intervals)]
    seconds = time.perf_counter() - started
    scored = [row for row in rows if "error" in row]
    if options.intervals:
        print(residuals(scored))
        return
    libraries, rules = grouped(scored, "library"), rules_of_thumb(scored)
    print(table(libraries, "library"), table(rules, "rule of thumb"), sep="\n\n")
    for row in sorted(scored, key=lambda row: -abs(row["error"]))[:10]:
        print(f"  {100 * row['error']:+7.2f} %  {row['id']}")
    for row in rows:
        if "refused" in row:
            print(f"  refused {row['id']}: {row['refused']}")
    print(f"{len(scored)} runs in {seconds:.2f} s")
    if not options.development:
        RESULT.parent.mkdir(exist_ok=True)
        result = {"estimator": ESTIMATOR_VERSION, "libraries": libraries, "rules_of_thumb": rules, "rows": rows}
        RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

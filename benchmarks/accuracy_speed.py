"""How far speed estimates lie from published measurements: `python benchmarks/accuracy_speed.py [--worst N]`.

Each row of tests/ground_truth/published_speed.json goes through the estimation service for the card it was measured on. One group is one
source and model family; groups weigh the same. Errors are |ln(estimate / measured)|. Beside them stand simple rules: for decoding
0.55 x bandwidth / size (llmfit), for prompts two and for training six operations a parameter and token, at 40 % of the peak.
"""

import argparse
import json
import math
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from app.catalogue.seed import catalogue_from_seed
from app.errors import RigwiseError
from app.estimation.service import speed_on
from app.hardware import Gpu

ROOT = Path(__file__).resolve().parent.parent
FACTS = ROOT / "tests" / "ground_truth" / "published_speed.json"
RULES = ("0.55 x bandwidth / size; 40 % of the peak", "llm-analysis: 0.9 x bandwidth / size; 50 or 70 % of the peak")
# The second rule's shares beside the first's: llm-analysis advises 0.9 of the bandwidth, 0.7 of the FLOP/s to infer and 0.5 to train.
SECOND_RULE = {"decode": math.log(0.9 / 0.55), "prefill": math.log(0.7 / 0.4), "train": math.log(0.5 / 0.4)}
WORST_SHOWN = 10
UNEXPLAINED = "no cause known"
EXPLANATIONS = {
    "litgpt/phi": "LitGPT runs operator by operator; the runtime PyTorch is taken as compiled, as in gpt-fast",
    "litgpt/StableLM": "LitGPT runs operator by operator; the runtime PyTorch is taken as compiled, as in gpt-fast",
    "d2/Det-RetinaNet": "no program of the detector: a network of its size stands in for it",
    "d2/Det-FasterRCNN": "no program of the detector: a network of its size stands in for it",
    "geerling/Llama-3.2": "the same program reaches a larger share of the bandwidth on this source's other systems",
    "llamacpp-amd/Mistral": "RDNA 2 has no matrix units and the backend of that time no kernels for it; the class is fitted on later cards",
    "trtllm-static/GPT-J": "long sequences: the cache counts most, and an FP8 cache, which the source may have used, would halve it",
    "hf-bert/BERT": "micro-batches of one sequence: kernel launches cost more on that host than the constant says",
    "llmc/GPT-2": "written in CUDA by hand with fused kernels; the estimate is that of PyTorch",
    "llamacpp-pr/Llama-2": "a card without tensor cores, at an early state of the integer kernels",
    "llmfoundry/MPT-a100_40gb": "128 cards and more: the network between the servers is assumed",
}
RESULTS = Path(__file__).parent / "results" / "speed.json"
AIMS = {"decode": 0.10, "prefill": 0.20, "train": 0.18}
CLEARLY_FASTER = 1.1  # pairs of cards that differ by less are not ranked


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One row: logarithms of estimate over measurement, for the estimator and for the simple rule."""

    id: str
    kind: str
    group: str
    gpu: str
    gpus: int
    setting: str  # everything but the card: rows that share it rank cards
    unit: str  # of both figures: 1/s, or FLOP/s where the source tells no other
    measured: float
    estimate: float
    error: float
    rule_error: float | None  # None for images, which the rules do not cover
    factor: float
    basis: str
    bottleneck: str


def outcomes(facts: Mapping[str, Any], gpus: Mapping[str, Gpu]) -> tuple[list[Outcome], list[str]]:
    """Every row scored, and the rows that got no answer with the reason."""
    scored, unanswered = [], []
    for row in facts["rows"]:
        document = {**row["workload"], "model": facts["models"][row["model"]]}
        try:
            answer = speed_on(document, gpus[row["gpu"]], row["gpus"])
        except RigwiseError as error:
            unanswered.append(f"{row['id']}: {error}")
            continue
        estimate = comparable(row, document, answer)
        if estimate is None:
            unanswered.append(f"{row['id']}: no speed")
        else:
            scored.append(_outcome(row, answer, estimate, gpus[row["gpu"]]))
    return scored, unanswered


def comparable(row: Mapping[str, Any], document: Mapping[str, Any], answer: Mapping[str, Any]) -> float | None:
    """The estimate in the terms of the measured value: with the prefill counted in, or as FLOP/s, where the source does so."""
    speed = answer["speed"]
    rate: float | None = speed[row["field"]]
    if rate is None:
        return None
    if "prefill_share" in row:
        rate = 1 / (1 / rate + row["prefill_share"] / speed["prompt_tokens_per_second"])
    if "model_flops" in row:
        config = document["model"]["config"]
        attention = row["model_flops"] * config["num_hidden_layers"] * config["hidden_size"] * document["sequence_length"]
        rate *= 6 * answer["parameters"]["total"] + attention
    return rate


def simple_rule(row: Mapping[str, Any], answer: Mapping[str, Any], gpu: Gpu) -> float | None:
    """What the usual rules of thumb say for the same row; None for images."""
    if "image_size" in row["workload"]:
        return None
    active, total = float(answer["parameters"]["active"]), float(answer["parameters"]["total"])
    gpus = int(row["gpus"])
    if row["kind"] == "decode":
        return 0.55 * gpu.bandwidth_gb_s * 1e9 / max(1.0, float(answer["storage"]["model_file_bytes"]) * active / total)
    peak = 0.4e12 * (gpu.bf16_tflops or gpu.fp16_tflops or gpu.fp32_tflops or 0.0)
    if "model_flops" in row:
        return gpus * peak
    return gpus * peak / (6 * active) if row["kind"] == "train" else peak / (2 * active)


def _outcome(row: Mapping[str, Any], answer: Mapping[str, Any], estimate: float, gpu: Gpu) -> Outcome:
    speed, measured = answer["speed"], row["comparable"]
    rule = simple_rule(row, answer, gpu)
    high = speed["interval"]["high"] if speed["interval"] else math.inf
    reference = speed["samples_or_tokens_per_second"] or speed["decode_tokens_per_second"]
    return Outcome(
        id=row["id"], kind=row["kind"], group=row["group"], gpu=row["gpu"], gpus=row["gpus"],
        setting=json.dumps([row["group"], row["kind"], row["model"], row["gpus"], row["workload"].get("weight_format")]),
        unit="FLOP/s" if "model_flops" in row else "1/s",
        measured=measured, estimate=estimate, error=math.log(estimate / measured), rule_error=math.log(rule / measured) if rule else None,
        factor=high / reference, basis=speed["interval"]["basis"], bottleneck=speed["bottleneck"],
    )  # fmt: skip


def by_group(rows: Iterable[Outcome]) -> dict[tuple[str, str], list[Outcome]]:
    """Rows by kind and group."""
    groups: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for row in rows:
        groups[row.kind, row.group].append(row)
    return dict(sorted(groups.items()))


def median_error(rows: Iterable[Outcome]) -> float:
    """Median absolute logarithmic error."""
    return statistics.median(abs(row.error) for row in rows)


def median_rule_error(rows: Iterable[Outcome]) -> float | None:
    """The same for the simple rule."""
    errors = [abs(row.rule_error) for row in rows if row.rule_error is not None]
    return statistics.median(errors) if errors else None


def rule_medians(kind: str, rows: Iterable[Outcome]) -> list[float | None]:
    """Both simple rules' median errors, in the order of RULES."""
    errors = [row.rule_error for row in rows if row.rule_error is not None]
    if not errors:
        return [None, None]
    return [statistics.median(map(abs, errors)), statistics.median(abs(error + SECOND_RULE[kind]) for error in errors)]


def medians_over_groups(kind: str, members: Iterable[list[Outcome]]) -> list[float]:
    """Medians of those over groups."""
    found = [rule_medians(kind, rows) for rows in members]
    return [statistics.median(errors[rule] or 0.0 for errors in found if errors[rule] is not None) for rule in range(len(RULES))]


def worst_rows(scored: Iterable[Outcome], count: int) -> list[dict[str, Any]]:
    """The rows that are furthest off, with what is known of why."""
    ordered = sorted(scored, key=lambda row: -abs(row.error))[:count]
    return [{**asdict(row), "explanation": EXPLANATIONS.get(row.group, UNEXPLAINED)} for row in ordered]


def medians_by_kind(groups: Mapping[tuple[str, str], list[Outcome]]) -> dict[str, dict[str, Any]]:
    """The median over groups of each kind, for the estimator and for the rule."""
    kinds: dict[str, dict[str, Any]] = {}
    for kind, aim in AIMS.items():
        members = [rows for (of, _), rows in groups.items() if of == kind]
        if members:
            rule = statistics.median(error for rows in members if (error := median_rule_error(rows)) is not None)
            kinds[kind] = {"median": statistics.median(map(median_error, members)), "rule": rule, "aim": aim, "groups": len(members)}
            kinds[kind]["rules"] = medians_over_groups(kind, members)
    return kinds


def ranking(rows: Iterable[Outcome]) -> tuple[int, int]:
    """Pairs of cards under one setting that differ clearly: how many are ranked right, and how many there are."""
    settings: dict[str, list[Outcome]] = defaultdict(list)
    for row in rows:
        settings[row.setting].append(row)
    right = total = 0
    for members in settings.values():
        for one, other in combinations(members, 2):
            if one.gpu != other.gpu and abs(math.log(one.measured / other.measured)) > math.log(CLEARLY_FASTER):
                total += 1
                right += (one.measured > other.measured) == (one.estimate > other.estimate)
    return right, total


def scaling_errors(rows: Iterable[Outcome]) -> list[float]:
    """Data-parallel efficiency, estimated less measured, for rows of several cards that have a row of one card beside them."""
    training = [row for row in rows if row.kind == "train"]
    single = {(row.group, row.gpu, json.loads(row.setting)[2]): row for row in training if row.gpus == 1}
    found = []
    for row in training:
        base = single.get((row.group, row.gpu, json.loads(row.setting)[2]))
        if row.gpus > 1 and base:
            estimated, measured = row.estimate / base.estimate, row.measured / base.measured
            found.append((estimated - measured) / row.gpus)
    return found


def coverage(rows: Iterable[Outcome]) -> float:
    """Share of rows that lie inside their interval."""
    inside = [abs(row.error) <= math.log(row.factor) for row in rows]
    return sum(inside) / len(inside)


def report(scored: list[Outcome], unanswered: list[str], worst: int) -> dict[str, Any]:
    """Prints the tables and gives them as a document."""
    groups = by_group(scored)
    print(f"{'kind':8} {'group':28} {'rows':>4} {'median':>8} {'bias':>8} {'rule':>8}")
    for (kind, group), rows in groups.items():
        bias, rule = statistics.median(row.error for row in rows), median_rule_error(rows)
        beside = f"{rule:8.1%}" if rule is not None else f"{'-':>8}"
        print(f"{kind:8} {group:28} {len(rows):4} {median_error(rows):8.1%} {bias:+8.1%} {beside}")
    kinds = medians_by_kind(groups)
    for kind, figures in kinds.items():
        found, aim, rule = figures["median"], figures["aim"], figures["rule"]
        print(f"{kind}: median over {figures['groups']} groups {found:.1%}, aim {aim:.0%}, simple rule {rule:.1%}")
    right, pairs = ranking(scored)
    scaling = scaling_errors(scored)
    print(f"ranking: {right} of {pairs} pairs right   coverage: {coverage(scored):.1%} of {len(scored)} rows")
    if scaling:
        print(f"data-parallel scaling: median {100 * statistics.median(map(abs, scaling)):.1f} points over {len(scaling)} rows")
    for row in sorted(scored, key=lambda row: -abs(row.error))[:worst]:
        print(f"{row.error:+6.2f}  {row.estimate:12.5g} for {row.measured:12.5g}  {row.kind:8} {row.id}  ({row.bottleneck})")
    for line in unanswered:
        print(f"no answer: {line}")
    return {
        "kinds": kinds,
        "rules": RULES,
        "groups": [
            {"kind": kind, "group": group, "rows": len(rows), "median": median_error(rows), "rules": rule_medians(kind, rows)}
            for (kind, group), rows in groups.items()
        ],
        "worst": worst_rows(scored, WORST_SHOWN),
        "ranking": {"right": right, "pairs": pairs},
        "coverage": coverage(scored),
        "scaling_points": [100 * error for error in scaling],
        "rows": [asdict(row) for row in scored],
        "unanswered": unanswered,
    }


def main() -> int:
    """Scores every row, prints the tables, writes them to benchmarks/results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worst", type=int, default=10, help="how many of the worst rows to list")
    options = parser.parse_args()
    facts = json.loads(FACTS.read_text(encoding="utf-8"))
    scored, unanswered = outcomes(facts, catalogue_from_seed().gpus)
    document = report(scored, unanswered, options.worst)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How long the search takes, how it grows with the catalogue, and how long the whole advice takes: `python benchmarks/search.py`.

For the search the job answers by arithmetic, so that what is measured is the search and not the estimator; times are processor time,
which other programs on the machine do not disturb. A larger catalogue is the seeded one with
every part copied under new names, each copy's price, memory and speed moved by up to a quarter, so that copies compete.
"""

import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from app import advisor
from app.advisor import advise, first_view
from app.catalogue.seed import catalogue_from_seed
from app.estimation import training
from app.hardware import Catalogue, Gpu, Part
from app.placement import Placement, Sharding, Speed, Unplaceable
from app.recommendation.frontier import undominated
from app.recommendation.market import market_for
from app.recommendation.recommend import cheapest, recommend
from app.recommendation.search import explore
from app.units import GB, GIB
from app.workloads import parse_request
from app.workloads.limits import Limits
from tests.recommendation.test_search_against_a_solver import Shop
from tests.recommendation.test_search_against_a_solver import request as solver_request

RESULTS = Path(__file__).parent / "results" / "search.json"
REQUESTS = 60
AnyPart = TypeVar("AnyPart", bound=Part)


@dataclass(frozen=True, kw_only=True)
class Job:
    """Memory that divides over GPUs, speed that follows bandwidth."""

    memory_bytes: int
    needs_gpu: bool = True
    ssd_bytes: int = 400 * GB
    hdd_bytes: int = 0

    def place(self, gpu: Gpu | None, quantity: int) -> Placement | Unplaceable:
        """Arithmetic in place of the estimator."""
        if gpu is None:
            return Unplaceable(reason="the job runs on a GPU")
        need = GIB + self.memory_bytes // quantity
        speed = Speed(samples_or_tokens_per_second=gpu.bandwidth_gb_s * quantity**0.8)
        return Placement(
            sharding=Sharding(gpus=quantity), gpu_bytes=need, gpu_bytes_high=need * 11 // 10, host_bytes=16 * GIB + quantity * 2 * GIB,
            read_bytes_per_second=50_000_000, speed=speed,
        )  # fmt: skip


def enlarged(catalogue: Catalogue, times: int) -> Catalogue:
    """The catalogue with every part `times` times over."""
    rng = random.Random(times)

    def copies(parts: dict[str, AnyPart]) -> Iterator[AnyPart]:
        for part in parts.values():
            yield part
            for number in range(1, times):
                yield _varied(part, number, rng)

    def of(parts: Any) -> Any:
        return {part.id: part for part in copies(dict(parts))}

    return replace(
        catalogue,
        revision=times,
        gpus=of(catalogue.gpus),
        ram=of(catalogue.ram),
        drives=of(catalogue.drives),
        platforms=of(catalogue.platforms),
    )


def _varied(part: AnyPart, number: int, rng: random.Random) -> AnyPart:
    def moved(amount: float) -> float:
        return amount * rng.uniform(0.75, 1.25)

    prices = tuple(replace(price, money=replace(price.money, minor=round(moved(price.money.minor)))) for price in part.prices)
    changes: dict[str, Any] = {"id": f"{part.id}-{number}", "prices": prices}
    if isinstance(part, Gpu):
        changes |= {"visible_bytes": round(moved(part.visible_bytes)), "bandwidth_gb_s": moved(part.bandwidth_gb_s)}
    return replace(part, **changes)


def requests() -> list[tuple[Job, Limits]]:
    """Jobs from 3 to 200 GiB under budgets from 1,500 to 30,000, and without one."""
    rng = random.Random(7)
    budgets = [None, *({"amount": amount, "currency": "USD"} for amount in (1500, 3000, 6000, 12000, 30000))]
    return [
        (Job(memory_bytes=round(GIB * 3 * 66 ** rng.random())), Limits.model_validate({"budget": rng.choice(budgets)}))
        for _ in range(REQUESTS)
    ]


def milliseconds(act: Callable[[Job, Limits], object]) -> list[float]:
    """The time of each request, after one round to warm up what is kept per catalogue."""
    cases = requests()
    for job, limits in cases:
        act(job, limits)
    times = []
    for job, limits in cases:
        start = time.process_time()
        act(job, limits)
        times.append((time.process_time() - start) * 1000)
    return times


def measure(catalogue: Catalogue) -> dict[str, dict[str, float]]:
    """p50 and p95 of each act in milliseconds."""
    acts: dict[str, Callable[[Job, Limits], object]] = {
        "frontier": lambda job, limits: undominated(explore(job, limits, market_for(limits, catalogue)).candidates),
        "cheapest": lambda job, limits: cheapest(job, limits, catalogue),
        "recommend": lambda job, limits: recommend(job, limits, catalogue),
    }
    times = {name: sorted(milliseconds(act)) for name, act in acts.items()}
    return {name: {"p50_ms": statistics.median(row), "p95_ms": row[int(0.95 * len(row))]} for name, row in times.items()}


# Jobs for the whole advice: the estimator traces the job and every change of it, and places each on every card.
WORKLOADS: dict[str, dict[str, object]] = {
    "chat with 8B": {
        "kind": "inference", "model": {"preset": "meta-llama/Llama-3.1-8B"}, "runtime": "llama.cpp", "weight_format": "q4_k_m",
    },
    "serve 32B": {"kind": "inference", "model": {"preset": "Qwen/Qwen3-32B"}, "runtime": "vllm", "parallelism": "auto"},
    "QLoRA 8B": {
        "kind": "training", "model": {"preset": "meta-llama/Llama-3.1-8B"}, "sequence_length": 2048, "micro_batch_size": 1,
        "tuning": {"method": "qlora"},
    },
    "ResNet-50": {"kind": "training", "model": {"preset": "resnet50"}, "image_size": [224, 224], "micro_batch_size": 64},
    "random forest": {"kind": "classical", "library": "scikit-learn", "algorithm": "RandomForestClassifier", "rows": 10**6, "columns": 100},
}  # fmt: skip
ADVICE_ROUNDS = 5


def measure_advice(catalogue: Catalogue) -> dict[str, dict[str, float]]:
    """Milliseconds of the whole advice for each workload: of one that was never asked before, of the first view alone, and of the same
    workload asked again, as after a change of the budget, when its traces and placements are kept."""
    results = {}
    for name, document in WORKLOADS.items():
        request = parse_request({"workload": document})
        whole = partial(advise, request, catalogue, today=date.min)
        whole()
        results[name] = {
            "advice_ms": _median_ms(whole, before=_forget),
            "first_view_ms": _median_ms(partial(first_view, request, catalogue, today=date.min), before=_forget),
            "again_ms": _median_ms(whole),
        }
    return results


def _forget() -> None:
    """Empties everything that is kept of jobs."""
    for kept in (advisor._newest_jobs, advisor._newest_capacities, training._newest_traced, training._newest_programs):  # noqa: SLF001 - their caches are measured
        kept.cache_clear()


def solver_ms() -> float:
    """The time of HiGHS, an integer programme solver, for the cheapest machine for one request: building the programme and solving it."""
    start = time.process_time()
    shop = Shop(*solver_request(0))
    shop.build()
    shop.programme.solve(shop.cost)
    return (time.process_time() - start) * 1000


def _median_ms(act: Callable[[], object], before: Callable[[], None] = lambda: None) -> float:
    times = []
    for _ in range(ADVICE_ROUNDS):
        before()
        start = time.process_time()
        act()
        times.append((time.process_time() - start) * 1000)
    return statistics.median(times)


def main() -> None:
    """Measures at 1, 10 and 30 times the seeded catalogue, prints a table and keeps it as JSON."""
    seed = catalogue_from_seed()
    results: dict[str, Any] = {}
    for times in (1, 10, 30):
        catalogue = enlarged(seed, times)
        start = time.process_time()
        recommend(*requests()[0], catalogue)
        first = (time.process_time() - start) * 1000
        results[f"{times}x"] = {"parts": len(catalogue.parts), "first_request_ms": first, **measure(catalogue)}
        sys.stdout.write(f"{times:>3}x  {len(catalogue.parts):>6} parts  first request {first:8.1f} ms")
        for name in ("frontier", "cheapest", "recommend"):
            row = results[f"{times}x"][name]
            sys.stdout.write(f"   {name} p50 {row['p50_ms']:7.2f} p95 {row['p95_ms']:7.2f}")
        sys.stdout.write("\n")
    results["advice"] = {f"{times}x": measure_advice(enlarged(seed, times) if times > 1 else seed) for times in (1, 10, 30)}
    for times, rows in results["advice"].items():
        for workload, row in rows.items():
            sys.stdout.write(
                f"{times:>4} {workload:>14}  whole advice {row['advice_ms']:8.1f} ms   first view {row['first_view_ms']:8.1f} ms   "
                f"asked again {row['again_ms']:8.1f} ms\n"
            )
    results["solver_ms"] = solver_ms()
    sys.stdout.write(f"one objective by an integer programme solver {results['solver_ms']:.0f} ms\n")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()

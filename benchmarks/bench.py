"""How long things take, as ratios within one run: `make bench`. Prints, and writes benchmarks/results/bench.json."""

import json
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from app.advisor import advise
from app.catalogue.seed import catalogue_from_seed
from app.clock import today
from app.estimation.service import estimate_document
from app.workloads import parse_request
from benchmarks.pages import on_every_database
from benchmarks.servers import BIN

RESULTS = Path(__file__).parent / "results"

LLAMA_70B = {
    "kind": "training", "model": {"preset": "meta-llama/Llama-3.1-70B"}, "precision": "bf16", "micro_batch_size": 1,
    "sequence_length": 4096, "activation_checkpointing": "full",
}  # fmt: skip
RESNET = {
    "kind": "training", "model": {"preset": "resnet50"}, "precision": "amp_fp16", "micro_batch_size": 256, "image_size": [224, 224],
    "optimizer": "sgd_momentum", "data": {"size_gb": 150, "samples": 1_281_167, "archive_gb": 2000},
}  # fmt: skip
CHAT = {
    "kind": "inference", "model": {"preset": "meta-llama/Llama-3.1-8B"}, "runtime": "llama.cpp", "weight_format": "q4_k_m",
    "kv_cache_format": "fp16",
}  # fmt: skip
LIMITS = {"budget": {"amount": "2500", "currency": "EUR"}}


def milliseconds(action: Callable[[], object], times: int = 40) -> float:
    """Median elapsed milliseconds of a call, after one to warm up."""
    action()
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        action()
        spent.append(time.perf_counter() - started)
    return 1000 * statistics.median(spent)


def computation() -> dict[str, float]:
    """Estimates and advice in this process."""
    catalogue, day = catalogue_from_seed(), today()
    figures = {"estimate, 70B training, ms": milliseconds(lambda: estimate_document(LLAMA_70B))}
    for name, workload in (("70B training", LLAMA_70B), ("ResNet-50", RESNET), ("8B chat", CHAT)):
        request = parse_request({"workload": workload, "limits": LIMITS})
        figures[f"advice, {name}, ms"] = milliseconds(lambda request=request: advise(request, catalogue, today=day), times=10)
    return figures


def batch() -> dict[str, float]:
    """Documents a second through the command line, one process, start-up included."""
    documents = [{**LLAMA_70B, "micro_batch_size": 1 + i % 7, "sequence_length": 512 + i} for i in range(1000)]
    lines = "".join(json.dumps(document) + "\n" for document in documents)
    started = time.perf_counter()
    subprocess.run([BIN / "rigwise", "estimate", "--batch"], input=lines, capture_output=True, text=True, check=True)
    return {"batch, documents a second": len(documents) / (time.perf_counter() - started)}


def main() -> None:
    """Runs every benchmark."""
    figures = {"computation": computation(), **batch(), "pages": on_every_database()}
    text = json.dumps(figures, indent=1)
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "bench.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

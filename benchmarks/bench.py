"""How long things take, as ratios within one run: `make bench`. Prints, and writes benchmarks/results/bench.json.

A page is compared with a bare FastAPI and Jinja page of the same size on the same server (benchmarks/floor.py): processor seconds of the
server process for each request, which a busy machine changes less than elapsed time.
"""

import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from app.advisor import advise
from app.catalogue.seed import catalogue_from_seed
from app.clock import today
from app.estimation.service import estimate_document
from app.workloads import parse_request

RESULTS = Path(__file__).parent / "results"
BIN = Path(sys.executable).parent
PORT, FLOOR_PORT = 8791, 8792
REQUESTS = 150
CLOCK_TICK = os.sysconf("SC_CLK_TCK")

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


@contextmanager
def server(command: list[str], port: int, environment: dict[str, str]) -> Iterator[int]:
    """A server process, once it answers; its process id."""
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                fetch(http.client.HTTPConnection("127.0.0.1", port, timeout=5), "/healthz")
                break
            except OSError:
                time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def fetch(connection: http.client.HTTPConnection, path: str) -> bytes:
    """One GET request."""
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    if response.status != http.client.OK:
        raise RuntimeError(f"{path} answered {response.status}")
    return body


def processor_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICK


def measured(pid: int, port: int, paths: list[str]) -> dict[str, float]:
    """Processor milliseconds and median elapsed milliseconds of a request over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    fetch(connection, paths[0])
    before, spent = processor_seconds(pid), []
    for path in paths:
        started = time.perf_counter()
        fetch(connection, path)
        spent.append(time.perf_counter() - started)
    return {"cpu_ms": 1000 * (processor_seconds(pid) - before) / len(paths), "p50_ms": 1000 * statistics.median(spent)}


def pages() -> dict[str, Any]:
    """The advisor's answer and the floor, on the same server with one worker each."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"RIGWISE_DATABASE_URL": f"sqlite:///{folder}/bench.sqlite"}
        for step in ("migrate", "seed"):
            subprocess.run([BIN / "rigwise", step], env={**os.environ, **environment}, check=True, capture_output=True)
        question = {"task": "images", "model": "resnet50", "budget": "EUR 2500"}
        # A different data set size in every request, so that nothing is answered from a cache.
        fresh = ["/?" + urlencode({**question, "data": f"{100 + i} GB"}) for i in range(REQUESTS)]
        with server([str(BIN / "rigwise"), "serve", "--port", str(PORT)], PORT, environment) as pid:
            size = len(fetch(http.client.HTTPConnection("127.0.0.1", PORT, timeout=30), fresh[0]))
            answer = {"fresh": measured(pid, PORT, fresh), "repeated": measured(pid, PORT, fresh[:1] * REQUESTS)}
        command = [str(BIN / "uvicorn"), "benchmarks.floor:app", "--port", str(FLOOR_PORT), "--no-access-log"]
        with server(command, FLOOR_PORT, {"FLOOR_BYTES": str(size)}) as pid:
            floor = measured(pid, FLOOR_PORT, ["/"] * REQUESTS)
    ratios = {f"{name}, times the floor": figures["cpu_ms"] / floor["cpu_ms"] for name, figures in answer.items()}
    return {"page_bytes": size, "answer": answer, "floor": floor, "ratios": ratios}


def main() -> None:
    """Runs every benchmark."""
    figures = {"computation": computation(), **batch(), "pages": pages()}
    text = json.dumps(figures, indent=1)
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "bench.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

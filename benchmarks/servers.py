"""Server processes for the benchmarks: started, asked over kept connections, and their processor time and memory read from /proc."""

import http.client
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.executable).parent
CLOCK_TICK = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
START_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server: its port, its first process, and how long it and the processors took until it was ready."""

    port: int
    pid: int
    cold_start_s: float
    cold_start_cpu_s: float

    def processes(self) -> list[int]:
        """The first process and its workers."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split()
        return [self.pid, *map(int, children)]

    def processor_seconds(self) -> float:
        """User and system time of all processes so far."""
        return sum(_processor_seconds(pid) for pid in self.processes())

    def memory_mb(self) -> list[float]:
        """Resident memory of each process, the largest first."""
        pages = [int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) for pid in self.processes()]
        return sorted((page * PAGE_BYTES / 1e6 for page in pages), reverse=True)


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICK


@contextmanager
def serving(command: list[str], port: int, environment: dict[str, str]) -> Iterator[Server]:
    """A server, once it answers /readyz."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not _answers(port):
            if process.poll() is not None or time.perf_counter() - started > START_SECONDS:
                raise RuntimeError(f"{' '.join(command)} does not answer")
            time.sleep(0.02)
        yield Server(
            port=port,
            pid=process.pid,
            cold_start_s=round(time.perf_counter() - started, 2),
            cold_start_cpu_s=_processor_seconds(process.pid),
        )
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        fetch(http.client.HTTPConnection("127.0.0.1", port, timeout=5), "/readyz")
    except (OSError, RuntimeError):
        return False
    return True


def rigwise(port: int, workers: int = 1) -> list[str]:
    """The command that serves the site."""
    return [str(BIN / "rigwise"), "serve", "--port", str(port), "--workers", str(workers)]


def floor(port: int, workers: int = 1) -> list[str]:
    """The command that serves the bare page of benchmarks/floor.py."""
    return [str(BIN / "uvicorn"), "benchmarks.floor:app", "--port", str(port), "--workers", str(workers), "--no-access-log"]


def fetch(connection: http.client.HTTPConnection, path: str, form: str | None = None) -> bytes:
    """One request: GET, or POST of a form. Raises RuntimeError where the answer is not 200."""
    if form is None:
        connection.request("GET", path)
    else:
        connection.request("POST", path, form, {"Content-Type": "application/x-www-form-urlencoded", "HX-Request": "true"})
    response = connection.getresponse()
    body = response.read()
    if response.status != http.client.OK:
        raise RuntimeError(f"{path} answered {response.status}")
    return body


def measured(server: Server, requests: list[tuple[str, str | None]]) -> dict[str, float]:
    """Processor milliseconds and median elapsed milliseconds of a request over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    fetch(connection, *requests[0])
    before, spent = server.processor_seconds(), []
    for path, form in requests:
        started = time.perf_counter()
        fetch(connection, path, form)
        spent.append(time.perf_counter() - started)
    return {
        "cpu_ms": round(1000 * (server.processor_seconds() - before) / len(requests), 2),
        "p50_ms": round(1000 * statistics.median(spent), 2),
        "p99_ms": round(1000 * statistics.quantiles(spent, n=100)[98], 2),
    }

"""The site under load: `make load`. Prints, and writes benchmarks/results/load.json.

Many connections for a minute, four times what is worked on at a time, and fifty thousand requests in a row. The client is a few lines of
asyncio, so that most of the processor is left to the server; server and client share one machine.
"""

import asyncio
import json
import random
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, islice, repeat
from pathlib import Path
from typing import Any

from app.web.middleware.overload import MOST_AT_ONCE
from benchmarks.databases import environment, sqlite
from benchmarks.pages import fresh_addresses
from benchmarks.servers import Server, rigwise, serving

RESULTS = Path(__file__).parent / "results" / "load.json"
PORT = 8194
STEADY_CONNECTIONS, STEADY_SECONDS = 32, 60
OVERLOAD_CONNECTIONS, OVERLOAD_SECONDS = 4 * MOST_AT_ONCE, 20
PAUSE_SECONDS = 0.2  # of whoever was told to come back; five times as impatient as told
SIGN_INS, SIGN_IN_SECONDS = 50, 20
MANY, WARM = 50_000, 10_000
FRESH_SHARE = 0.02  # of the many: the rest asks for one of 200 addresses again


@dataclass
class Tally:
    """Answers by status, with the seconds of those that were 200."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    without_retry_after: int = 0

    def figures(self, elapsed: float) -> dict[str, Any]:
        """What is told of it."""
        cuts = statistics.quantiles(self.seconds, n=100) if len(self.seconds) > 1 else [0.0] * 99
        return {
            "requests_a_second": round(sum(self.statuses.values()) / elapsed, 1), "answers": {str(k): v for k, v in self.statuses.items()},
            "p50_ms": round(1000 * cuts[49], 1), "p95_ms": round(1000 * cuts[94], 1), "p99_ms": round(1000 * cuts[98], 1),
            "503_without_retry_after": self.without_retry_after,
        }  # fmt: skip


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> tuple[int, bool]:
    """One GET over a kept connection: the status, and whether the answer says when to come back."""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return await _answer(reader)


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = int(head.partition("content-length:")[2].partition("\r\n")[0])
    await reader.readexactly(length)
    return int(head.split(" ", 2)[1]), "retry-after:" in head


async def visitor(paths: Iterator[str], tally: Tally, going: Callable[[], bool]) -> None:
    """Asks one thing after the other over one connection; waits a moment where it is told to."""
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    while going():
        started = time.perf_counter()
        status, told_when = await ask(reader, writer, next(paths))
        tally.statuses[status] += 1
        if status == 200:
            tally.seconds.append(time.perf_counter() - started)
        elif status == 503:
            tally.without_retry_after += not told_when
            await asyncio.sleep(PAUSE_SECONDS)
    writer.close()
    await writer.wait_closed()


async def crowd(connections: int, seconds: float, paths: Iterator[str]) -> dict[str, Any]:
    """Many visitors at once for some seconds."""
    tally, started = Tally(), time.perf_counter()
    ends = started + seconds
    await asyncio.gather(*(visitor(paths, tally, lambda: time.perf_counter() < ends) for _ in range(connections)))
    return tally.figures(time.perf_counter() - started)


async def overload(paths: Iterator[str]) -> dict[str, Any]:
    """Four times as many visitors as requests are worked on: what they get, how health fares meanwhile, and how soon it is over."""
    health: list[tuple[float, int]] = []

    async def watch() -> None:
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
            started = time.perf_counter()
            status, _ = await ask(reader, writer, "/healthz")
            health.append((time.perf_counter() - started, status))
            writer.close()
            await asyncio.sleep(0.5)

    watching = asyncio.create_task(watch())
    figures = await crowd(OVERLOAD_CONNECTIONS, OVERLOAD_SECONDS, paths)
    watching.cancel()
    started = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    while (await ask(reader, writer, next(paths)))[0] != 200:
        await asyncio.sleep(0.05)
    writer.close()
    return {
        **figures, "healthz_statuses": sorted({status for _, status in health}),
        "healthz_slowest_ms": round(1000 * max(seconds for seconds, _ in health), 1),
        "recovered_after_s": round(time.perf_counter() - started, 2),
    }  # fmt: skip


async def sign_ins() -> dict[str, Any]:
    """Visitors of a public page alone, then beside fifty people who sign in all the time, each from a network of their own."""
    alone = await crowd(1, SIGN_IN_SECONDS / 2, repeat("/catalogue/gpus"))
    answers: Counter[int] = Counter()
    working = [asyncio.create_task(_sign_in_for_ever(number, answers)) for number in range(SIGN_INS)]
    beside = await crowd(1, SIGN_IN_SECONDS, repeat("/catalogue/gpus"))
    for task in working:
        task.cancel()
    return {"public page alone": alone, "public page beside them": beside, "sign-ins": {str(k): v for k, v in answers.items()}}


async def _sign_in_for_ever(number: int, answers: Counter[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    for attempt in count():
        form = f"name=user-{number}-{attempt}&password=not-the-right-password"
        writer.write(
            f"POST /admin/sign-in HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\n"
            f"X-Forwarded-For: 10.{number}.{attempt % 250}.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(form)}\r\n\r\n{form}".encode()
        )
        status, _ = await _answer(reader)
        answers[status] += 1
        if status == 503:
            await asyncio.sleep(PAUSE_SECONDS)


async def many(server: Server) -> dict[str, Any]:
    """Memory before and after fifty thousand requests, once every cache is full."""
    chance = random.Random(1)
    known = [*islice(fresh_addresses(), 200), "/catalogue/gpus", "/method", "/models?model=llama"]
    new = fresh_addresses(start=10_000)

    def paths() -> Iterator[str]:
        while True:
            yield next(new) if chance.random() < FRESH_SHARE else chance.choice(known)

    asked = paths()
    before = 0.0
    started, tally = time.perf_counter(), Tally()
    for phase in (WARM, MANY):
        left = iter(range(phase))
        await asyncio.gather(*(visitor(asked, tally, lambda left=left: next(left, None) is not None) for _ in range(4)))  # type: ignore[misc]
        before = before or server.memory_mb()[0]
    after = server.memory_mb()[0]
    return {
        **tally.figures(time.perf_counter() - started), "memory_mb_before": round(before, 1), "memory_mb_after": round(after, 1),
        "growth_percent": round(100 * (after / before - 1), 2),
    }  # fmt: skip


def served(workers: int, load: Callable[[Server], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """A load on a server of its own."""
    with sqlite() as url, serving(rigwise(PORT, workers), PORT, environment(url)) as server:

        async def run() -> dict[str, Any]:
            return await load(server)

        return asyncio.run(run())


def main() -> None:
    """Runs every load."""
    figures: dict[str, Any] = {}
    for workers in (1, 2):
        label = f"{STEADY_CONNECTIONS} connections, {workers} workers"
        figures[label] = served(workers, lambda _: crowd(STEADY_CONNECTIONS, STEADY_SECONDS, fresh_addresses()))
        print(json.dumps({label: figures[label]}), flush=True)
    figures["overload"] = served(1, lambda _: overload(fresh_addresses()))
    print(json.dumps({"overload": figures["overload"]}), flush=True)
    figures["50 sign-ins at once"] = served(1, lambda _: sign_ins())
    print(json.dumps({"50 sign-ins at once": figures["50 sign-ins at once"]}), flush=True)
    figures["50,000 requests"] = served(1, many)
    text = json.dumps(figures, indent=1)
    print(text)
    RESULTS.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

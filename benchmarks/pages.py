"""Pages against the floor: a bare FastAPI and Jinja page of as many bytes on the same server (benchmarks/floor.py).

What is compared is processor time of the server for each request, which a busy machine changes less than elapsed time; the floor is
measured in the same run. A fresh answer is one that nothing kept in memory helps with: another batch size each time, so that the network
is traced, placed, searched and rendered anew. A repeated one is answered from memory.
"""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, islice
from typing import Any
from urllib.parse import urlencode

from app.catalogue.seed import catalogue_from_seed
from app.web.forms.documents import read_request
from app.web.forms.entry import entry_of
from app.web.names import names_for
from benchmarks.databases import environment, postgres, sqlite
from benchmarks.servers import Server, fetch, floor, measured, rigwise, serving

PORT, FLOOR_PORT, DATABASE_PORT = 8191, 8192, 8193
REQUESTS, FEW = 150, 40
QUESTION = {"task": "images", "model": "resnet50", "budget": "EUR 2500"}

Requests = list[tuple[str, str | None]]


def fresh_addresses(start: int = 0) -> Iterator[str]:
    """Addresses of answers, none of them twice."""
    return ("/?" + urlencode({**QUESTION, "batch": 16 + i % 200, "data": f"{100 + i} GB"}) for i in count(start))


def fresh_answers(number: int, start: int = 0) -> Requests:
    """Requests for the page, none of them twice."""
    return [(address, None) for address in islice(fresh_addresses(start), number)]


def fresh_levers(number: int) -> Requests:
    """Requests for what would make the same jobs fit, as the page sends them a moment later."""
    names = names_for(catalogue_from_seed())
    pairs = [{**QUESTION, "batch": str(16 + i % 200), "data": f"{100 + i} GB"} for i in range(1000, 1000 + number)]
    documents = [read_request(entry_of(list(one.items())), names).model_dump_json() for one in pairs]
    return [("/levers", urlencode({"job": document})) for document in documents]


@contextmanager
def floor_of(size: int, workers: int = 1) -> Iterator[Server]:
    """The floor for a page of that many bytes."""
    with serving(floor(FLOOR_PORT, workers), FLOOR_PORT, {"FLOOR_BYTES": str(size)}) as server:
        yield server


def pages(url: str, requests: int = REQUESTS) -> dict[str, Any]:
    """Every kind of page on one worker, beside the floor."""
    fresh = fresh_answers(requests)
    with serving(rigwise(PORT), PORT, environment(url)) as server:
        size = len(fetch(http.client.HTTPConnection("127.0.0.1", PORT, timeout=30), *fresh_answers(1, start=5000)[0]))
        figures = {
            "fresh answer": measured(server, fresh),
            "repeated answer": measured(server, fresh[:1] * REQUESTS),
            "fresh levers": measured(server, fresh_levers(requests // 3)),
            "shared result": measured(server, [(_shared(server), None)] * requests),
            "catalogue": measured(server, [("/catalogue/gpus", None)] * requests),
        }
        start = {
            "memory_mb": round(server.memory_mb()[0]),
            "cold_start_s": server.cold_start_s,
            "cold_start_cpu_s": server.cold_start_cpu_s,
        }
    with floor_of(size) as bare:
        least = measured(bare, [("/", None)] * REQUESTS)
    ratios = {name: round(one["cpu_ms"] / least["cpu_ms"], 2) for name, one in figures.items()}
    return {"page_bytes": size, "pages": figures, "floor": least, "times_the_floor": ratios, **start}


def _shared(server: Server) -> str:
    """The address of a shared result."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("POST", "/results", urlencode({"request": '{"workload":{"kind":"training","model":{"preset":"resnet50"}}}'}),
                       {"Content-Type": "application/x-www-form-urlencoded"})  # fmt: skip
    response = connection.getresponse()
    response.read()
    return str(response.headers["location"])


def on_every_database() -> dict[str, Any]:
    """SQLite and PostgreSQL, and the catalogue at 1, 10 and 30 times its size."""
    figures = {}
    for times in (1, 10, 30):
        with sqlite(times) as url:
            figures[f"SQLite, catalogue x{times}"] = pages(url, REQUESTS if times == 1 else FEW)
    with postgres(DATABASE_PORT) as url:
        figures["PostgreSQL, catalogue x1"] = pages(url)
    return figures

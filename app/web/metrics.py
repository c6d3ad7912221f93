"""What an operator watches, as Prometheus reads it; with several workers the sum over all of them."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import REGISTRY as OF_THIS_PROCESS
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable by which prometheus_client knows the folder where workers leave their figures for each other."""

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUESTS = Counter("rigwise_requests_total", "Requests answered.", ["method", "route", "status"])
REQUEST_SECONDS = Histogram("rigwise_request_seconds", "From a request's first byte to its answer's last.", ["route"], buckets=_SECONDS)
IN_PROGRESS = Gauge("rigwise_requests_in_progress", "Requests being worked on.", multiprocess_mode="livesum")
SHED = Counter("rigwise_requests_shed_total", "Requests answered 503 because too many were being worked on.")
WORKED_OUT = Histogram("rigwise_answer_seconds", "Working out an answer that was not kept in memory.", ["part"], buckets=_SECONDS)
CATALOGUE_REVISION = Gauge("rigwise_catalogue_revision", "Revision of the catalogue.", multiprocess_mode="mostrecent")
LAST_BACKUP = Gauge(
    "rigwise_last_backup_timestamp_seconds", "When the newest verified backup was made; 0 if never.", multiprocess_mode="max"
)


def exposition() -> bytes:
    """Every figure in Prometheus' text format."""
    if SHARED_FOLDER not in os.environ:
        return generate_latest(OF_THIS_PROCESS)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


@contextmanager
def shared_between(workers: int) -> Iterator[None]:
    """Lets several worker processes, started inside, add up their figures."""
    if workers == 1 or SHARED_FOLDER in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="rigwise-metrics-") as folder:
        os.environ[SHARED_FOLDER] = folder
        yield

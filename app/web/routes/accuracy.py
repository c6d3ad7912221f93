"""How far the estimates lie from measured runs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.resources import resource_path
from app.web.contexts.speed_accuracy import SpeedAccuracy, speed_accuracy
from app.web.render import page

TABLE = "benchmarks/results/accuracy.json"
SPEED_TABLE = "benchmarks/results/speed.json"
INFERENCE_TABLE = "benchmarks/results/inference.json"

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyRow:
    """Errors of one family of networks, in per cent of the measured peak."""

    family: str
    runs: int
    median: float
    p90: float
    worst_under: float
    covered: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRow:
    """Errors of another rule on the runs that it says something about."""

    rule: str
    runs: int
    median: float
    p90: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceAccuracy:
    """Published memory of running models: shares of the measured figure, by source and family, and beside simple rules."""

    groups: tuple[PeerRow, ...]
    rules: tuple[PeerRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyPage:
    """Context of pages/accuracy.html. Without rows, nothing has been scored in this installation."""

    estimator: str
    families: tuple[FamilyRow, ...]
    peers: tuple[PeerRow, ...]
    speed: SpeedAccuracy | None
    inference: InferenceAccuracy | None


@router.get("/accuracy")
def accuracy(request: Request) -> Response:
    """The tables that `make accuracy` writes."""
    return page(request, "pages/accuracy.html", accuracy_page())


@cache
def accuracy_page() -> AccuracyPage:
    """The page, from the files as they are installed."""
    table, speeds = _table(TABLE), _table(SPEED_TABLE)
    speed = speed_accuracy(speeds) if speeds else None
    running = _table(INFERENCE_TABLE)
    inference = _inference(running) if running else None
    if table is None:
        return AccuracyPage(estimator="", families=(), peers=(), speed=speed, inference=inference)
    return AccuracyPage(
        estimator=table["estimator"],
        families=tuple(_family(name, figures) for name, figures in table["families"].items()),
        peers=tuple(_peer(row) for row in table["peers"]),
        speed=speed,
        inference=inference,
    )


def _table(path: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(resource_path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found


def _peer(row: Mapping[str, Any]) -> PeerRow:
    return PeerRow(**{key: row[key] for key in ("rule", "runs", "median", "p90")})


def _inference(table: Mapping[str, Any]) -> InferenceAccuracy:
    groups = {**table["groups"], "Median over groups": table["overall"]}
    return InferenceAccuracy(
        groups=tuple(_peer({"rule": name, **figures}) for name, figures in groups.items()),
        rules=tuple(_peer(row) for row in table["totals"]),
    )


def _family(name: str, figures: Mapping[str, Any]) -> FamilyRow:
    wanted = ("runs", "median", "p90", "worst_under", "covered")
    return FamilyRow(family=name.replace("_", " "), **{key: figures[key] for key in wanted})

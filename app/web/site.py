"""What every request shares: the settings, the database, the catalogue in memory, and the answers already worked out."""

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, Request

from app import clock
from app.advisor import advise
from app.catalogue.snapshot import CatalogueCache
from app.database import Database
from app.hardware import Catalogue
from app.settings import Settings
from app.workloads import AdviceRequest

Document = Mapping[str, Any]
ANSWERS_KEPT = 512


class AnswerCache:
    """The newest answers. An answer depends on the request, the catalogue's revision and the day, and on nothing else."""

    def __init__(self, size: int = ANSWERS_KEPT) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._answers: OrderedDict[tuple[str, int, date], Document] = OrderedDict()

    def advice(self, request: AdviceRequest, catalogue: Catalogue, today: date) -> Document:
        """The advice document for the request. Raises what `advise` raises."""
        key = (json.dumps(request.model_dump(mode="json"), sort_keys=True), catalogue.revision, today)
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
        document = advise(request, catalogue, today=today).to_json()
        with self._lock:
            self._answers[key] = document
            while len(self._answers) > self._size:
                self._answers.popitem(last=False)
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One running site."""

    settings: Settings
    database: Database
    catalogue: CatalogueCache
    answers: AnswerCache = field(default_factory=AnswerCache)

    def advice(self, request: AdviceRequest) -> Document:
        """The advice for a request with today's catalogue."""
        return self.answers.advice(request, self.catalogue.current(), clock.today())


def site_of(request: Request) -> Site:
    """The site that a request came to."""
    site: Site = request.app.state.site
    return site


SiteOf = Annotated[Site, Depends(site_of)]

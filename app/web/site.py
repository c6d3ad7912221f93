"""What every request shares: the settings, the database, the catalogue in memory, and the answers already worked out."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, Request

from app import clock
from app.advisor import advise
from app.catalogue.snapshot import CatalogueCache
from app.database import Database
from app.settings import Settings
from app.web.cache import NewestKept
from app.web.metrics import WORKED_OUT
from app.web.render import Rendered
from app.workloads import AdviceRequest

Document = Mapping[str, Any]
ANSWERS_KEPT = 512
PAGES_KEPT = 256
LONGEST_ADDRESS_KEPT = 2_000  # characters; longer ones carry a whole config.json and are hardly asked for twice


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One running site. An answer depends on the request, the catalogue's revision and the day, and on nothing else."""

    settings: Settings
    database: Database
    catalogue: CatalogueCache
    _answers: NewestKept[tuple[str, int, date], Document] = field(default_factory=lambda: NewestKept(ANSWERS_KEPT))
    _pages: NewestKept[tuple[str, int, date], Rendered] = field(default_factory=lambda: NewestKept(PAGES_KEPT))

    def advice(self, request: AdviceRequest) -> Document:
        """The advice for a request with today's catalogue. Raises what `advise` raises."""
        catalogue, today = self.catalogue.current(), clock.today()
        key = (json.dumps(request.model_dump(mode="json"), sort_keys=True), catalogue.revision, today)

        def work_out() -> Document:
            with WORKED_OUT.labels("advice").time():
                return advise(request, catalogue, today=today).to_json()

        return self._answers.get(key, work_out)

    def page(self, address: str, render: Callable[[], Rendered]) -> Rendered:
        """A page that depends on nothing but its address (with what else tells it apart), the catalogue and the day."""
        if len(address) > LONGEST_ADDRESS_KEPT:
            return render()
        return self._pages.get((address, self.catalogue.current().revision, clock.today()), render)


def site_of(request: Request) -> Site:
    """The site that a request came to."""
    site: Site = request.app.state.site
    return site


SiteOf = Annotated[Site, Depends(site_of)]

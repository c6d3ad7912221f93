"""What every request shares: the settings, the database, the catalogue in memory, and the answers already worked out."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, Request

from app import clock
from app.advice_document import lever_json
from app.advisor import FirstView, advise_together, first_view, levers_of
from app.catalogue.snapshot import CatalogueCache, snapshot_at
from app.database import Database
from app.hardware import Catalogue
from app.hub.client import Hub
from app.settings import Settings
from app.web.cache import NewestKept
from app.web.metrics import WORKED_OUT
from app.web.render import Rendered
from app.workloads import AdviceRequest, JointRequest

Document = Mapping[str, Any]
Key = tuple[str, int, date]  # the request, the catalogue's revision, the day
VIEWS_KEPT = 16  # 0.6 MB each, for the levers that are asked for a moment later
ANSWERS_KEPT = 64  # 0.3 MB each; their pages are kept beside them
LEVERS_KEPT = 512
PAGES_KEPT = 256
LONGEST_ADDRESS_KEPT = 4_000  # characters; longer ones carry a whole config.json and are hardly asked for twice


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One running site. An answer depends on the request, the catalogue's revision and the day, and on nothing else."""

    settings: Settings
    database: Database
    catalogue: CatalogueCache
    hub: Hub | None  # None where it is switched off
    _views: NewestKept[Key, FirstView] = field(default_factory=lambda: NewestKept(VIEWS_KEPT))
    _answers: NewestKept[Key, Document] = field(default_factory=lambda: NewestKept(ANSWERS_KEPT))
    _levers: NewestKept[Key, Sequence[Document]] = field(default_factory=lambda: NewestKept(LEVERS_KEPT))
    _pages: NewestKept[Key, Rendered] = field(default_factory=lambda: NewestKept(PAGES_KEPT))

    def first_view(self, request: AdviceRequest | JointRequest) -> Document:
        """All of the advice but its levers, with today's catalogue; of several jobs, all that there is.

        Raises what `first_view` and `advise_together` of the advisor raise.
        """
        return self._answered(request, self.catalogue.current(), clock.today())

    def levers(self, request: AdviceRequest) -> Sequence[Document]:
        """The levers of the advice. Raises what `first_view` of the advisor raises."""
        catalogue, today = self.catalogue.current(), clock.today()
        key = _key(request, catalogue, today)

        def work_out() -> Sequence[Document]:
            view = self._view(key, request, catalogue)
            with WORKED_OUT.labels("levers").time():
                return [lever_json(lever) for lever in levers_of(view, request, catalogue)]

        return self._levers.get(key, work_out)

    def advice(self, request: AdviceRequest | JointRequest) -> Document:
        """The whole advice for a request with today's catalogue. Raises what `first_view` raises."""
        if isinstance(request, JointRequest):
            return self.first_view(request)
        return {**self.first_view(request), "levers": self.levers(request)}

    def first_view_at(self, request: AdviceRequest | JointRequest, revision: int, day: date) -> Document:
        """What today's program would have answered on a day, with the catalogue of then."""
        with self.database.read() as session:
            catalogue = snapshot_at(session, revision).catalogue
        return self._answered(request, catalogue, day)

    def _answered(self, request: AdviceRequest | JointRequest, catalogue: Catalogue, day: date) -> Document:
        key = _key(request, catalogue, day)

        def work_out() -> Document:
            if isinstance(request, JointRequest):
                return advise_together(request, catalogue, today=day)
            return self._view(key, request, catalogue).to_json()

        return self._answers.get(key, work_out)

    def _view(self, key: Key, request: AdviceRequest, catalogue: Catalogue) -> FirstView:
        def work_out() -> FirstView:
            with WORKED_OUT.labels("first view").time():
                return first_view(request, catalogue, today=key[2])

        return self._views.get(key, work_out)

    def page(self, address: str, render: Callable[[], Rendered]) -> Rendered:
        """A page that depends on nothing but what it is asked for (`address`), the catalogue and the day."""
        if len(address) > LONGEST_ADDRESS_KEPT:
            return render()
        return self._pages.get((address, self.catalogue.current().revision, clock.today()), render)


def _key(request: AdviceRequest | JointRequest, catalogue: Catalogue, today: date) -> Key:
    return json.dumps(request.model_dump(mode="json"), sort_keys=True), catalogue.revision, today


def site_of(request: Request) -> Site:
    """The site that a request came to."""
    site: Site = request.app.state.site
    return site


SiteOf = Annotated[Site, Depends(site_of)]

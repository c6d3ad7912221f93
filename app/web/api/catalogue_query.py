"""What the address of a catalogue list may say: words, bounds, order, page."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.catalogue.browse import LARGEST_PAGE, Filters
from app.catalogue.facts import Status
from app.errors import InvalidInput

KindName = Literal["gpus", "ram", "storage", "platforms", "cloud"]
Text = Annotated[str, Field(max_length=80)]


class CatalogueQuery(BaseModel):
    """Filters of `GET /api/v1/catalogue/{kind}`. Bounds are written `name:number`, as in `min=memory_gb:24`."""

    model_config = ConfigDict(extra="forbid")

    q: Text = ""
    vendor: Text = ""
    status: Status = "active"
    priced: bool = False
    min: Annotated[list[Text], Field(max_length=8)] = []
    max: Annotated[list[Text], Field(max_length=8)] = []
    sort: Text = "name"
    page: Annotated[int, Field(ge=1, le=10_000)] = 1
    per_page: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = 50

    def filters(self) -> Filters:
        """The same for the catalogue. Raises InvalidInput where a bound cannot be read."""
        return Filters(
            q=self.q,
            vendor=self.vendor,
            status=self.status,
            priced=self.priced,
            minimum=dict(_bound(text, "min") for text in self.min),
            maximum=dict(_bound(text, "max") for text in self.max),
            sort=self.sort,
            page=self.page,
            per_page=self.per_page,
        )


def _bound(text: str, path: str) -> tuple[str, float]:
    name, _, number = text.partition(":")
    try:
        return name, float(number)
    except ValueError:
        raise InvalidInput(f"'{text[:40]}' is not a bound; write it as in memory_gb:24", path) from None

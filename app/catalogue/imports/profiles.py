"""How the files of one source are read: their format, where our fields stand in them, and what they leave unsaid."""

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.catalogue.imports.rows import Cells, as_text

Name = Annotated[str, Field(max_length=80)]
Value = Annotated[str, Field(max_length=200)]


class Profile(BaseModel):
    """What is known of a source. Saved under its name, so that its next file needs no questions."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    source: Name = ""  # who made the file; stands with every price that comes from it
    format: Name = ""  # empty: recognised by the columns
    columns: dict[Name, Value] = {}  # our field -> the file's column (price lists)
    constants: dict[Name, Value] = {}  # our field -> what holds for every row: {"currency": "EUR"}
    observed_on: date | None = None  # when the prices were seen, where the rows do not say

    def value(self, cells: Cells, name: str) -> str:
        """The row's value of one of our fields, else the constant; empty where neither says."""
        return as_text(cells.get(self.columns.get(name, name))) or self.constants.get(name, "")

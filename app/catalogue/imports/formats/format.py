"""What a format is: the columns that it is known by, and how to read one row."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.catalogue.imports.profiles import Profile
from app.catalogue.imports.rows import Cells
from app.catalogue.imports.statements import Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way in which sources write their rows. `read` raises RowProblem where a row says nothing that can be used."""

    name: str
    title: str
    columns: frozenset[str]  # a file that has all of these is in this format
    read: Callable[[Cells, Profile], Iterator[Statement]]
    dated: bool = True  # whether each row says when it was true
    source: str = ""  # what stands with every price where the profile names no source

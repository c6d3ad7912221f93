"""Every format that can be imported, and how a file's format is recognised."""

from collections.abc import Iterable

from app.catalogue.imports.formats import cloud, ecb, hddhunt, own, pcpartpicker, price_list
from app.catalogue.imports.formats.format import Format
from app.errors import InvalidInput

FORMATS: dict[str, Format] = {
    made.name: made for made in (*own.FORMATS, *pcpartpicker.FORMATS, *hddhunt.FORMATS, *ecb.FORMATS, *cloud.FORMATS, price_list.FORMAT)
}


def format_of(columns: Iterable[str], named: str = "") -> Format:
    """The format of that name, else the one whose columns the file has. Raises InvalidInput where there is none."""
    present = frozenset(columns)
    if named:
        if named not in FORMATS:
            raise InvalidInput(f"there is no format '{named[:60]}'; there are {', '.join(FORMATS)}", "format")
        if missing := sorted(FORMATS[named].columns - present):
            raise InvalidInput(f"a file of the format {named} has the columns {', '.join(missing)}, and this one does not", "format")
        return FORMATS[named]
    fitting = [made for made in FORMATS.values() if made.columns and made.columns <= present]
    if not fitting:  # a list of prices has no columns of its own
        shown = ", ".join(sorted(present)[:12])
        raise InvalidInput(f"no known format has these columns: {shown}; say which of them hold our fields (item, amount ...)", "columns")
    return max(fitting, key=lambda made: (own.FORMATS[0] is made, len(made.columns)))  # a row that names its table says it best

"""Bytes, counts and their spellings. Memory needs are binary (GiB); products, disks and bandwidth are decimal (GB)."""

import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache

KIB, MIB, GIB, TIB = 2**10, 2**20, 2**30, 2**40
KB, MB, GB, TB = 10**3, 10**6, 10**9, 10**12

_SIZE_SUFFIXES = {
    "": 1, "b": 1, "kb": KB, "mb": MB, "gb": GB, "tb": TB, "k": KB, "m": MB, "g": GB, "t": TB,
    "kib": KIB, "mib": MIB, "gib": GIB, "tib": TIB,
}  # fmt: skip
_COUNT_SUFFIXES = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "bn": 10**9, "t": 10**12}
_CONTEXT_SUFFIX = {"k": 1024}
_NUMBER = re.compile(r"^\s*(\d[\d,_\s]*(?:\.\d+)?)\s*([A-Za-z]*)\s*$")
_LARGEST_DIGITS = 30


def _parse(text: str, suffixes: dict[str, int], what: str) -> Decimal:
    match = _NUMBER.match(text)
    if not match or match[2].lower() not in suffixes or len(match[1]) > _LARGEST_DIGITS:
        raise ValueError(f"'{text[:40]}' is not {what}")
    try:
        number = Decimal(re.sub(r"[,_\s]", "", match[1]))
    except InvalidOperation as error:
        raise ValueError(f"'{text[:40]}' is not {what}") from error
    return number * suffixes[match[2].lower()]


def parse_size(text: str, *, default_unit: str = "b") -> int:
    """Bytes of a size as people write it: "1.5 TB", "120GB", "24 GiB"; a bare number is in `default_unit`.

    Raises ValueError with a sentence where the text is not a size.
    """
    bare = re.fullmatch(r"\s*[\d,_.\s]+", text)
    return int(_parse(f"{text} {default_unit}" if bare else text, _SIZE_SUFFIXES, 'a size such as "120 GB" or "1.5 TB"'))


def parse_count(text: str) -> int:
    """A count as people write it: "5 000 000", "5M", "1.28m", "40k". Raises ValueError where it is not a count."""
    return int(_parse(text, _COUNT_SUFFIXES, 'a count such as "5000", "40k" or "1.2M"'))


def parse_tokens(text: str) -> int:
    """A context or sequence length: "4096", and "128k" in the sense of 128 x 1024. Raises ValueError where it is not one."""
    suffixes = {**_COUNT_SUFFIXES, **_CONTEXT_SUFFIX}
    return int(_parse(text, suffixes, 'a number of tokens such as "4096" or "128k"'))


def _scaled(value: float, unit: str) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def _in_largest_unit(count: int, units: tuple[tuple[int, str], ...]) -> str:
    size, unit = next(((size, unit) for size, unit in units if abs(count) >= size), units[-1])
    return f"{count} B" if size == 1 else _scaled(count / size, unit)


@lru_cache(maxsize=4096)  # a search writes the same few sizes into the ledger of every placement
def format_binary(count: int) -> str:
    """Bytes in the largest binary unit, three significant digits: a need of memory, "21.4 GiB"."""
    return _in_largest_unit(count, ((TIB, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB"), (1, "B")))


def format_decimal(count: int) -> str:
    """Bytes in the largest decimal unit, three significant digits: a product or a file, "150 GB"."""
    return _in_largest_unit(count, ((TB, "TB"), (GB, "GB"), (MB, "MB"), (KB, "kB"), (1, "B")))


def format_count(count: float) -> str:
    """A count in three significant digits: "8.03 B", "1.28 M", "960"."""
    for size, suffix in ((1e12, " T"), (1e9, " B"), (1e6, " M"), (1e3, " k")):
        if count >= size:
            return _scaled(count / size, "").strip() + suffix
    return f"{count:.0f}" if count >= 100 or count == int(count) else f"{count:.3g}"


def ceil_div(numerator: int, denominator: int) -> int:
    """Integer division rounded up."""
    return -(-numerator // denominator)


def round_up(count: int, multiple: int) -> int:
    """The smallest multiple of `multiple` that is not below `count`."""
    return ceil_div(count, multiple) * multiple

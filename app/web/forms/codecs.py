"""How one field's text becomes a value of the request document, and how that value is written back as text."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.money import Money, parse_money
from app.units import parse_count, parse_size, parse_tokens

_PAIR = re.compile(r"\s*([A-Za-z_]\w*)\s*=\s*(.+)", re.DOTALL)
_OUTSIDE_BRACKETS = re.compile(r"[,\n;](?![^\[({]*[\])}])")
_IMAGE_SIZE = re.compile(r"\s*(\d{1,6})\s*(?:[x\u00d7*,]\s*(\d{1,6}))?\s*(?:px|pixels)?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Codec:
    """A pair of functions. `read` raises ValueError with a sentence for the reader; `show` undoes it."""

    read: Callable[[str], Any]
    show: Callable[[Any], str]


def _decimal(value: float) -> str:
    return f"{value:.12g}"


def _float(text: str) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise ValueError(f"'{text[:40]}' is not a number") from None


def _show_count(count: int) -> str:
    return f"{_decimal(count / 10**6)}M" if count >= 10**6 and count % 10**4 == 0 else str(count)


def _gigabytes(text: str) -> float:
    return parse_size(text, default_unit="gb") / 10**9


def _show_gigabytes(size_gb: float) -> str:
    if not size_gb:
        return ""
    for unit_gb, unit in ((1e3, "TB"), (1, "GB")):
        if size_gb >= unit_gb:
            return f"{_decimal(size_gb / unit_gb)} {unit}"
    return f"{_decimal(size_gb * 1000)} MB"


def _image_size(text: str) -> list[int]:
    match = _IMAGE_SIZE.fullmatch(text)
    if not match:
        raise ValueError(f'\'{text[:40]}\' is not an image size such as "224" or "512 x 768" (height x width, pixels)')
    return [int(match[1]), int(match[2] or match[1])]


def _show_image_size(size: list[int]) -> str:
    return str(size[0]) if size[0] == size[1] else f"{size[0]} x {size[1]}"


def _budget(text: str) -> dict[str, str]:
    return parse_money(text, "USD").to_json()


def _show_budget(budget: dict[str, str]) -> str:
    return str(Money.of(budget["amount"], budget["currency"]))


def _yes(text: str) -> bool:
    if text not in {"yes", "no"}:
        raise ValueError('choose "yes" or "no"')
    return text == "yes"


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _pairs(text: str) -> dict[str, Any]:
    """`n_estimators=1000, max_depth=None`, or a JSON object."""
    if text.lstrip().startswith("{"):
        return _json_object(text)
    pairs: dict[str, Any] = {}
    for part in filter(str.strip, _OUTSIDE_BRACKETS.split(text)):
        match = _PAIR.fullmatch(part)
        if not match:
            raise ValueError(f"'{part.strip()[:40]}' is not of the form name=value, as in n_estimators=1000")
        pairs[match[1]] = _scalar(match[2].strip())
    return pairs


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("this is not a JSON object") from None
    if not isinstance(value, dict):
        raise ValueError("this is not a JSON object")  # noqa: TRY004 - wrong input of a reader, not of a caller
    return value


def _scalar(text: str) -> object:
    words = {"None": None, "True": True, "False": False}
    if text in words:
        return words[text]
    try:
        value: object = json.loads(text.replace("(", "[").replace(")", "]").replace("'", '"'))
    except (ValueError, RecursionError):
        return text.strip("'\"")
    return value


def _show_pairs(pairs: dict[str, Any]) -> str:
    return ", ".join(f"{name}={_show_scalar(value)}" for name, value in pairs.items())


def _show_scalar(value: object) -> str:
    if isinstance(value, str | bool) or value is None:
        return str(value)
    return json.dumps(value)


def _part_trained(text: str) -> object:
    return text if text == "head" else {"last_layers": parse_count(text)}


def _show_part_trained(value: object) -> str:
    return str(value["last_layers"]) if isinstance(value, dict) else str(value)


def _offload(text: str) -> object:
    return text if text in {"none", "auto"} else {"gpu_layers": parse_count(text)}


def _show_offload(value: object) -> str:
    return str(value["gpu_layers"]) if isinstance(value, dict) else str(value)


def _spread(text: str) -> object:
    return "auto" if text == "auto" else None


def _every(text: str) -> list[int]:
    return [parse_count(part) for part in re.split(r"[x\u00d7*,]", text)]


TEXT = Codec(str.strip, str)
COUNT = Codec(parse_count, _show_count)
TOKENS = Codec(parse_tokens, str)
NUMBER = Codec(_float, _decimal)
GIGABYTES = Codec(_gigabytes, _show_gigabytes)
BYTES = Codec(parse_size, lambda value: f"{_decimal(value)} B")
IMAGE_SIZE = Codec(_image_size, _show_image_size)
SHAPE = Codec(_every, lambda value: " x ".join(str(side) for side in value))
BUDGET = Codec(_budget, _show_budget)
YES_NO = Codec(_yes, lambda value: "yes" if value else "no")
NAMES = Codec(_names, lambda value: ",".join(value) if not isinstance(value, str) else value)
PAIRS = Codec(_pairs, _show_pairs)
PART_TRAINED = Codec(_part_trained, _show_part_trained)
OFFLOAD = Codec(_offload, _show_offload)
SPREAD = Codec(_spread, lambda value: "auto" if value == "auto" else "fixed")
NUMERIC_CHOICE = Codec(int, str)

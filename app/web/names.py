"""Names as people write them: of models in the library, of parts in the catalogue."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.architectures import library
from app.architectures.readers import timm_models
from app.errors import InvalidInput
from app.hardware import Catalogue, Gpu, Part, RamKit
from app.web.forms.documents import Names

_WORDS = re.compile(r"[a-z]+|\d+")
_QUANTITY = re.compile(r"\s*(\d{1,2})\s*[x\u00d7]\s+(.+)", re.IGNORECASE)
IMAGE_FAMILIES = frozenset({"vision", "convolutional", "diffusion"})


def names_for(catalogue: Catalogue) -> Names:
    """The names of the library and of one catalogue."""
    return Names(
        model_id=model_id,
        model_name=model_name,
        owned_parts=lambda text: owned_parts(text, catalogue),
        owned_text=lambda owned: owned_text(owned, catalogue),
        is_image_model=is_image_model,
    )


def model_id(text: str) -> str:
    """The library's id for a name or an id, whatever its case and separators; the text itself where nothing is called so."""
    entry = _entry(text)
    return entry.id if entry else text


def model_name(preset: str) -> str:
    """The library's name for an id, where it leads back to the same id."""
    entry = _entry(preset)
    return entry.name if entry and model_id(entry.name) == entry.id == preset else preset


def is_image_model(preset: str) -> bool:
    """Whether the model reads or makes pictures."""
    entry = _entry(preset)
    return entry.family in IMAGE_FAMILIES if entry else timm_models.knows(preset)


def _entry(text: str) -> library.ModelEntry | None:
    try:
        return library.find(text)
    except InvalidInput:
        return None


def owned_parts(text: str, catalogue: Catalogue) -> list[dict[str, Any]]:
    """The parts in a list such as "RTX 3060 12 GB, 2 x RTX 3090". Raises ValueError naming the part that the catalogue lacks."""
    return [_owned(part, catalogue) for part in text.split(",") if part.strip()]


def owned_text(owned: Sequence[Mapping[str, Any]], catalogue: Catalogue) -> str:
    """The list as text that reads back to the same parts."""
    return ", ".join(_owned_words(row, catalogue) for row in owned)


def find_part(text: str, catalogue: Catalogue) -> Part | None:
    """The part that a text means: its id, or the shortest name that holds every word of the text."""
    if text in catalogue.parts:
        return catalogue.parts[text]
    wanted = set(_words(text))
    candidates = [part for part in _ownable(catalogue) if wanted and wanted <= set(_words(_described(part)))]
    return min(candidates, key=lambda part: (len(part.name), part.id), default=None)


def suggested_parts(text: str, catalogue: Catalogue) -> list[Part]:
    """The parts of a machine that a text may become: each of its words starts one of theirs; the shortest name first."""
    typed = _words(text)
    found = (part for part in _ownable(catalogue) if typed and _starts_words(typed, _words(_described(part))))
    return sorted(found, key=lambda part: (len(part.name), part.id))


def _starts_words(typed: Sequence[str], words: Sequence[str]) -> bool:
    return all(any(word.startswith(start) for word in words) for start in typed)


def part_text(part: Part, catalogue: Catalogue) -> str:
    """What a person writes for a part: its name where that leads back to it, else its id."""
    return part.name if find_part(part.name, catalogue) is part and "," not in part.name else part.id


def _owned(text: str, catalogue: Catalogue) -> dict[str, Any]:
    match = _QUANTITY.fullmatch(text)
    quantity, name = (int(match[1]), match[2]) if match else (1, text)
    part = find_part(name.strip(), catalogue)
    if part is None:
        raise ValueError(f"the catalogue has no part called '{name.strip()[:60]}'; write it as in the catalogue")
    return {"part": part.id, "quantity": quantity}


def _owned_words(row: Mapping[str, Any], catalogue: Catalogue) -> str:
    part = catalogue.parts.get(row["part"])
    name = part_text(part, catalogue) if part else row["part"]
    return name if row["quantity"] == 1 else f"{row['quantity']} x {name}"


def _ownable(catalogue: Catalogue) -> Iterable[Part]:
    return (*catalogue.gpus.values(), *catalogue.ram.values(), *catalogue.drives.values(), *catalogue.platforms.values())


def _described(part: Part) -> str:
    if isinstance(part, Gpu):
        return f"{part.name} {part.id} {part.memory_gb} GB"
    return f"{part.name} {part.id} {part.total_gb} GB {part.memory_type}" if isinstance(part, RamKit) else f"{part.name} {part.id}"


def _words(text: str) -> list[str]:
    return _WORDS.findall(text.lower())

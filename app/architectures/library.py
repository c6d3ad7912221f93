"""The model library: configurations of well-known networks, each under its Hugging Face repository id or timm name.

The entries are facts read from `seed_data/models/*.json`; the README there tells their format and how every total was confirmed.
"""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

from app.errors import InvalidInput
from app.resources import resource_path
from app.workloads.model import Family

REQUIRED_KEYS = frozenset({"name", "family", "parameters", "source", "as_of", "config"})
OPTIONAL_KEYS = frozenset({"aliases", "components"})
FAMILIES: tuple[str, ...] = get_args(Family)

SUGGESTIONS = 3
SIMILARITY = 0.6  # difflib's own default: above it a name reads as a slip of the pen
LONGEST_QUOTE = 60  # characters of an unknown name that the error repeats

_WORDS = re.compile(r"[a-z0-9.]+")
_SEPARATORS = re.compile(r"[\s_\-()]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """One model: its id, the exact number of parameters, and the config.json values that shape the network.

    `components` are the parameters of each part of a diffusion pipeline; `aliases` are repositories of the same shape, and short names.
    """

    id: str
    name: str
    family: str
    parameters: int
    config: Mapping[str, Any]
    source: str
    as_of: str
    aliases: tuple[str, ...] = ()
    components: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Indexed:
    """An entry prepared for searching: the plain forms of its names, and their words."""

    entry: ModelEntry
    plain_names: tuple[str, ...]
    words: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Library:
    """All entries, with every name that leads to one."""

    entries: tuple[ModelEntry, ...]
    by_name: Mapping[str, ModelEntry]
    index: tuple[_Indexed, ...]


def all_models() -> Sequence[ModelEntry]:
    """Every model: decoders first, then the other families in the order of `Family`."""
    return _library().entries


def find(id: str) -> ModelEntry:  # noqa: A002 - the word that the contract uses
    """The model under an id, an alias or a short name, whatever its case and separators ("llama-3.1-8b", "ResNet 50").

    Raises InvalidInput at "model.preset", with the nearest names, where there is none.
    """
    library = _library()
    entry = library.by_name.get(_plain(_without_timm_tag(id)))
    if entry is None:
        raise InvalidInput(f"no model '{id[:LONGEST_QUOTE]}' in the library{_suggestion(id, library)}", path="model.preset")
    return entry


def search(query: str, limit: int = 20) -> list[ModelEntry]:
    """Models whose names hold every word of the query, the nearest first; the first `limit` of all for an empty query."""
    words = _WORDS.findall(query.casefold())
    if not words:
        return list(_library().entries[:limit])
    plain = _plain(query)
    ranked = ((rank, place, item.entry) for place, item in enumerate(_library().index) if (rank := _rank(item, plain, words)) is not None)
    return [entry for _, _, entry in sorted(ranked, key=lambda found: found[:2])[:limit]]


def read_entries(folder: Path) -> Iterator[ModelEntry]:
    """The entries of every JSON file in a folder. Raises ValueError, naming the file and the entry, where one is not as it should be."""
    for path in sorted(folder.glob("*.json")):
        for model_id, content in json.loads(path.read_text(encoding="utf-8")).items():
            yield _entry(model_id, content, path.name)


def names_of(entries: Iterable[ModelEntry]) -> dict[str, ModelEntry]:
    """Every name, in its plain form, and the entry it means. Raises ValueError where two entries claim the same id or alias.

    An id goes before an alias, and both before the short form of another model's id.
    """
    listed = list(entries)
    names: dict[str, ModelEntry] = {}
    for claimed in ([(entry.id, entry) for entry in listed], [(alias, entry) for entry in listed for alias in entry.aliases]):
        for name, entry in claimed:
            if names.setdefault(_plain(name), entry) is not entry:
                raise ValueError(f"'{name}' means both {names[_plain(name)].id} and {entry.id}")
    for entry in listed:
        for name in (entry.name, *map(_last_part, (entry.id, *entry.aliases))):
            names.setdefault(_plain(name), entry)
    return names


@cache
def _library() -> _Library:
    entries = tuple(sorted(read_entries(resource_path("seed_data/models")), key=lambda entry: FAMILIES.index(entry.family)))
    return _Library(entries=entries, by_name=MappingProxyType(names_of(entries)), index=tuple(map(_indexed, entries)))


def _entry(model_id: str, content: dict[str, Any], file_name: str) -> ModelEntry:
    for complaint in _complaints(content):
        raise ValueError(f"{file_name}: {model_id}: {complaint}")
    return ModelEntry(
        id=model_id,
        name=content["name"],
        family=content["family"],
        parameters=content["parameters"],
        config=MappingProxyType(content["config"]),
        source=content["source"],
        as_of=content["as_of"],
        aliases=tuple(content.get("aliases", ())),
        components=MappingProxyType(content.get("components", {})),
    )


def _complaints(content: dict[str, Any]) -> Iterator[str]:
    if missing := REQUIRED_KEYS - content.keys():
        yield f"lacks {', '.join(sorted(missing))}"
    if unknown := content.keys() - REQUIRED_KEYS - OPTIONAL_KEYS:
        yield f"has unknown keys {', '.join(sorted(unknown))}"
    if content["family"] not in FAMILIES:
        yield f"'{content['family']}' is not one of {', '.join(FAMILIES)}"
    if not isinstance(content["parameters"], int) or content["parameters"] < 1:
        yield "parameters must be a whole number above zero"
    if not {"model_type", "_class_name"} & content["config"].keys():
        yield "config names neither model_type nor _class_name"


def _rank(item: _Indexed, plain: str, words: Sequence[str]) -> tuple[int, int] | None:
    """How near a query is, smaller being nearer: the same name, a name that starts so, its words, parts of words; None if it is none."""
    missing = sum(word not in item.words for word in words)
    if plain in item.plain_names:
        return 0, missing
    if any(name.startswith(plain) for name in item.plain_names):
        return 1, missing
    if not missing:
        return 2, 0
    if all(any(word in name for name in item.plain_names) for word in words):
        return 3, missing
    return None


def _indexed(entry: ModelEntry) -> _Indexed:
    names = (entry.id, _last_part(entry.id), entry.name, *entry.aliases)
    words = {word for name in names for word in _WORDS.findall(name.casefold())}
    return _Indexed(entry=entry, plain_names=tuple(dict.fromkeys(map(_plain, names))), words=frozenset(words))


def _suggestion(wanted: str, library: _Library) -> str:
    near = difflib.get_close_matches(_plain(wanted)[:LONGEST_QUOTE], library.by_name, n=4 * SUGGESTIONS, cutoff=SIMILARITY)
    ids = list(dict.fromkeys(library.by_name[name].id for name in near))[:SUGGESTIONS]
    return f"; did you mean {' or '.join(ids)}?" if ids else "; search the models for its name, or paste its config.json"


def _plain(name: str) -> str:
    return _SEPARATORS.sub("", name.casefold())


def _last_part(model_id: str) -> str:
    return model_id.rpartition("/")[2]


def _without_timm_tag(model_id: str) -> str:
    """timm's hub repositories add the training recipe to the name: "timm/resnet50.a1_in1k"."""
    return model_id.removeprefix("timm/").partition(".")[0] if model_id.startswith("timm/") else model_id

"""Finding the item that a row means: by its id, by an alias, or by exactly its name and traits. Never by likeness.

Names are compared as sets of words in any case, without punctuation and without the makers' and brands' names that say nothing
("NVIDIA GeForce RTX 3090" and "RTX 3090" are one). What is only alike is named as a suggestion.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from app.catalogue.facts import AliasFact, ItemFact
from app.catalogue.imports.statements import Naming
from app.catalogue.specs import DriveSpec, GpuSpec, RamSpec

MOST_SUGGESTED = 4
_SIZE = re.compile(r"\b\d+(?:\.\d+)? ?(?:gi?b|tb)\b")
_KIT = re.compile(r"\bddr\d(?:-?\d{4,5})?\b|\b\d+ ?x ?\d+ ?gb\b|\b(?:cl?) ?\d\d\b")
_CAS = re.compile(r"\bcl? ?(\d\d)\b")
_WORD = re.compile(r"[^\W\d_]+|\d+(?:\.\d+)?")
_SILENT = frozenset({"nvidia", "amd", "intel", "geforce", "radeon", "instinct", "graphics", "card", "gpu"})

Words = frozenset[str]
Traits = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """The item that is meant; or those that it could be, because several have this very name or some only resemble it."""

    item: ItemFact | None = None
    candidates: tuple[ItemFact, ...] = ()
    exact: bool = False  # whether the candidates have this very name


class ItemIndex:
    """Every item of the catalogue, and those that an import adds, by what rows may call them."""

    def __init__(self, items: Iterable[ItemFact], aliases: Iterable[AliasFact] = ()) -> None:
        self._items: dict[str, ItemFact] = {}
        self.aliases = {alias.name: alias.item for alias in aliases if alias.item}
        self._by_name: defaultdict[Words, dict[str, None]] = defaultdict(dict)
        self._by_traits: defaultdict[tuple[Words, Traits], dict[str, None]] = defaultdict(dict)
        self._by_word: defaultdict[str, dict[str, Words]] = defaultdict(dict)
        for item in items:
            self.add(item)

    def add(self, item: ItemFact) -> None:
        """An item as it is, or as the import would make it."""
        short = _short_words(item.name)
        self._items[item.id] = item
        self._by_name[_words(item.name)].setdefault(item.id)
        traits = traits_of(item)
        for told in {traits, traits[:1]}:  # a row may tell the size alone
            self._by_traits[short, told].setdefault(item.id)
        for word in short:
            self._by_word[word][item.id] = short

    def get(self, name: str) -> ItemFact | None:
        """The item of that id."""
        return self._items.get(name)

    def find(self, naming: Naming) -> Match:
        """The item that a row means."""
        for name in naming.names:
            named = self._items.get(self.aliases.get(name, name))
            if named is not None and naming.kind in (None, named.kind):
                return Match(named)
        if naming.by_id:
            return Match()
        for name in naming.names:
            found = [item for item in map(self._items.__getitem__, self._exactly(name, naming)) if naming.kind in (None, item.kind)]
            if found:
                return Match(found[0]) if len(found) == 1 else Match(candidates=tuple(found[:MOST_SUGGESTED]), exact=True)
        return Match(candidates=self._similar(naming))

    def _exactly(self, name: str, naming: Naming) -> Iterable[str]:
        """The ids of the items of that name; with traits, of that name and those traits, or of those but for a latency left open."""
        if not naming.traits:
            return self._by_name.get(_words(name), ())
        short = _short_words(name)
        found = self._by_traits.get((short, naming.traits), ())
        return found or (self._by_traits.get((short, (*naming.traits[:-1], None)), ()) if naming.kind == "ram" else ())

    def _similar(self, naming: Naming) -> tuple[ItemFact, ...]:
        """Items of the kind whose name has all words of the row's, or the other way round."""
        wanted = frozenset().union(*map(_short_words, naming.names))
        known = [self._by_word[word] for word in wanted if word in self._by_word]
        rarest = min(known, key=len, default={})
        alike = (self._items[name] for name, words in rarest.items() if len(wanted & words) > 1 and (wanted <= words or words <= wanted))
        same = [item for item in alike if naming.kind in (None, item.kind) and naming.traits[:1] in ((), traits_of(item)[:1])]
        return tuple(same[:MOST_SUGGESTED])


def traits_of(item: ItemFact) -> Traits:
    """What tells products of one name apart: the memory of a GPU; the capacity of a drive and where it plugs in; a kit."""
    match item.spec:
        case GpuSpec(memory_gb=size):
            return (float(size),)
        case DriveSpec() as drive:
            return (float(drive.capacity_gb), drive.medium, drive.interface, drive.rotation_rpm)
        case RamSpec() as kit:
            latency = _CAS.search(item.name.lower())
            return (kit.memory_type, kit.speed_mt_s, kit.modules, kit.module_gb, int(latency[1]) if latency else None)
    return ()


def _words(name: str) -> Words:
    return frozenset(_WORD.findall(name.lower())) - _SILENT


def _short_words(name: str) -> Words:
    """The words of a name without what its traits say: sizes, the make-up of a kit, its latency."""
    return _words(_SIZE.sub(" ", _KIT.sub(" ", name.lower())))

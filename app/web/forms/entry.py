"""What was typed: the form's state, as it stands in the address. Every text is kept, also where it is wrong."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from app.web.forms.field import Field, Tab
from app.web.forms.shared_fields import DATA
from app.web.forms.tabs import TABS, tab_named

Pairs = Iterable[tuple[str, str]]

LONGEST_IN_ADDRESS = 4_000  # characters of texts that no field limits; servers and proxies refuse addresses above some 8 kB
ONE_AT_A_TIME = "either"
_CARRIED = frozenset(field.name for field in DATA)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The state of the form. `values` has a text for every field of the tab."""

    tab: Tab
    values: Mapping[str, str]
    model: str = ""
    config: str = ""  # a config.json that has been read, on one line
    paste: str = ""  # a config.json as pasted, not read yet
    repository: str = ""  # of the Hugging Face hub, not read yet
    extra: str = ""  # what the document holds beyond the fields, as JSON
    beside: tuple[str, ...] = ()  # the other jobs on the same machine, each as the query string of its form without budget and parts
    place: int = 0  # of this job among all
    together: str = ""  # how the jobs run, where it is not one at a time
    unknown: tuple[str, ...] = ()  # names that are no field here

    @property
    def fits_in_address(self) -> bool:
        """Whether the whole state can be a link."""
        return len(self.config) + len(self.extra) + sum(map(len, self.beside)) <= LONGEST_IN_ADDRESS

    @property
    def alone(self) -> "Entry":
        """The same job without the others."""
        return replace(self, beside=(), place=0, together="")

    def query(self) -> str:
        """The shortest query string that restores this state: defaults are left out."""
        return urlencode(self._pairs())

    def query_with(self, **changes: str) -> str:
        """The query string after changes to the fields of these names (or `model`, `config`, `extra`)."""
        return self.changed(changes).query()

    def changed(self, changes: Mapping[str, str]) -> "Entry":
        """The state after changes to the fields of these names (or `model`, `config`, `extra`)."""
        own = {name: text for name, text in changes.items() if name in {"model", "config", "extra"}}
        fields = {name: text for name, text in changes.items() if name not in own}
        return replace(self, values={**self.values, **fields}, **own)  # type: ignore[arg-type]

    def on_tab(self, tab: Tab) -> "Entry":
        """A fresh state of another tab that keeps data, budget and parts."""
        kept = {
            field.name: self.values[field.name]
            for field in tab.fields
            if field.name in self.values and (field.name in _CARRIED or field.path.startswith("limits."))
        }
        values = {**tab.defaults(), **kept}
        return Entry(tab=tab, values=values, model=tab.model_default, beside=self.beside, place=self.place, together=self.together)

    def shared_pairs(self) -> list[tuple[str, str]]:
        """The pairs that all jobs of a set share: its other jobs, and the budget and the parts where they are not the defaults."""
        limits = [field for field in self.tab.fields if field.path.startswith("limits.")] if self.beside else []
        changed = [(field.name, self.values[field.name]) for field in limits if self.values[field.name] != field.default]
        return changed + self.set_pairs()

    def advanced_changes(self) -> int:
        """How many of the advanced fields differ from their defaults."""
        return sum(self.values[field.name] != field.default for field in self.tab.advanced)

    def _pairs(self) -> list[tuple[str, str]]:
        pairs = [("task", self.tab.name)] if self.tab is not TABS[0] else []
        if self.tab.has_model and not self.config and self.model != self.tab.model_default:
            pairs.append(("model", self.model))
        changed = ((field, self.values[field.name]) for field in self.tab.fields)
        pairs += [(field.name, text) for field, text in changed if text != field.default]
        pairs += [(name, text) for name, text in (("config", self.config), ("extra", self.extra)) if text]
        return pairs + self.set_pairs()

    def set_pairs(self) -> list[tuple[str, str]]:
        """The pairs that carry the other jobs on the machine; none where there is no other."""
        if not self.beside:
            return []
        together = [("together", self.together)] if self.together else []
        return [*(("with", job) for job in self.beside), ("job", str(self.place + 1)), *together]


def entry_of(pairs: Pairs, start: Entry | None = None) -> Entry:
    """The state that query or form pairs describe, on top of `start` (a preset) or of the tab's defaults.

    A model picked from the list of search results (`pick`) wins over the text in the search box.
    """
    pairs = list(pairs)
    given = _joined(pairs)
    beside = tuple(text for name, text in pairs if name == "with" and text)
    base = start or _blank(tab_named(given.get("task", "")))
    tab = base.tab
    values = {field.name: given.get(field.name, base.values[field.name]) for field in tab.fields}
    return Entry(
        tab=tab, values=values,
        model=(given.get("pick") or given.get("model", base.model)).strip(),
        config=given.get("config", base.config), paste=given.get("paste", ""),
        repository=given.get("repository", "").strip(), extra=given.get("extra", base.extra),
        beside=beside, place=_place(given.get("job", ""), len(beside)),
        together=given.get("together", "").removeprefix(ONE_AT_A_TIME) if beside else "",
        unknown=tuple(name for name in given if name not in {*values, *_OWN_NAMES}),
    )  # fmt: skip


_OWN_NAMES = ("task", "model", "pick", "config", "paste", "repository", "file", "extra", "preset", "with", "job", "together")


def _place(text: str, last: int) -> int:
    """The place that counts from 0, of a number that counts from 1; the last where it is none of these."""
    return min(int(text) - 1, last) if text.isascii() and text.isdigit() and len(text) < 3 and int(text) else last


def _blank(tab: Tab) -> Entry:
    return Entry(tab=tab, values=tab.defaults(), model=tab.model_default)


def _joined(pairs: Pairs) -> dict[str, str]:
    """Checked boxes of one name come as several pairs: they are one text, separated by commas."""
    given: dict[str, str] = {}
    for name, text in pairs:
        given[name] = f"{given[name]},{text}" if given.get(name) and name in _REPEATED else text
    return given


_REPEATED = {field.name for tab in TABS for field in tab.fields if field.control == "checks"}


def field_at(entry: Entry, path: str) -> Field | None:
    """The field that a document path belongs to: the longest path that starts it, among those that apply."""
    candidates = [path, f"workload.{path}"]
    found = [
        field
        for field in entry.tab.fields
        if field.path and field.applies(entry.values) and any(_within(candidate, field.path) for candidate in candidates)
    ]
    return max(found, key=lambda field: len(field.path), default=None)


def _within(path: str, outer: str) -> bool:
    return path == outer or path.startswith(f"{outer}.")

"""The items: the list to choose from, the form of one, and what happens when two people save it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, get_args

from app.catalogue.assemble import Snapshot
from app.catalogue.editing import Conflict, Values, flat
from app.catalogue.facts import AliasFact, Confidence, ItemFact
from app.catalogue.specs import SPECS
from app.errors import InvalidInput
from app.hardware import PartKind, Price
from app.web.contexts.admin.dashboard import KIND_LABELS
from app.web.contexts.admin.fields import AdminField, AdminForm, form_of
from app.web.contexts.specification import FIGURES, label

ONE_OF: Mapping[PartKind, str] = {"gpu": "GPU", "ram": "RAM kit", "drive": "drive", "platform": "platform", "cloud": "cloud offer"}
_LONG = frozenset({"visible_source", "rate_basis", "cpu"})
_STATUSES = {
    "active": "active",
    "announced": "not sold yet",
    "market": "a price index",
    "retired": "retired",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRow:
    """One item of the list."""

    id: str
    name: str
    kind: str
    status: str
    price: str
    age_days: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemsPage:
    """Context of pages/admin/items.html."""

    kinds: tuple[tuple[str, str, str], ...]  # kind, label, what one of them is called
    kind: str
    q: str
    rows: tuple[ItemRow, ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One field in which two versions of an item differ."""

    label: str
    before: str
    theirs: str
    yours: str
    contested: bool  # both changed it, to different values


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictView:
    """Who came first and what they changed."""

    revision: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasRow:
    """Another name of the item."""

    name: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPage:
    """Context of pages/admin/item.html."""

    id: str  # empty for a new one
    kind: str
    heading: str
    base: int  # the revision that the form shows
    form: AdminForm
    groups: tuple[tuple[str, tuple[str, ...]], ...]  # heading and names of the fields
    conflict: ConflictView | None
    aliases: tuple[AliasRow, ...]
    alias_form: AdminForm


_COMMON = (
    AdminField(name="name", label="Name", required=True, wide=True),
    AdminField(name="vendor", label="Vendor"),
    AdminField(name="status", label="Status", kind="select", choices=tuple(_STATUSES.items()), value="active"),
)
_ORIGIN = (
    AdminField(name="source", label="Source of the specification", required=True, wide=True, hint="a data sheet, a page, a measurement"),
    AdminField(name="as_of", label="Read on", kind="date", required=True),
    AdminField(name="confidence", label="Confidence", kind="select", choices=tuple((one, one) for one in get_args(Confidence))),
    AdminField(name="notes", label="Notes", kind="area", wide=True),
)
_REASON = AdminField(name="reason", label="Why the change", required=True, wide=True, hint="stands in the history beside your name")
_ALIAS_FIELDS = (
    AdminField(name="alias", label="Another name", required=True, hint="as a shop or a file spells it"),
    AdminField(name="alias_source", label="Seen where", required=True),
)


def fields_of_kind(kind: PartKind, *, new: bool) -> tuple[AdminField, ...]:
    """Every field of the form of a kind."""
    own = AdminField(name="id", label="Id", required=True, hint="never changes; small letters, digits, dots and dashes")
    return (*((own,) if new else ()), *_COMMON, *(_spec_field(kind, name) for name in SPECS[kind].model_fields), *_ORIGIN, _REASON)


def _spec_field(kind: PartKind, name: str) -> AdminField:
    info = SPECS[kind].model_fields[name]
    options = _options(info.annotation)
    default = "" if info.is_required() or info.default is None else _typed(info.default)
    title, unit = label(name), FIGURES.get(name, ("", ""))[1]
    return AdminField(
        name=name,
        label=f"{title} ({unit})" if unit else title,
        value=default,
        kind="select" if options else "text",
        choices=tuple((option, _READS.get(option, option)) for option in options),
        required=info.is_required() and not options,
        wide=name in _LONG,
    )


_READS = {"true": "yes", "false": "no", "": "none"}


def _options(annotation: Any) -> tuple[str, ...]:
    if annotation is bool:
        return ("false", "true")
    found = get_args(annotation)
    return tuple(found) if found and all(isinstance(one, str) for one in found) else ()


def _typed(value: Any) -> str:
    """A value as one would type it."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) and value < 1e6 else str(value)


def typed_values(item: ItemFact) -> dict[str, str]:
    """Every field of an item as one would type it."""
    return {name: _typed(value) for name, value in flat(item).items()}


def item_page(kind: PartKind, *, item: ItemFact | None, base: int, aliases: Sequence[AliasFact] = (), today: date) -> ItemPage:
    """The form of an item as it is, or of a new one."""
    fields = fields_of_kind(kind, new=item is None)
    values = typed_values(item) if item else {"as_of": today.isoformat()}
    spec = tuple(SPECS[kind].model_fields)
    return ItemPage(
        id=item.id if item else "",
        kind=kind,
        heading=item.name if item else f"New {ONE_OF[kind]}",
        base=base,
        form=form_of(fields, values),
        groups=(
            ("Item", tuple(field.name for field in fields if field.name in {"id", "name", "vendor", "status"})),
            ("Specification", spec),
            ("Where this is known from", ("source", "as_of", "confidence", "notes")),
        ),
        conflict=None,
        aliases=tuple(AliasRow(name=alias.name, source=alias.source) for alias in aliases),
        alias_form=form_of(_ALIAS_FIELDS),
    )


def again(page: ItemPage, values: Mapping[str, str], complaint: InvalidInput | None) -> ItemPage:
    """The same page with what was typed and what is wrong with it."""
    aliased = "alias" in values
    fields = page.alias_form.fields if aliased else page.form.fields
    form = form_of(fields, values, complaint)
    return replace(page, alias_form=form) if aliased else replace(page, form=form)


def merged(page: ItemPage, conflict: Conflict, wanted: ItemFact, reason: str) -> ItemPage:
    """The page with both versions: fields that only they changed are theirs, fields that you changed stay yours."""
    base, theirs, yours = _flat_or_nothing(conflict.base), flat(conflict.theirs.item), flat(wanted)
    values = {name: _typed(theirs[name] if yours.get(name) == base.get(name) else yours[name]) for name in yours}
    return replace(
        page,
        base=conflict.theirs.revision,
        form=form_of(page.form.fields, {**values, "reason": reason}),
        conflict=ConflictView(
            revision=conflict.theirs.revision,
            differences=tuple(
                Difference(
                    label=label(name),
                    before=_typed(base.get(name)),
                    theirs=_typed(theirs[name]),
                    yours=_typed(yours[name]),
                    contested=theirs[name] != yours[name] and theirs[name] != base.get(name) and yours[name] != base.get(name),
                )
                for name in yours
                if theirs[name] != yours[name]
            ),
        ),
    )


def _flat_or_nothing(item: ItemFact | None) -> Values:
    return flat(item) if item else {}


def kinds_to_choose() -> tuple[tuple[str, str, str], ...]:
    """Every kind with its label and what one of them is called."""
    return tuple((kind, KIND_LABELS[kind], ONE_OF[kind]) for kind in ONE_OF)


def item_rows(snapshot: Snapshot, q: str, kind: str, today: date) -> list[ItemRow]:
    """Every item with all the words in its id, names or vendor, by name."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for name, item_id in snapshot.aliases.items():
        names[item_id].append(name)
    found = [item for item in snapshot.items.values() if kind in {"", item.kind} and _has(item, names[item.id], q)]
    found.sort(key=lambda item: (item.status != "active", item.name.lower()))
    return [_item_row(item, snapshot.prices[item.id], today) for item in found]


def _has(item: ItemFact, names: Sequence[str], q: str) -> bool:
    text = " ".join((item.id, item.name, item.vendor, *names)).lower()
    return all(word in text for word in q.lower().split())


def _item_row(item: ItemFact, prices: Sequence[Price], today: date) -> ItemRow:
    freshest = max(prices, key=lambda price: price.observed_on, default=None)
    return ItemRow(
        id=item.id,
        name=item.name,
        kind=ONE_OF[item.kind],
        status=item.status,
        price=f"{freshest.money} {freshest.condition}" if freshest else "",
        age_days=(today - freshest.observed_on).days if freshest else None,
    )

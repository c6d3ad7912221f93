"""The fields of admin forms as they are shown: every text as it was typed, every error at its field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminField:
    """One field. `kind` is the type of the input, or "select", "area", "check"."""

    name: str
    label: str
    value: str = ""
    kind: str = "text"
    choices: tuple[tuple[str, str], ...] = ()  # value and label
    hint: str = ""
    error: str = ""
    wide: bool = False
    autocomplete: str = "off"
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FormError:
    """One line of the summary above a form."""

    target: str  # the id of the field
    label: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminForm:
    """Fields with what is wrong."""

    fields: tuple[AdminField, ...]
    errors: tuple[FormError, ...] = ()

    def __getitem__(self, name: str) -> AdminField:
        """The field of that name, for templates that place each by hand."""
        return next(field for field in self.fields if field.name == name)


def form_of(fields: Sequence[AdminField], values: Mapping[str, str] | None = None, complaint: InvalidInput | None = None) -> AdminForm:
    """The fields filled with `values`, each with its complaint; complaints about no field stand in the summary alone."""
    messages = {error.path: error.message for error in complaint.errors} if complaint else {}
    given = values or {}
    filled = tuple(_filled(field, given.get(field.name, field.value), messages.get(field.name, "")) for field in fields)
    labels = {field.name: field.label for field in fields}
    errors = tuple(
        FormError(target=path if path in labels else "main", label=labels.get(path, path), message=message)
        for path, message in messages.items()
    )
    return AdminForm(fields=filled, errors=errors)


def _filled(field: AdminField, value: str, error: str) -> AdminField:
    return replace(field, value="" if field.kind == "password" else value, error=error)

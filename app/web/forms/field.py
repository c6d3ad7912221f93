"""What a field of the form is: its name in the address, its place in the request document, its default and its choices."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypedDict, Unpack

from app.web.forms.codecs import TEXT, Codec

Control = Literal["text", "select", "checks", "area"]

# Where a field applies only beside certain answers of another one. The style sheet hides it otherwise.
CONDITIONS: Mapping[str, tuple[str, frozenset[str]]] = {
    "adapter": ("method", frozenset({"lora", "qlora"})),
    "frozen": ("method", frozenset({"frozen"})),
    "training": ("method", frozenset({"full", "lora", "qlora", "frozen"})),
    "running": ("method", frozenset({"run"})),
    "fixed": ("spread", frozenset({"fixed"})),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of a list: the value in the document, how it reads, and what is told under the list while it is chosen."""

    value: str
    label: str
    hint: str = ""


def choices(**labels: str) -> tuple[Choice, ...]:
    """Choices from `value="label"`."""
    return tuple(Choice(value, label) for value, label in labels.items())


@dataclass(frozen=True, slots=True)
class Field:
    """One field. An empty text leaves `path` out of the document, so that the document's own default holds."""

    name: str
    label: str
    path: str  # dotted, in the request document; empty where another field reads this one
    codec: Codec = TEXT
    default: str = ""
    choices: tuple[Choice, ...] = ()
    control: Control = "text"
    hint: str = ""
    when: str = ""  # a key of CONDITIONS
    wide: bool = False

    def but(self, *, default: str | None = None, when: str | None = None, choices: tuple[Choice, ...] = ()) -> "Field":
        """The same field with another default, condition or list of choices."""
        return replace(
            self,
            default=self.default if default is None else default,
            when=self.when if when is None else when,
            choices=choices or self.choices,
        )

    def applies(self, values: Mapping[str, str]) -> bool:
        """Whether the field counts beside the other values."""
        if not self.when:
            return True
        name, allowed = CONDITIONS[self.when]
        return values.get(name, "") in allowed


class Appearance(TypedDict, total=False):
    """Optional traits of a field, as in `Field`."""

    hint: str
    when: str
    wide: bool


def typed(name: str, label: str, path: str, codec: Codec, default: str = "", **more: Unpack[Appearance]) -> Field:
    """A field to type in."""
    return Field(name, label, path, codec, default, **more)


def chosen(name: str, label: str, path: str, options: tuple[Choice, ...], codec: Codec = TEXT, **more: Unpack[Appearance]) -> Field:
    """A field to choose from a list; the first entry is the default."""
    return Field(name, label, path, codec, options[0].value, options, "select", **more)


def ticked(name: str, label: str, path: str, options: tuple[Choice, ...], *, codec: Codec) -> Field:
    """A field of which any number of entries can be ticked; none means all."""
    return Field(name, label, path, codec, "", options, "checks", wide=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """One of the four ways to describe a job: its fields by section, in the order they are shown."""

    name: str
    label: str
    job: tuple[Field, ...]
    data: tuple[Field, ...]
    limits: tuple[Field, ...]
    advanced: tuple[Field, ...]
    has_model: bool = True
    model_default: str = ""

    @property
    def fields(self) -> tuple[Field, ...]:
        """Every field."""
        return (*self.job, *self.data, *self.limits, *self.advanced)

    def kind(self, values: Mapping[str, str]) -> str:
        """The document's `kind`: the tab for images may train or run."""
        if not self.has_model:
            return "classical"
        return "inference" if self.name == "run" or values.get("method") == "run" else "training"

    def defaults(self) -> dict[str, str]:
        """Every field's default text."""
        return {field.name: field.default for field in self.fields}

    def field(self, name: str) -> Field | None:
        """The field of that name, None where the tab has none."""
        return next((field for field in self.fields if field.name == name), None)

"""What admin routes take out of a form: known fields only, each complaint a sentence at its field."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from app.errors import FieldError, InvalidInput
from app.web.access import CONFIRMATION
from app.web.requests import FormPairs

T = TypeVar("T")
LONGEST_REASON = 400

_SENTENCES: Mapping[str, str] = {
    "missing": "this is needed",
    "string_too_short": "this is needed",
    "int_parsing": "type a whole number",
    "int_from_float": "type a whole number",
    "float_parsing": "type a number",
    "decimal_parsing": "type an amount such as 1299.00",
    "decimal_type": "type an amount such as 1299.00",
    "bool_parsing": "choose yes or no",
    "date_parsing": "type a day such as 2026-11-21",
    "date_from_datetime_parsing": "type a day such as 2026-11-21",
    "extra_forbidden": "this field is not known here",
}
_BOUNDS: Mapping[str, tuple[str, str]] = {  # what to say, and where pydantic keeps the bound
    "greater_than": ("use more than {}", "gt"),
    "greater_than_equal": ("use {} or more", "ge"),
    "less_than": ("use less than {}", "lt"),
    "less_than_equal": ("use {} or less", "le"),
    "string_too_long": ("use at most {} characters", "max_length"),
}
_PATTERNS: Mapping[str, str] = {
    "id": "use small letters, digits, dots and dashes, as in rtx-3090",
    "url": "type an address that begins with http:// or https://",
    "currency": "type three capital letters such as GBP",
    "launched": "type a day such as 2026-11-21, or nothing",
    "compute_capability": "type a number such as 8.6, or nothing",
}


def fields_of(pairs: FormPairs) -> dict[str, str]:
    """The fields of a form by name, without the password that came along. Raises InvalidInput for what no database takes."""
    if wrong := next((name for name, value in pairs if "\0" in name or "\0" in value), ""):
        raise InvalidInput("it holds a character that cannot be kept (NUL); type it anew", wrong.replace("\0", ""))
    return {name: value.replace("\r\n", "\n") for name, value in pairs if name != CONFIRMATION}


def reason_of(fields: Mapping[str, str]) -> str:
    """Why somebody does something: needed for every change of the catalogue. Raises InvalidInput."""
    reason = fields.get("reason", "").strip()
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise InvalidInput(f"say in a few words why, in at most {LONGEST_REASON} characters; it stands in the history", "reason")
    return reason


def checked(read: Callable[[], T]) -> T:
    """What `read` makes of the fields. Raises InvalidInput with a sentence for every wrong one."""
    try:
        return read()
    except ValidationError as error:
        raise InvalidInput(
            [FieldError(path=_path(issue["loc"]), message=_sentence(issue)) for issue in error.errors(include_url=False)]
        ) from None


def all_of(*reads: Callable[[], object]) -> None:
    """Runs every one of them. Raises InvalidInput with the complaints of all, so that nobody mends one field at a time."""
    errors: list[FieldError] = []
    for read in reads:
        try:
            read()
        except InvalidInput as complaint:
            errors += complaint.errors
    if errors:
        raise InvalidInput(errors)


def _path(location: tuple[Any, ...]) -> str:
    names = [str(step) for step in location if isinstance(step, str) and step != "spec"]
    return names[0] if names else ""


def _sentence(issue: Any) -> str:
    if issue["type"] == "string_pattern_mismatch":
        return _PATTERNS.get(_path(issue["loc"]), "this is not in the form that is expected")
    if issue["type"] == "literal_error":
        return f"choose one of {issue['ctx']['expected']}"
    if issue["type"] in _BOUNDS:
        words, bound = _BOUNDS[issue["type"]]
        return words.format(f"{issue['ctx'][bound]:,}")
    message = str(issue["msg"]).removeprefix("Value error, ")
    return _SENTENCES.get(issue["type"], message[:1].lower() + message[1:])

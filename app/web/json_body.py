"""JSON from outside: bounded in depth, in the size of its numbers, and free of what JSON does not allow."""

import json
from typing import Any, NoReturn

from app.errors import FieldError, InvalidInput

DEEPEST = 32  # levels; a request document has eight
LARGEST_INTEGER = 10**18


class MalformedJson(InvalidInput):
    """The bytes are not JSON at all."""

    title = "Malformed JSON"
    status = 400


def decode_json(body: bytes) -> Any:
    """The value of a JSON text. Raises MalformedJson (400), or InvalidInput (422) for hostile depth, numbers or characters."""
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
    except RecursionError:
        raise InvalidInput(f"the document is nested deeper than {DEEPEST} levels") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise MalformedJson(f"this is not valid JSON: {error}") from None
    except ValueError:
        raise InvalidInput("a number in the document has too many digits") from None
    _check(value)
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidInput(f"{name} is not a number that JSON allows")


def _check(document: object) -> None:
    """Walk the document without recursion and refuse what no real document holds."""
    waiting: list[tuple[object, str, int]] = [(document, "", 0)]
    while waiting:
        value, path, depth = waiting.pop()
        if depth > DEEPEST:
            raise InvalidInput(f"the document is nested deeper than {DEEPEST} levels")
        if isinstance(value, dict):
            waiting += [(inner, f"{path}.{key}".lstrip("."), depth + 1) for key, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(inner, f"{path}.{index}".lstrip("."), depth + 1) for index, inner in enumerate(value)]
        elif problem := _problem(value):
            raise InvalidInput([FieldError(path=path[:200], message=problem)])


def _problem(value: object) -> str:
    if isinstance(value, str) and "\0" in value:
        return "a NUL character is not allowed"
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        return "the number is far too large"
    if isinstance(value, float) and value in {float("inf"), float("-inf")}:
        return "the number is far too large"
    return ""

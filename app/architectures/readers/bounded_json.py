"""JSON from a file somebody sent: bounded in size, containers, depth and digits."""

import json
from typing import Any, NoReturn

from app.architectures.readers.tensor_table import unreadable

LARGEST_JSON = 16 * 2**20  # bytes; the largest index in use (DeepSeek-V3) has 9 MB
MOST_CONTAINERS = 700_000  # objects and arrays; three for each tensor of a header


def decode_object(content: bytes, what: str) -> dict[str, Any]:
    """The JSON object in `content`. Raises InvalidInput, naming `what` it should be, for anything else."""
    if len(content) > LARGEST_JSON:
        raise unreadable(f"the {what} has {len(content):,} bytes; at most {LARGEST_JSON:,} are read")
    if content.count(b"{") + content.count(b"[") > MOST_CONTAINERS:
        raise unreadable(f"the {what} has more objects and lists than any real one")
    try:
        value = json.loads(content, parse_constant=_refuse_constant)
    except RecursionError:
        raise unreadable(f"the {what} is nested too deeply") from None
    except UnicodeDecodeError:
        raise unreadable(f"the {what} is not text in UTF-8") from None
    except ValueError as error:  # malformed JSON, or an integer of thousands of digits
        raise unreadable(f"the {what} is not valid JSON: {str(error)[:120]}") from None
    if not isinstance(value, dict):
        raise unreadable(f"the {what} must be a JSON object")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise unreadable(f"{name} is not a number that JSON allows")

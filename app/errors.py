"""What can go wrong, each with a sentence that a person can act on. The web shell and the command line render them."""

from collections.abc import Sequence
from dataclasses import dataclass


class RigwiseError(Exception):
    """Root of every error that is shown to people; `str(error)` is the sentence."""

    title = "Something went wrong"
    status = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One wrong field: its dotted path in the document ("model.preset") and what to do about it."""

    path: str
    message: str


class InvalidInput(RigwiseError):
    """The document, form or file cannot be used; `errors` names every field at fault."""

    title = "Please check what was entered"
    status = 422

    def __init__(self, errors: Sequence[FieldError] | str, path: str = "") -> None:
        self.errors: tuple[FieldError, ...] = (FieldError(path=path, message=errors),) if isinstance(errors, str) else tuple(errors)
        super().__init__("; ".join(f"{e.path}: {e.message}" if e.path else e.message for e in self.errors))

    def under(self, part: str) -> "InvalidInput":
        """The same complaint about a document of which this one is the named part."""
        return InvalidInput([FieldError(path=f"{part}.{e.path}" if e.path else part, message=e.message) for e in self.errors])


class NotFound(RigwiseError):
    """There is nothing at this address or under this name."""

    title = "Not found"
    status = 404


class Conflict(RigwiseError):
    """Somebody else was quicker, or it was done already; nothing was changed."""

    title = "Changed meanwhile"
    status = 409


class TooLarge(RigwiseError):
    """More was sent than is accepted."""

    title = "Too large"
    status = 413


class TooMany(RigwiseError):
    """The same visitor asked too often; `retry_after_s` says when to come back."""

    title = "Too many requests"
    status = 429

    def __init__(self, message: str, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class Busy(RigwiseError):
    """The database is busy or full; nothing was changed and the request can be repeated."""

    title = "Busy"
    status = 503
    retry_after_s = 2


class Damaged(RigwiseError):
    """The database cannot be read: it has to be restored from a backup."""

    title = "Out of order"
    status = 503

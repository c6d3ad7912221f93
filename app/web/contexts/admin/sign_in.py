"""The pages that ask for a password."""

from dataclasses import dataclass

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInPage:
    """Context of pages/admin/sign_in.html."""

    name: str = ""
    error: str = ""
    notice: str = ""
    next: str = ""  # where to go on
    resume: str = ""  # the address that a form was on its way to when the session ended
    carried: Pairs = ()  # what it carried


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumePage:
    """Context of pages/admin/resume.html."""

    action: str
    carried: Pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmPage:
    """Context of pages/admin/confirm.html."""

    action: str
    back: str
    error: str
    carried: Pairs

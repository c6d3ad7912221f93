"""The two roles. An administrator may do whatever an editor may."""

from typing import Literal

Role = Literal["editor", "admin"]
"""editor: keeps items, prices and rates; admin: also rolls back, reads the audit log and manages users."""

_RANK: dict[str, int] = {"editor": 1, "admin": 2}


def allows(held: str, needed: Role) -> bool:
    """Whether somebody with the role `held` may do what needs the role `needed`."""
    return _RANK[held] >= _RANK[needed]

"""Passwords: what is accepted, and hashing with Argon2id (RFC 9106), never more of it at a time than the machine can bear."""

import os
import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.errors import InvalidInput

SHORTEST = 15  # characters; NIST SP 800-63B-4 for a password that may stand alone
LONGEST = 200
FEWEST_DIFFERENT = 5
AT_A_TIME = min(4, max(1, (os.cpu_count() or 1) // 2))  # hashes worked on: half of the processors is left to readers

_HASHER = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1)  # above OWASP's least, 19 MiB and two passes
_OFTEN_USED = frozenset({
    "passwordpassword", "password123456789", "qwertyuiopasdfgh", "qwertyuiop123456", "1q2w3e4r5t6y7u8i9o0p", "123456789012345",
    "correcthorsebatterystaple", "correct horse battery staple", "iloveyouiloveyou", "letmeinletmeinletmein", "administrator1",
    "administrator123", "changemechangeme", "welcome123456789", "abcdefghijklmno", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjkl",
})  # fmt: skip

_working = threading.BoundedSemaphore(AT_A_TIME)


def hash_password(password: str) -> str:
    """The hash to keep."""
    with _working:
        return _HASHER.hash(password)


def matches(password_hash: str | None, password: str) -> bool:
    """Whether the password belongs to the hash. Takes as long where there is no such user (`None`)."""
    stand_in = _of_nobody()
    with _working:
        try:
            _HASHER.verify(password_hash or stand_in, password[: LONGEST + 1])
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


def check_password(password: str, user_name: str, path: str = "password") -> None:
    """Raises InvalidInput, saying what to do, for a password that is too short, too plain or often used."""
    plain = password.casefold()
    if len(password) < SHORTEST:
        raise InvalidInput(f"use at least {SHORTEST} characters; a few words that do not belong together are easy to remember", path)
    if len(password) > LONGEST:
        raise InvalidInput(f"use at most {LONGEST} characters", path)
    if len(set(plain)) < FEWEST_DIFFERENT or plain in _OFTEN_USED:
        raise InvalidInput("this is among the first passwords that anybody would try; choose another", path)
    if user_name.casefold() in plain and len(plain) - len(user_name) < SHORTEST:
        raise InvalidInput("the password is little more than the user name; choose another", path)


@cache
def _of_nobody() -> str:
    """What is checked where there is no such user, with the same parameters and so in the same time."""
    return _HASHER.hash("nobody")

"""The second factor: six digits from an authenticator (TOTP, RFC 6238), each usable once, or a recovery code."""

import hashlib
import secrets
from base64 import b32encode
from datetime import datetime

import pyotp
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.accounts.tables import RecoveryCode, User
from app.errors import InvalidInput

ISSUER = "Rigwise"
STEP_SECONDS = 30
DRIFT_STEPS = 1  # a clock that is half a minute off is accepted
RECOVERY_CODES = 10
_RECOVERY_BYTES = 10


def begin_enrolment(user: User) -> None:
    """Gives the user a new secret, which counts once a code made with it was typed."""
    user.totp_secret, user.totp_confirmed_at, user.totp_last_step = pyotp.random_base32(), None, 0


def provisioning_address(user: User) -> str:
    """What the QR code says: the otpauth:// address of the user's secret."""
    return pyotp.TOTP(user.totp_secret or "").provisioning_uri(name=user.name, issuer_name=ISSUER)


def finish_enrolment(session: Session, user: User, code: str, now: datetime) -> tuple[str, ...]:
    """Switches the second factor on and returns the recovery codes, this once. Raises InvalidInput for a wrong code."""
    if user.totp_secret is None or not _uses_code(user, code, now):
        raise InvalidInput("this code is wrong; type the six digits that the authenticator shows now", "code")
    user.totp_confirmed_at = now
    return renew_recovery_codes(session, user)


def renew_recovery_codes(session: Session, user: User) -> tuple[str, ...]:
    """New recovery codes instead of the old ones."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    codes = tuple(_grouped(b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower()) for _ in range(RECOVERY_CODES))
    session.add_all(RecoveryCode(user_id=user.id, code_hash=_hashed(code)) for code in codes)
    return codes


def switch_off(session: Session, user: User) -> None:
    """The user signs in with the password alone."""
    user.totp_secret, user.totp_confirmed_at, user.totp_last_step = None, None, 0
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))


def is_on(user: User) -> bool:
    """Whether signing in needs a code."""
    return user.totp_confirmed_at is not None


def accepts(session: Session, user: User, code: str, now: datetime) -> bool:
    """Whether the code is right, using it up: neither a TOTP code nor a recovery code is accepted twice."""
    return not is_on(user) or _uses_code(user, code, now) or _uses_recovery_code(session, user, code, now)


def recovery_codes_left(session: Session, user_id: int) -> int:
    """How many recovery codes are still good."""
    query = select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return session.scalar(query) or 0


def _uses_code(user: User, code: str, now: datetime) -> bool:
    digits, step = "".join(code.split()), int(now.timestamp()) // STEP_SECONDS
    generator = pyotp.TOTP(user.totp_secret or "")
    for candidate in range(step - DRIFT_STEPS, step + DRIFT_STEPS + 1):
        if candidate > user.totp_last_step and secrets.compare_digest(generator.at(candidate * STEP_SECONDS), digits):
            user.totp_last_step = candidate
            return True
    return False


def _uses_recovery_code(session: Session, user: User, code: str, now: datetime) -> bool:
    query = select(RecoveryCode).where(RecoveryCode.user_id == user.id, RecoveryCode.code_hash == _hashed(code))
    found = session.scalars(query.where(RecoveryCode.used_at.is_(None))).first()
    if found is None:
        return False
    found.used_at = now
    return True


def _hashed(code: str) -> str:
    return hashlib.sha256("".join(code.lower().replace("-", "").split()).encode()).hexdigest()


def _grouped(code: str) -> str:
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))

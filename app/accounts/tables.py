"""The tables of users, their sessions and what they did. Secrets that a person carries are kept as hashes only."""

from datetime import datetime
from typing import get_args

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.accounts.roles import Role
from app.database import Base, UtcTime

_ROLES = ", ".join(f"'{role}'" for role in get_args(Role))


class User(Base):
    """Somebody who may sign in. Users are disabled, never deleted: the history names them."""

    __tablename__ = "user_account"
    __table_args__ = (UniqueConstraint("name"), CheckConstraint(f"role IN ({_ROLES})", name="role"))

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str] = mapped_column(String(200))
    must_change_password: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcTime)
    totp_secret: Mapped[str | None] = mapped_column(String(64))
    totp_confirmed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    totp_last_step: Mapped[int] = mapped_column(BigInteger, default=0)  # of the newest code that was used: none may be used twice


class RecoveryCode(Base):
    """A code that stands in once for the authenticator. SHA-256 is enough: the codes are 80 bits of chance."""

    __tablename__ = "recovery_code"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    code_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)


class UserSession(Base):
    """One browser in which a user is signed in. The cookie holds the token, this table its SHA-256."""

    __tablename__ = "user_session"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    opened_at: Mapped[datetime] = mapped_column(UtcTime)
    seen_at: Mapped[datetime] = mapped_column(UtcTime)
    confirmed_at: Mapped[datetime] = mapped_column(UtcTime)  # when the password was last typed
    client: Mapped[str] = mapped_column(String(80))
    network: Mapped[str] = mapped_column(String(60))


class SignInAttempt(Base):
    """One attempt to sign in or to confirm a password, for the throttle. The name is hashed: people type passwords there."""

    __tablename__ = "sign_in_attempt"
    __table_args__ = (
        Index("ix_sign_in_attempt_account_at", "account", "at"),
        Index("ix_sign_in_attempt_network_at", "network", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    account: Mapped[str] = mapped_column(String(64))
    network: Mapped[str] = mapped_column(String(60))
    succeeded: Mapped[bool] = mapped_column(default=False)


class AuditEntry(Base):
    """One act: who, when, what, from where. Rows are only ever added, numbered without gaps and chained by hashes."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_actor", "actor"), Index("ix_audit_entry_act", "act"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcTime)
    actor: Mapped[str] = mapped_column(String(120))
    act: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(200))
    detail: Mapped[str] = mapped_column(Text)
    network: Mapped[str] = mapped_column(String(60))
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))

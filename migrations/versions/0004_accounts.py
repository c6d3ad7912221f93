"""Users, sessions, attempts to sign in and the audit log; other names of items."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ONLY_ADDED = ("alias", "audit_entry")
TABLES = ("alias", "audit_entry", "sign_in_attempt", "user_session", "recovery_code", "user_account")


def upgrade() -> None:
    """Makes the tables, and the triggers that keep what is recorded."""
    _create_user_account()
    _create_recovery_code()
    _create_user_session()
    _create_sign_in_attempt()
    _create_audit_entry()
    _create_alias()
    for table in ONLY_ADDED:
        for act in ("UPDATE", "DELETE"):
            _refuse(table, act)


def downgrade() -> None:
    """Removes users and the log; other names of items are forgotten."""
    for table in TABLES:
        op.drop_table(table)


def _refuse(table: str, act: str) -> None:
    on_postgres = op.get_bind().dialect.name == "postgresql"
    in_place = f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are kept as they are'); END"
    body = "EXECUTE FUNCTION refuse_change()" if on_postgres else in_place
    op.execute(f"CREATE TRIGGER {table}_refuse_{act.lower()} BEFORE {act} ON {table} FOR EACH ROW {body}")


def _create_user_account() -> None:
    op.create_table(
        "user_account",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password_hash", sa.String(200), nullable=False),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.String(20), nullable=False),
        sa.Column("disabled_at", sa.String(20), nullable=True),
        sa.Column("totp_secret", sa.String(64), nullable=True),
        sa.Column("totp_confirmed_at", sa.String(20), nullable=True),
        sa.Column("totp_last_step", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("role IN ('editor', 'admin')", name=op.f("ck_user_account_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_account")),
        sa.UniqueConstraint("name", name=op.f("uq_user_account_name")),
    )


def _create_recovery_code() -> None:
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("used_at", sa.String(20), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_recovery_code_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
    )
    op.create_index(op.f("ix_recovery_code_user_id"), "recovery_code", ["user_id"])


def _create_user_session() -> None:
    op.create_table(
        "user_session",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.String(20), nullable=False),
        sa.Column("seen_at", sa.String(20), nullable=False),
        sa.Column("confirmed_at", sa.String(20), nullable=False),
        sa.Column("client", sa.String(80), nullable=False),
        sa.Column("network", sa.String(60), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_user_session_user_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_user_session")),
    )
    op.create_index(op.f("ix_user_session_user_id"), "user_session", ["user_id"])


def _create_sign_in_attempt() -> None:
    op.create_table(
        "sign_in_attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(20), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("network", sa.String(60), nullable=False),
        sa.Column("succeeded", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_attempt")),
    )
    op.create_index(op.f("ix_sign_in_attempt_account_at"), "sign_in_attempt", ["account", "at"])
    op.create_index(op.f("ix_sign_in_attempt_network_at"), "sign_in_attempt", ["network", "at"])


def _create_audit_entry() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.String(20), nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("act", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("network", sa.String(60), nullable=False),
        sa.Column("prev_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index(op.f("ix_audit_entry_actor"), "audit_entry", ["actor"])
    op.create_index(op.f("ix_audit_entry_act"), "audit_entry", ["act"])


def _create_alias() -> None:
    op.create_table(
        "alias",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("revision_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("source", sa.String(400), nullable=False),
        sa.ForeignKeyConstraint(["revision_id"], ["revision.id"], name=op.f("fk_alias_revision_id")),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_alias_item_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alias")),
        sa.UniqueConstraint("name", "revision_id", name=op.f("uq_alias_name_revision_id")),
    )
    op.create_index(op.f("ix_alias_revision_id"), "alias", ["revision_id"])
    op.create_index(op.f("ix_alias_item_id"), "alias", ["item_id"])

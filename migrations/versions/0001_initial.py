"""The catalogue as a history, and shared results."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ONLY_ADDED = ("revision", "item", "item_version", "price", "exchange_rate", "withdrawal")
NEVER_CHANGED = ("result",)  # may be deleted, when somebody asks for it


def upgrade() -> None:
    """Makes the tables, and the triggers that keep what is recorded."""
    _create_revision()
    _create_item()
    _create_item_version()
    _create_price()
    _create_exchange_rate()
    _create_withdrawal()
    _create_result()
    if _on_postgres():
        op.execute(
            "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'rows of % are kept as they are', TG_TABLE_NAME; END $$"
        )
    for table in ONLY_ADDED:
        _refuse(table, "UPDATE", "DELETE")
    for table in NEVER_CHANGED:
        _refuse(table, "UPDATE")


def downgrade() -> None:
    """Removes everything."""
    for table in ("result", "withdrawal", "exchange_rate", "price", "item_version", "item", "revision"):
        op.drop_table(table)
    if _on_postgres():
        op.execute("DROP FUNCTION refuse_change()")


def _on_postgres() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _refuse(table: str, *acts: str) -> None:
    in_place = f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are kept as they are'); END"
    body = "EXECUTE FUNCTION refuse_change()" if _on_postgres() else in_place
    for act in acts:
        op.execute(f"CREATE TRIGGER {table}_refuse_{act.lower()} BEFORE {act} ON {table} FOR EACH ROW {body}")


def _create_revision() -> None:
    op.create_table(
        "revision",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.String(20), nullable=False),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(400), nullable=False),
        sa.Column("batch", sa.String(200), nullable=False),
        sa.Column("prev_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.CheckConstraint("kind IN ('seed', 'edit', 'prices', 'import', 'rollback')", name=op.f("ck_revision_kind")),
        sa.ForeignKeyConstraint(["parent_id"], ["revision.id"], name=op.f("fk_revision_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revision")),
    )


def _create_item() -> None:
    op.create_table(
        "item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("slug", sa.String(120), nullable=False),
        sa.CheckConstraint("kind IN ('gpu', 'ram', 'drive', 'platform', 'cloud')", name=op.f("ck_item_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item")),
        sa.UniqueConstraint("slug", name=op.f("uq_item_slug")),
    )


def _create_item_version() -> None:
    op.create_table(
        "item_version",
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("revision_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("vendor", sa.String(80), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("source", sa.String(400), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("confidence", sa.String(8), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.CheckConstraint("status IN ('active', 'announced', 'market', 'retired')", name=op.f("ck_item_version_status")),
        sa.CheckConstraint("confidence IN ('high', 'medium', 'low')", name=op.f("ck_item_version_confidence")),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_item_version_item_id")),
        sa.ForeignKeyConstraint(["revision_id"], ["revision.id"], name=op.f("fk_item_version_revision_id")),
        sa.PrimaryKeyConstraint("item_id", "revision_id", name=op.f("pk_item_version")),
    )
    op.create_index(op.f("ix_item_version_revision_id"), "item_version", ["revision_id"])


def _create_price() -> None:
    op.create_table(
        "price",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("revision_id", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("condition", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("region", sa.String(40), nullable=False),
        sa.Column("tax_included", sa.Boolean(), nullable=True),
        sa.Column("shop", sa.String(80), nullable=False),
        sa.Column("url", sa.String(400), nullable=False),
        sa.Column("observed_on", sa.Date(), nullable=False),
        sa.Column("source", sa.String(400), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_price_amount")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_price_currency")),
        sa.CheckConstraint("condition IN ('new', 'used', 'refurbished')", name=op.f("ck_price_condition")),
        sa.CheckConstraint(
            "kind IN ('retail', 'vendor', 'press', 'marketplace', 'rental', 'estimate', 'derived', 'list', "
            "'wholesale-spot', 'contract', 'upgrade-delta')",
            name=op.f("ck_price_kind"),
        ),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_price_item_id")),
        sa.ForeignKeyConstraint(["revision_id"], ["revision.id"], name=op.f("fk_price_revision_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price")),
    )
    op.create_index("ix_price_item_id_observed_on", "price", ["item_id", "observed_on"])
    op.create_index(op.f("ix_price_revision_id"), "price", ["revision_id"])


def _create_exchange_rate() -> None:
    op.create_table(
        "exchange_rate",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("revision_id", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("per_euro", sa.String(32), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("source", sa.String(400), nullable=False),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_exchange_rate_currency")),
        sa.ForeignKeyConstraint(["revision_id"], ["revision.id"], name=op.f("fk_exchange_rate_revision_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exchange_rate")),
    )
    op.create_index(op.f("ix_exchange_rate_revision_id"), "exchange_rate", ["revision_id"])


def _create_withdrawal() -> None:
    op.create_table(
        "withdrawal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("revision_id", sa.Integer(), nullable=False),
        sa.Column("price_id", sa.Integer(), nullable=True),
        sa.Column("exchange_rate_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("(price_id IS NULL) <> (exchange_rate_id IS NULL)", name=op.f("ck_withdrawal_one_thing")),
        sa.ForeignKeyConstraint(["revision_id"], ["revision.id"], name=op.f("fk_withdrawal_revision_id")),
        sa.ForeignKeyConstraint(["price_id"], ["price.id"], name=op.f("fk_withdrawal_price_id")),
        sa.ForeignKeyConstraint(["exchange_rate_id"], ["exchange_rate.id"], name=op.f("fk_withdrawal_exchange_rate_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawal")),
        sa.UniqueConstraint("price_id", name=op.f("uq_withdrawal_price_id")),
        sa.UniqueConstraint("exchange_rate_id", name=op.f("uq_withdrawal_exchange_rate_id")),
    )
    op.create_index(op.f("ix_withdrawal_revision_id"), "withdrawal", ["revision_id"])


def _create_result() -> None:
    op.create_table(
        "result",
        sa.Column("id", sa.String(22), nullable=False),
        sa.Column("created_at", sa.String(20), nullable=False),
        sa.Column("revision_id", sa.Integer(), nullable=False),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("estimator_version", sa.String(40), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("advice", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.CheckConstraint("length(id) = 22", name=op.f("ck_result_id")),
        sa.ForeignKeyConstraint(["revision_id"], ["revision.id"], name=op.f("fk_result_revision_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_result")),
    )
    op.create_index(op.f("ix_result_revision_id"), "result", ["revision_id"])

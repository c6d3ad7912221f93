"""Items that an undone import had added."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the table, and the triggers that keep what is recorded."""
    op.create_table(
        "item_withdrawal",
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("revision_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_item_withdrawal_item_id")),
        sa.ForeignKeyConstraint(["revision_id"], ["revision.id"], name=op.f("fk_item_withdrawal_revision_id")),
        sa.PrimaryKeyConstraint("item_id", "revision_id", name=op.f("pk_item_withdrawal")),
    )
    op.create_index(op.f("ix_item_withdrawal_revision_id"), "item_withdrawal", ["revision_id"])
    for act in ("UPDATE", "DELETE"):
        _refuse(act)


def downgrade() -> None:
    """Removes the table."""
    op.drop_table("item_withdrawal")


def _refuse(act: str) -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    in_place = "BEGIN SELECT RAISE(ABORT, 'rows of item_withdrawal are kept as they are'); END"
    body = "EXECUTE FUNCTION refuse_change()" if postgres else in_place
    op.execute(f"CREATE TRIGGER item_withdrawal_refuse_{act.lower()} BEFORE {act} ON item_withdrawal FOR EACH ROW {body}")

"""One transaction may carry the issuances of several sources: which, and in which order of its call."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Create the table; every transaction so far carries the one issuance it names."""
    op.create_table(
        "carried_issuance",
        sa.Column("issuance_id", sa.String(), nullable=False),
        sa.Column("transaction_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["issuance_id"], ["issuance.id"]),
        sa.ForeignKeyConstraint(["transaction_id"], ["chain_transaction.id"]),
        sa.PrimaryKeyConstraint("issuance_id"),
        sa.UniqueConstraint("transaction_id", "position", name="carried_issuance_place_once"),
        sa.CheckConstraint("position >= 0", name="carried_issuance_place"),
    )
    op.execute(
        "INSERT INTO carried_issuance (issuance_id, transaction_id, position) "
        "SELECT issuance_id, id, 0 FROM chain_transaction"
    )

"""How far members have read their notifications."""

import sqlalchemy as sa
from alembic import op

from community.store.column_types import UtcInstant

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "notification_mark",
        sa.Column("member_id", sa.String(), nullable=False),
        sa.Column("upto_at", UtcInstant(), nullable=False),
        sa.Column("upto_id", sa.String(), nullable=False),
        sa.Column("read_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.identity_id"]),
        sa.PrimaryKeyConstraint("member_id"),
    )

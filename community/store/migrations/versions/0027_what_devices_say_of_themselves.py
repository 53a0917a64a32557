"""What each device said of itself last, for those who look after it."""

import sqlalchemy as sa
from alembic import op

from community.store.column_types import UtcInstant

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "device_status",
        sa.Column("device_id", sa.String(), sa.ForeignKey("device.identity_id"), nullable=False),
        sa.Column("is_online", sa.Boolean(), nullable=False),
        sa.Column("firmware", sa.String(), nullable=True),
        sa.Column("backlog", sa.BigInteger(), nullable=True),
        sa.Column("ctr", sa.BigInteger(), nullable=True),
        sa.Column("development_key", sa.Boolean(), nullable=True),
        sa.Column("told_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("device_id"),
    )

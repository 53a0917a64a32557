"""Up to where a network server's storage was asked."""

import sqlalchemy as sa
from alembic import op

from community.store.column_types import UtcInstant

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "poll_position",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("asked_to", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("source"),
    )

"""What an account that sends has to pay fees with; and the way to the frames of one device by time."""

import sqlalchemy as sa
from alembic import op

from community.store.column_types import Uint256, UtcInstant

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Add the columns and the index."""
    op.add_column("chain_account", sa.Column("balance_wei", Uint256(), nullable=True))
    op.add_column("chain_account", sa.Column("balance_at", UtcInstant(), nullable=True))
    op.create_index("frame_of_device", "frame", ["device_eui", "received_at", "digest"], unique=False)

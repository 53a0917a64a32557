"""Share tokens (ERC-1155) in the chain index."""

import sqlalchemy as sa
from alembic import op

from community.store.column_types import Uint256

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Create the tables of this slice."""
    op.create_table(
        "share_transfer",
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("block_hash", sa.String(), nullable=False),
        sa.Column("tx_hash", sa.String(), nullable=False),
        sa.Column("contract", sa.String(), nullable=False),
        sa.Column("operator", sa.String(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("source_ref", sa.String(), nullable=False),
        sa.Column("amount", Uint256(), nullable=False),
        sa.PrimaryKeyConstraint("chain_id", "block_number", "log_index", "position"),
    )
    op.create_index("share_transfer_source", "share_transfer", ["chain_id", "source_ref", "block_number", "log_index"])
    op.create_index("share_transfer_sender", "share_transfer", ["chain_id", "sender", "block_number"])
    op.create_index("share_transfer_recipient", "share_transfer", ["chain_id", "recipient", "block_number"])
    op.create_table(
        "share_balance",
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("amount", Uint256(), nullable=False),
        sa.Column("final_amount", Uint256(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("chain_id", "token", "address"),
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER share_transfer_no_update BEFORE UPDATE ON share_transfer "
            "BEGIN SELECT RAISE(ABORT, 'share_transfer: rows are never changed'); END"
        )
    else:
        op.execute(
            "CREATE TRIGGER share_transfer_kept BEFORE UPDATE ON share_transfer "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )

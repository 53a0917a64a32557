"""The chain index."""

import sqlalchemy as sa
from alembic import op

from community.store.column_types import Uint256, UtcInstant

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the tables of this slice."""
    _balance()
    _chain_block()
    _index_checkpoint()
    _issuer_event()
    _settled_event()
    _supply()
    _transfer()


def _balance() -> None:
    op.create_table(
        "balance",
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("amount", Uint256(), nullable=False),
        sa.Column("final_amount", Uint256(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("chain_id", "token", "address"),
    )


def _chain_block() -> None:
    op.create_table(
        "chain_block",
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("parent_hash", sa.String(), nullable=False),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("chain_id", "number"),
    )
    op.create_index("chain_block_hash", "chain_block", ["chain_id", "hash"], unique=True)


def _index_checkpoint() -> None:
    op.create_table(
        "index_checkpoint",
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("start_block", sa.BigInteger(), nullable=False),
        sa.Column("head_number", sa.BigInteger(), nullable=False),
        sa.Column("head_hash", sa.String(), nullable=False),
        sa.Column("finalised_number", sa.BigInteger(), nullable=False),
        sa.Column("finalised_hash", sa.String(), nullable=False),
        sa.Column("node_head_number", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("chain_id"),
    )


def _issuer_event() -> None:
    op.create_table(
        "issuer_event",
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("block_hash", sa.String(), nullable=False),
        sa.Column("tx_hash", sa.String(), nullable=False),
        sa.Column("contract", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("source_ref", sa.String(), nullable=True),
        sa.Column("fields", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("chain_id", "block_number", "log_index"),
    )


def _settled_event() -> None:
    op.create_table(
        "settled_event",
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("block_hash", sa.String(), nullable=False),
        sa.Column("tx_hash", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("source_ref", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("from_wh", sa.BigInteger(), nullable=False),
        sa.Column("to_wh", sa.BigInteger(), nullable=False),
        sa.Column("read_at", UtcInstant(), nullable=False),
        sa.Column("minted_wh", sa.BigInteger(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=False),
        sa.CheckConstraint("to_wh >= from_wh", name="settled_event_register"),
        sa.PrimaryKeyConstraint("chain_id", "block_number", "log_index"),
    )
    op.create_index("settled_event_source", "settled_event", ["chain_id", "source_ref", "seq"], unique=False)


def _supply() -> None:
    op.create_table(
        "supply",
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("minted", Uint256(), nullable=False),
        sa.Column("burned", Uint256(), nullable=False),
        sa.Column("final_minted", Uint256(), nullable=False),
        sa.Column("final_burned", Uint256(), nullable=False),
        sa.PrimaryKeyConstraint("chain_id", "token"),
    )


def _transfer() -> None:
    op.create_table(
        "transfer",
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("block_hash", sa.String(), nullable=False),
        sa.Column("tx_hash", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("amount", Uint256(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.CheckConstraint("kind IN ('mint', 'transfer', 'burn')", name="transfer_kind"),
        sa.PrimaryKeyConstraint("chain_id", "block_number", "log_index"),
    )
    op.create_index(
        "transfer_recipient", "transfer", ["chain_id", "recipient", "block_number", "log_index"], unique=False
    )
    op.create_index("transfer_sender", "transfer", ["chain_id", "sender", "block_number", "log_index"], unique=False)
    op.create_index("transfer_tx", "transfer", ["chain_id", "tx_hash"], unique=False)

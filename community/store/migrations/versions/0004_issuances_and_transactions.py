"""Issuances and transactions."""

import sqlalchemy as sa
from alembic import op

from community.store.column_types import Uint256, UtcInstant

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the tables of this slice."""
    _chain_account()
    _issuance()
    _chain_transaction()
    _issuance_part()
    _transaction_attempt()


def _chain_account() -> None:
    op.create_table(
        "chain_account",
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("next_nonce", sa.BigInteger(), nullable=False),
        sa.Column("frozen", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("chain_id", "address"),
    )


def _issuance() -> None:
    op.create_table(
        "issuance",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("from_wh", sa.BigInteger(), nullable=False),
        sa.Column("to_wh", sa.BigInteger(), nullable=False),
        sa.Column("period_start", UtcInstant(), nullable=False),
        sa.Column("period_end", UtcInstant(), nullable=False),
        sa.Column("amount", Uint256(), nullable=False),
        sa.Column("measurement_id", sa.String(), nullable=False),
        sa.Column("share_table_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("failure", sa.String(), nullable=True),
        sa.Column("planned_at", UtcInstant(), nullable=False),
        sa.Column("mined_block", sa.BigInteger(), nullable=True),
        sa.Column("tx_hash", sa.String(), nullable=True),
        sa.Column("final_at", UtcInstant(), nullable=True),
        sa.CheckConstraint(
            "state IN ('planned', 'requested', 'signed', 'broadcast', 'mined', 'final', 'stopped')",
            name="issuance_state",
        ),
        sa.CheckConstraint("period_end > period_start", name="issuance_period"),
        sa.CheckConstraint("to_wh > from_wh", name="issuance_energy"),
        sa.ForeignKeyConstraint(
            ["measurement_id"],
            ["measurement.id"],
        ),
        sa.ForeignKeyConstraint(
            ["share_table_id"],
            ["share_table.id"],
        ),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["energy_source.identity_id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source_id", "from_wh", name="issuance_from_once"),
    )
    op.create_index("issuance_open", "issuance", ["state"], unique=False)
    op.create_index("issuance_source_period", "issuance", ["source_id", "period_end"], unique=False)
    op.create_index(op.f("ix_issuance_tx_hash"), "issuance", ["tx_hash"], unique=False)


def _chain_transaction() -> None:
    op.create_table(
        "chain_transaction",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("issuance_id", sa.String(), nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("to_address", sa.String(), nullable=False),
        sa.Column("calldata", sa.LargeBinary(), nullable=False),
        sa.Column("gas_limit", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["issuance_id"],
            ["issuance.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("chain_id", "account", "nonce", name="chain_transaction_nonce_once"),
        sa.UniqueConstraint("issuance_id", name="chain_transaction_issuance_once"),
    )


def _issuance_part() -> None:
    op.create_table(
        "issuance_part",
        sa.Column("issuance_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("holder_id", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("share_count", sa.Integer(), nullable=False),
        sa.Column("amount", Uint256(), nullable=False),
        sa.ForeignKeyConstraint(
            ["holder_id"],
            ["member.identity_id"],
        ),
        sa.ForeignKeyConstraint(
            ["issuance_id"],
            ["issuance.id"],
        ),
        sa.PrimaryKeyConstraint("issuance_id", "position"),
    )
    op.create_index(op.f("ix_issuance_part_address"), "issuance_part", ["address"], unique=False)
    op.create_index(op.f("ix_issuance_part_holder_id"), "issuance_part", ["holder_id"], unique=False)


def _transaction_attempt() -> None:
    op.create_table(
        "transaction_attempt",
        sa.Column("transaction_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("max_fee_wei", Uint256(), nullable=False),
        sa.Column("tip_wei", Uint256(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.Column("tx_hash", sa.String(), nullable=True),
        sa.Column("requested_at", UtcInstant(), nullable=False),
        sa.Column("signed_at", UtcInstant(), nullable=True),
        sa.Column("broadcast_at", UtcInstant(), nullable=True),
        sa.CheckConstraint("state IN ('requested', 'signed', 'broadcast')", name="transaction_attempt_state"),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["chain_transaction.id"],
        ),
        sa.PrimaryKeyConstraint("transaction_id", "number"),
        sa.UniqueConstraint("tx_hash"),
    )

"""Reconciliation and access."""

import sqlalchemy as sa
from alembic import op

from community.store.column_types import Uint256, UtcInstant

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the tables of this slice."""
    _audit_entry()
    _outbox()
    _reconciliation_run()
    _api_key()
    _reconciliation_break()
    _reconciliation_match()


def _audit_entry() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("command", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("idempotency_key"),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _reconciliation_run() -> None:
    op.create_table(
        "reconciliation_run",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("started_at", UtcInstant(), nullable=False),
        sa.Column("finalised_block", sa.BigInteger(), nullable=False),
        sa.Column("finalised_hash", sa.String(), nullable=False),
        sa.Column("verified_wh", sa.BigInteger(), nullable=False),
        sa.Column("issued_wh", sa.BigInteger(), nullable=False),
        sa.Column("settled_wh", sa.BigInteger(), nullable=False),
        sa.Column("supply", Uint256(), nullable=False),
        sa.Column("match_count", sa.Integer(), nullable=False),
        sa.Column("break_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_reconciliation_run_started_at"), "reconciliation_run", ["started_at"], unique=False)


def _api_key() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("secret_sha256", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("identity_id", sa.String(), nullable=True),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("created_at", UtcInstant(), nullable=False),
        sa.Column("revoked_at", UtcInstant(), nullable=True),
        sa.CheckConstraint("role IN ('member', 'operator', 'auditor', 'device')", name="api_key_role"),
        sa.CheckConstraint("length(secret_sha256) = 64", name="api_key_hashed"),
        sa.ForeignKeyConstraint(
            ["identity_id"],
            ["identity.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )


def _reconciliation_break() -> None:
    op.create_table(
        "reconciliation_break",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=True),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("expected", sa.String(), nullable=True),
        sa.Column("found", sa.String(), nullable=True),
        sa.Column("opened_run_id", sa.String(), nullable=False),
        sa.Column("opened_at", UtcInstant(), nullable=False),
        sa.Column("closed_at", UtcInstant(), nullable=True),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("disposition", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["opened_run_id"],
            ["reconciliation_run.id"],
        ),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["energy_source.identity_id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("reconciliation_break_open", "reconciliation_break", ["closed_at"], unique=False)


def _reconciliation_match() -> None:
    op.create_table(
        "reconciliation_match",
        sa.Column("issuance_id", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("tx_hash", sa.String(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("energy_wh", sa.BigInteger(), nullable=False),
        sa.Column("amount", Uint256(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("matched_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["issuance_id"],
            ["issuance.id"],
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["reconciliation_run.id"],
        ),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["energy_source.identity_id"],
        ),
        sa.PrimaryKeyConstraint("issuance_id"),
    )
    op.create_index(op.f("ix_reconciliation_match_source_id"), "reconciliation_match", ["source_id"], unique=False)

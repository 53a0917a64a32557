"""Breaks with their story and their items, attributions, the sweep over balances, and indexes that carry the pages."""

import sqlalchemy as sa
from alembic import op

from community.store.column_types import Uint256, UtcInstant

revision = "0009"
down_revision = "0008"

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables, columns and indexes of this slice."""
    op.add_column("reconciliation_run", sa.Column("accepted_count", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("reconciliation_run", sa.Column("digest", sa.String(), nullable=True))
    op.add_column("reconciliation_break", sa.Column("closed_by", sa.String(), nullable=True))
    _break_item()
    _break_entry()
    _attribution()
    _balance_sweep()
    _indexes()
    _guard()


def _break_item() -> None:
    op.create_table(
        "reconciliation_break_item",
        sa.Column("break_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.CheckConstraint("kind IN ('issuance', 'event', 'interval')", name="reconciliation_break_item_kind"),
        sa.ForeignKeyConstraint(["break_id"], ["reconciliation_break.id"]),
        sa.PrimaryKeyConstraint("break_id", "kind", "key"),
    )
    op.create_index("reconciliation_break_item_key", "reconciliation_break_item", ["kind", "key"])


def _break_entry() -> None:
    op.create_table(
        "reconciliation_break_entry",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("break_id", sa.String(), nullable=False),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.CheckConstraint(
            "action IN ('opened', 'changed', 'assigned', 'noted', 'disposed', 'closed', 'reopened')",
            name="reconciliation_break_entry_action",
        ),
        sa.ForeignKeyConstraint(["break_id"], ["reconciliation_break.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("reconciliation_break_entry_break", "reconciliation_break_entry", ["break_id", "id"])


def _attribution() -> None:
    op.create_table(
        "reconciliation_attribution",
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("tx_hash", sa.String(), nullable=False),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("starts_at", UtcInstant(), nullable=False),
        sa.Column("ends_at", UtcInstant(), nullable=False),
        sa.Column("energy_wh", sa.BigInteger(), nullable=False),
        sa.Column("amount", Uint256(), nullable=False),
        sa.Column("residual", Uint256(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("confidence", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["reconciliation_run.id"]),
        sa.ForeignKeyConstraint(["source_id"], ["energy_source.identity_id"]),
        sa.PrimaryKeyConstraint("chain_id", "tx_hash"),
    )
    op.create_index("reconciliation_attribution_source", "reconciliation_attribution", ["source_id", "ends_at"])


def _balance_sweep() -> None:
    op.create_table(
        "balance_sweep",
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("began_at", UtcInstant(), nullable=False),
        sa.Column("after_address", sa.String(), nullable=False),
        sa.Column("asked_count", sa.BigInteger(), nullable=False),
        sa.Column("completed_at", UtcInstant(), nullable=True),
        sa.Column("completed_block", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("chain_id", "token"),
    )


def _indexes() -> None:
    op.create_index("reconciliation_break_newest", "reconciliation_break", ["opened_at", "id"])
    op.create_index("reconciliation_break_source", "reconciliation_break", ["source_id", "opened_at", "id"])
    op.create_index("reconciliation_break_name", "reconciliation_break", ["kind", "subject"])
    op.create_index("reconciliation_match_place", "reconciliation_match", ["block_number", "log_index"])
    op.drop_index("ix_reconciliation_match_source_id", "reconciliation_match")
    op.create_index("reconciliation_match_source", "reconciliation_match", ["source_id", "block_number", "log_index"])
    op.drop_index("issuance_source_period", "issuance")
    op.create_index("issuance_source_period", "issuance", ["source_id", "period_end", "id"])
    op.create_index("issuance_period", "issuance", ["period_end", "id"])
    op.create_index("issuance_planned", "issuance", ["planned_at", "id"])
    op.create_index("chain_block_time", "chain_block", ["chain_id", "at"])


def _guard() -> None:
    """The story of a break is never rewritten."""
    table = "reconciliation_break_entry"
    if op.get_bind().dialect.name == "sqlite":
        for event, sentence in (("DELETE", "rows are never deleted"), ("UPDATE", "rows are never changed")):
            op.execute(
                f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table}: {sentence}'); END"
            )
    else:
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )

"""Settlement policies, proposals with objections, corrections."""

import sqlalchemy as sa
from alembic import op

from community.store.column_types import Uint256, UtcInstant

revision = "0008"
down_revision = "0007"

_NEVER_CHANGED = ("settlement_policy", "objection", "objection_answer", "correction")
"""Facts, as in revision 0007: a change is a new row."""


def upgrade() -> None:
    """Create the tables of this slice, and keep what may not change from changing."""
    _settlement_policy()
    _proposal()
    _objection()
    _objection_answer()
    _correction()
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table in _NEVER_CHANGED:
        if not sqlite:
            op.execute(
                f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )
            continue
        for event, sentence in (("UPDATE", "rows are never changed"), ("DELETE", "rows are never deleted")):
            op.execute(
                f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table}: {sentence}'); END"
            )


def _settlement_policy() -> None:
    op.create_table(
        "settlement_policy",
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("base_fee_wei_max", Uint256(), nullable=True),
        sa.Column("proposal_window_s", sa.Integer(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.CheckConstraint("period IN ('interval', 'hour', 'day', 'base_fee')", name="settlement_policy_period"),
        sa.CheckConstraint("(period = 'base_fee') = (base_fee_wei_max IS NOT NULL)", name="settlement_policy_base_fee"),
        sa.CheckConstraint("proposal_window_s >= 0", name="settlement_policy_window"),
        sa.ForeignKeyConstraint(["source_id"], ["energy_source.identity_id"]),
        sa.PrimaryKeyConstraint("source_id", "revision"),
    )


def _proposal() -> None:
    op.create_table(
        "proposal",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("issuance_id", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("from_wh", sa.BigInteger(), nullable=False),
        sa.Column("to_wh", sa.BigInteger(), nullable=False),
        sa.Column("period_start", UtcInstant(), nullable=False),
        sa.Column("period_end", UtcInstant(), nullable=False),
        sa.Column("measurement_id", sa.String(), nullable=False),
        sa.Column("share_table_id", sa.String(), nullable=False),
        sa.Column("proposed_at", UtcInstant(), nullable=False),
        sa.Column("due_at", UtcInstant(), nullable=False),
        sa.Column("superseded_at", UtcInstant(), nullable=True),
        sa.Column("superseded_because", sa.String(), nullable=True),
        sa.CheckConstraint("to_wh > from_wh", name="proposal_energy"),
        sa.CheckConstraint("period_end > period_start", name="proposal_period"),
        sa.CheckConstraint("due_at >= proposed_at", name="proposal_window"),
        sa.ForeignKeyConstraint(["measurement_id"], ["measurement.id"]),
        sa.ForeignKeyConstraint(["share_table_id"], ["share_table.id"]),
        sa.ForeignKeyConstraint(["source_id"], ["energy_source.identity_id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    live = sa.text("superseded_at IS NULL")
    op.create_index(
        "proposal_live_once",
        "proposal",
        ["source_id", "from_wh"],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )
    op.create_index("proposal_issuance", "proposal", ["issuance_id"], unique=False)


def _objection() -> None:
    op.create_table(
        "objection",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("proposal_id", sa.String(), nullable=False),
        sa.Column("raised_by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("raised_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(["proposal_id"], ["proposal.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_objection_proposal_id"), "objection", ["proposal_id"], unique=False)


def _objection_answer() -> None:
    op.create_table(
        "objection_answer",
        sa.Column("objection_id", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("answered_by", sa.String(), nullable=False),
        sa.Column("answered_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(["objection_id"], ["objection.id"]),
        sa.PrimaryKeyConstraint("objection_id"),
    )


def _correction() -> None:
    op.create_table(
        "correction",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("energy_wh", sa.BigInteger(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.CheckConstraint("energy_wh > 0", name="correction_energy"),
        sa.CheckConstraint("kind IN ('debt', 'supplement')", name="correction_kind"),
        sa.ForeignKeyConstraint(["source_id"], ["energy_source.identity_id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source_id", "evidence", name="correction_evidence_once"),
    )

"""LoRaWAN frames as opened, provisional readings, messages to devices, and gaps of evidence with their history."""

import sqlalchemy as sa
from alembic import op

from community.store.column_types import UtcInstant

revision = "0010"
down_revision = "0009"

_NEVER_CHANGED = ("lora_frame", "downlink", "downlink_report", "evidence_gap_change")
"""Tables whose rows are facts."""


def upgrade() -> None:
    """Create the tables of this slice, and the guards of those that only grow."""
    _downlink()
    _evidence_gap()
    _lora_frame()
    _lora_progress()
    _provisional_reading()
    _downlink_report()
    _evidence_gap_change()
    for table in _NEVER_CHANGED:
        _guard(table)


def _guard(table: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        for event, sentence in (("UPDATE", "changed"), ("DELETE", "deleted")):
            op.execute(
                f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table}: rows are never {sentence}'); END"
            )
        return
    op.execute(
        f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def _downlink() -> None:
    op.create_table(
        "downlink",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("network", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("plaintext", sa.LargeBinary(), nullable=False),
        sa.Column("asks", sa.Boolean(), nullable=False),
        sa.Column("acknowledged", sa.BigInteger(), nullable=True),
        sa.Column("corrects_clock", sa.Boolean(), nullable=False),
        sa.Column("handed_at", UtcInstant(), nullable=False),
        sa.CheckConstraint("network IN ('device_broker', 'things_stack', 'chirpstack')", name="downlink_network"),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.identity_id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("downlink_handed", "downlink", ["device_id", "handed_at"], unique=False)


def _evidence_gap() -> None:
    op.create_table(
        "evidence_gap",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("since_at", UtcInstant(), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("changed_at", UtcInstant(), nullable=False),
        sa.CheckConstraint("kind IN ('slots', 'statements')", name="evidence_gap_kind"),
        sa.CheckConstraint("state IN ('open', 'asked', 'handed_over', 'closed', 'lost')", name="evidence_gap_state"),
        sa.CheckConstraint("last >= first", name="evidence_gap_length"),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.identity_id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("evidence_gap_device", "evidence_gap", ["device_id", "state"], unique=False)


def _lora_frame() -> None:
    op.create_table(
        "lora_frame",
        sa.Column("frame_digest", sa.String(), nullable=False),
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("f_port", sa.Integer(), nullable=False),
        sa.Column("received_at", UtcInstant(), nullable=False),
        sa.Column("newest_slot", sa.BigInteger(), nullable=True),
        sa.Column("statement_ctr", sa.BigInteger(), nullable=True),
        sa.Column("delay_s", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.identity_id"],
        ),
        sa.ForeignKeyConstraint(
            ["frame_digest"],
            ["frame.digest"],
        ),
        sa.PrimaryKeyConstraint("frame_digest"),
        sa.UniqueConstraint("device_id", "counter", name="lora_frame_counter"),
    )
    op.create_index("lora_frame_slot", "lora_frame", ["device_id", "newest_slot"], unique=False)
    op.create_index("lora_frame_statement", "lora_frame", ["device_id", "statement_ctr"], unique=False)


def _lora_progress() -> None:
    op.create_table(
        "lora_progress",
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("verified_ctr", sa.BigInteger(), nullable=False),
        sa.Column("covered_to", sa.BigInteger(), nullable=True),
        sa.Column("anchor_slot", sa.BigInteger(), nullable=True),
        sa.Column("anchor_registers", sa.String(), nullable=False),
        sa.Column("last_counter", sa.BigInteger(), nullable=False),
        sa.Column("frames", sa.BigInteger(), nullable=False),
        sa.Column("last_digest", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.identity_id"],
        ),
        sa.PrimaryKeyConstraint("device_id"),
    )


def _provisional_reading() -> None:
    op.create_table(
        "provisional_reading",
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.Column("registers", sa.String(), nullable=False),
        sa.Column("off_s", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("frame_digest", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.identity_id"],
        ),
        sa.ForeignKeyConstraint(
            ["frame_digest"],
            ["frame.digest"],
        ),
        sa.PrimaryKeyConstraint("device_id", "at"),
    )


def _downlink_report() -> None:
    op.create_table(
        "downlink_report",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("downlink_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.CheckConstraint(
            "state IN ('queued', 'sent', 'acknowledged', 'not_acknowledged', 'failed', 'invalidated')",
            name="downlink_report_state",
        ),
        sa.ForeignKeyConstraint(
            ["downlink_id"],
            ["downlink.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("downlink_id", "state", "at", name="downlink_report_once"),
    )
    op.create_index(op.f("ix_downlink_report_downlink_id"), "downlink_report", ["downlink_id"], unique=False)


def _evidence_gap_change() -> None:
    op.create_table(
        "evidence_gap_change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("gap_id", sa.String(), nullable=False),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gap_id"],
            ["evidence_gap.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_evidence_gap_change_gap_id"), "evidence_gap_change", ["gap_id"], unique=False)

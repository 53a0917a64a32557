"""Installations frames and measurements."""

import sqlalchemy as sa
from alembic import op

from community.store.column_types import UtcInstant

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables of this slice."""
    _frame()
    _gap()
    _installation()
    _quarantine()
    _seen_message()
    _statement()
    _measurement()
    _interval_energy()


def _frame() -> None:
    op.create_table(
        "frame",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("device_eui", sa.String(), nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("envelope", sa.String(), nullable=True),
        sa.Column("received_at", UtcInstant(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.CheckConstraint("source IN ('device_broker', 'things_stack', 'chirpstack')", name="frame_source"),
        sa.CheckConstraint("verdict IN ('admitted', 'duplicate', 'rejected', 'quarantined')", name="frame_verdict"),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("frame_received", "frame", ["received_at"], unique=False)
    op.create_index(op.f("ix_frame_device_eui"), "frame", ["device_eui"], unique=False)


def _gap() -> None:
    op.create_table(
        "gap",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("metering_point_id", sa.String(), nullable=False),
        sa.Column("starts_at", UtcInstant(), nullable=False),
        sa.Column("ends_at", UtcInstant(), nullable=False),
        sa.Column("energy_wh", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("opened_at", UtcInstant(), nullable=False),
        sa.Column("closed_at", UtcInstant(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'closed')", name="gap_state"),
        sa.CheckConstraint("ends_at > starts_at", name="gap_length"),
        sa.ForeignKeyConstraint(
            ["metering_point_id"],
            ["metering_point.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("metering_point_id", "starts_at", "ends_at", name="gap_once"),
    )
    op.create_index(op.f("ix_gap_metering_point_id"), "gap", ["metering_point_id"], unique=False)


def _installation() -> None:
    op.create_table(
        "installation",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("metering_point_id", sa.String(), nullable=False),
        sa.Column("meter_id", sa.String(), nullable=False),
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("valid_from", UtcInstant(), nullable=False),
        sa.Column("valid_to", UtcInstant(), nullable=True),
        sa.Column("factor", sa.Integer(), nullable=False),
        sa.Column("max_power_w", sa.Integer(), nullable=False),
        sa.CheckConstraint("factor > 0", name="installation_factor"),
        sa.CheckConstraint("max_power_w > 0", name="installation_power"),
        sa.CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="installation_validity"),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.identity_id"],
        ),
        sa.ForeignKeyConstraint(
            ["meter_id"],
            ["meter.id"],
        ),
        sa.ForeignKeyConstraint(
            ["metering_point_id"],
            ["metering_point.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_installation_device_id"), "installation", ["device_id"], unique=False)
    op.create_index(op.f("ix_installation_metering_point_id"), "installation", ["metering_point_id"], unique=False)


def _quarantine() -> None:
    op.create_table(
        "quarantine",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("frame_digest", sa.String(), nullable=False),
        sa.Column("device_id", sa.String(), nullable=True),
        sa.Column("at", UtcInstant(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.Column("resolved_at", UtcInstant(), nullable=True),
        sa.Column("resolution", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.identity_id"],
        ),
        sa.ForeignKeyConstraint(
            ["frame_digest"],
            ["frame.digest"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_quarantine_device_id"), "quarantine", ["device_id"], unique=False)
    op.create_index(op.f("ix_quarantine_frame_digest"), "quarantine", ["frame_digest"], unique=False)
    op.create_index("quarantine_recorded", "quarantine", ["recorded_at"], unique=False)


def _seen_message() -> None:
    op.create_table(
        "seen_message",
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.identity_id"],
        ),
        sa.PrimaryKeyConstraint("device_id", "generation", "counter"),
    )


def _statement() -> None:
    op.create_table(
        "statement",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("device_key_id", sa.String(), nullable=False),
        sa.Column("keyno", sa.Integer(), nullable=False),
        sa.Column("ctr", sa.BigInteger(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("signed", sa.LargeBinary(), nullable=False),
        sa.Column("first_at", UtcInstant(), nullable=False),
        sa.Column("span", sa.Integer(), nullable=False),
        sa.Column("reading_count", sa.Integer(), nullable=False),
        sa.Column("frame_digest", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.identity_id"],
        ),
        sa.ForeignKeyConstraint(
            ["device_key_id"],
            ["device_key.id"],
        ),
        sa.ForeignKeyConstraint(
            ["frame_digest"],
            ["frame.digest"],
        ),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index(op.f("ix_statement_frame_digest"), "statement", ["frame_digest"], unique=False)
    op.create_index("statement_counter", "statement", ["device_id", "keyno", "ctr"], unique=False)


def _measurement() -> None:
    op.create_table(
        "measurement",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("register_id", sa.String(), nullable=False),
        sa.Column("installation_id", sa.String(), nullable=False),
        sa.Column("device_id", sa.String(), nullable=False),
        sa.Column("at", UtcInstant(), nullable=False),
        sa.Column("register_wh", sa.BigInteger(), nullable=False),
        sa.Column("off_s", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("evidence_mode", sa.String(), nullable=False),
        sa.Column("statement_digest", sa.String(), nullable=False),
        sa.Column("leaf_index", sa.Integer(), nullable=False),
        sa.Column("leaf_input", sa.LargeBinary(), nullable=True),
        sa.Column("leaf_path", sa.LargeBinary(), nullable=True),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.CheckConstraint("evidence_mode IN ('DEVICE', 'ATTESTED')", name="measurement_mode"),
        sa.CheckConstraint("register_wh >= 0", name="measurement_register"),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["device.identity_id"],
        ),
        sa.ForeignKeyConstraint(
            ["installation_id"],
            ["installation.id"],
        ),
        sa.ForeignKeyConstraint(
            ["register_id"],
            ["register.id"],
        ),
        sa.ForeignKeyConstraint(
            ["statement_digest"],
            ["statement.digest"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("register_id", "at", name="measurement_once"),
    )
    op.create_index(op.f("ix_measurement_device_id"), "measurement", ["device_id"], unique=False)
    op.create_index(op.f("ix_measurement_statement_digest"), "measurement", ["statement_digest"], unique=False)


def _interval_energy() -> None:
    op.create_table(
        "interval_energy",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("metering_point_id", sa.String(), nullable=False),
        sa.Column("starts_at", UtcInstant(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("energy_wh", sa.BigInteger(), nullable=False),
        sa.Column("quality", sa.String(), nullable=False),
        sa.Column("from_measurement_id", sa.String(), nullable=False),
        sa.Column("to_measurement_id", sa.String(), nullable=False),
        sa.Column("recorded_at", UtcInstant(), nullable=False),
        sa.CheckConstraint(
            "quality IN ('measured', 'calculated', 'estimated', 'substituted', 'missing', 'suspect')",
            name="interval_quality",
        ),
        sa.CheckConstraint("energy_wh >= 0", name="interval_energy_positive"),
        sa.ForeignKeyConstraint(
            ["from_measurement_id"],
            ["measurement.id"],
        ),
        sa.ForeignKeyConstraint(
            ["metering_point_id"],
            ["metering_point.id"],
        ),
        sa.ForeignKeyConstraint(
            ["to_measurement_id"],
            ["measurement.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("metering_point_id", "starts_at", "revision", name="interval_revision"),
    )

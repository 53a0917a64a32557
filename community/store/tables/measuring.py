"""The three immutable layers: frame, measurement, interval energy; and what was refused or is missing."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, Index, Integer, UniqueConstraint
from sqlmodel import Field, SQLModel

from community.store.tables.columns import BigId, big, instant, octets, one_of

CHECKED_TOGETHER = ("seen_message", "statement", "measurement", "interval_energy")
"""Tables that intake fills by the hundred. PostgreSQL checks their references once an insert, by trigger, instead of once
a row: their foreign keys stand here and on SQLite only."""
QUALITIES = ("measured", "calculated", "estimated", "substituted", "missing", "suspect")


def derivation_version() -> Any:
    """Which version of the derivation made a row of the second or third layer."""
    return Field(default=1, sa_type=Integer, sa_column_kwargs={"server_default": "1"})


class FrameRow(SQLModel, table=True):
    """The exact bytes a source delivered, once per content. Its digest is the idempotency key of intake."""

    __tablename__ = "frame"
    __table_args__ = (
        one_of("source", ("device_broker", "things_stack", "chirpstack"), "frame_source"),
        one_of("verdict", ("admitted", "duplicate", "rejected", "quarantined"), "frame_verdict"),
        Index("frame_received", "received_at"),
        Index("frame_of_device", "device_eui", "received_at", "digest"),
    )
    digest: str = Field(primary_key=True, description="SHA-256 over source, device and payload, hex")
    source: str
    device_eui: str | None = None
    payload: bytes = octets()
    envelope: str | None = Field(default=None, description="the network server's JSON, verbatim")
    received_at: datetime = instant()
    verdict: str


class SeenMessageRow(SQLModel, table=True):
    """Message counters already taken in: the replay window of a device."""

    __tablename__ = "seen_message"
    device_id: str = Field(primary_key=True, foreign_key="device.identity_id")
    generation: int = Field(primary_key=True)
    counter: int = big(primary_key=True)


class StatementRow(SQLModel, table=True):
    """Signed evidence, verbatim. Two rows with one (device, keyno, ctr) prove equivocation; both stay."""

    __tablename__ = "statement"
    __table_args__ = (Index("statement_counter", "device_id", "keyno", "ctr"),)
    digest: str = Field(primary_key=True, description="SHA-256 of the COSE_Sign1, or of the legacy payload, hex")
    device_id: str = Field(foreign_key="device.identity_id")
    device_key_id: str = Field(foreign_key="device_key.id")
    keyno: int
    ctr: int = big()
    format: str = Field(description="ecw1 or legacy")
    signed: bytes = octets(description="COSE_Sign1, or the legacy payload")
    first_at: datetime = instant()
    span: int
    reading_count: int
    frame_digest: str = Field(foreign_key="frame.digest", index=True)
    recorded_at: datetime = instant()
    leaves: bytes | None = octets(
        nullable=True, default=None, description="the hashes of its leaves, one after the other; legacy has none"
    )
    codec: str | None = Field(default=None, description="what read it, with its version, such as ecw1/1")
    plaintext_digest: str | None = Field(default=None, description="SHA-256 of a meter telegram deciphered, hex")


class MeasurementRow(SQLModel, table=True):
    """An admitted register reading at a quarter-hour boundary, with what proves it."""

    __tablename__ = "measurement"
    __table_args__ = (
        UniqueConstraint("register_id", "at", name="measurement_once"),
        CheckConstraint("register_wh >= 0", name="measurement_register"),
        one_of("evidence_mode", ("DEVICE", "ATTESTED"), "measurement_mode"),
    )
    id: str = Field(primary_key=True)
    register_id: str = Field(foreign_key="register.id")
    installation_id: str = Field(foreign_key="installation.id")
    device_id: str = Field(foreign_key="device.identity_id")
    at: datetime = instant()
    register_wh: int = big()
    off_s: int
    status: int
    evidence_mode: str
    statement_digest: str = Field(foreign_key="statement.digest")
    leaf_index: int
    leaf_input: bytes | None = octets(nullable=True, default=None)
    leaf_path: bytes | None = octets(nullable=True, default=None)
    derivation: int = derivation_version()
    recorded_at: datetime = instant()


class IntervalRow(SQLModel, table=True):
    """Energy of one quarter-hour at a metering point. A correction is a new revision."""

    __tablename__ = "interval_energy"
    __table_args__ = (
        UniqueConstraint("metering_point_id", "starts_at", "revision", name="interval_revision"),
        CheckConstraint("energy_wh >= 0", name="interval_energy_positive"),
        one_of("quality", QUALITIES, "interval_quality"),
    )
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    metering_point_id: str = Field(foreign_key="metering_point.id")
    starts_at: datetime = instant()
    revision: int = 1
    energy_wh: int = big()
    quality: str
    from_measurement_id: str = Field(foreign_key="measurement.id")
    to_measurement_id: str = Field(foreign_key="measurement.id")
    derivation: int = derivation_version()
    recorded_at: datetime = instant()


class GapRow(SQLModel, table=True):
    """Intervals [starts_at, ends_at) of a metering point for which no reading exists."""

    __tablename__ = "gap"
    __table_args__ = (
        UniqueConstraint("metering_point_id", "starts_at", "ends_at", name="gap_once"),
        CheckConstraint("ends_at > starts_at", name="gap_length"),
        one_of("state", ("open", "closed"), "gap_state"),
    )
    id: str = Field(primary_key=True)
    metering_point_id: str = Field(foreign_key="metering_point.id", index=True)
    starts_at: datetime = instant()
    ends_at: datetime = instant()
    energy_wh: int | None = big(nullable=True, default=None)
    state: str = "open"
    opened_at: datetime = instant()
    closed_at: datetime | None = instant(nullable=True, default=None)


class QuarantineRow(SQLModel, table=True):
    """Why a frame, or one reading in it, was not taken in. The bytes stay in its frame."""

    __tablename__ = "quarantine"
    __table_args__ = (Index("quarantine_recorded", "recorded_at"),)
    id: str = Field(primary_key=True)
    frame_digest: str = Field(foreign_key="frame.digest", index=True)
    device_id: str | None = Field(default=None, foreign_key="device.identity_id", index=True)
    at: datetime | None = instant(nullable=True, default=None)
    reason: str
    detail: str
    recorded_at: datetime = instant()
    resolved_at: datetime | None = instant(nullable=True, default=None)
    resolution: str | None = None

"""What a device read or signed and the books do not have: gaps of evidence, and all that was done about each."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Column, Index
from sqlmodel import Field, SQLModel

from community.store.tables.columns import BigId, big, instant, one_of

GAP_KINDS = ("slots", "statements")
GAP_STATES = ("open", "asked", "handed_over", "closed", "lost")


class EvidenceGapRow(SQLModel, table=True):
    """Slots or statement counters `first` to `last` of a device that are missing. Its history is in evidence_gap_change."""

    __tablename__ = "evidence_gap"
    __table_args__ = (
        one_of("kind", GAP_KINDS, "evidence_gap_kind"),
        one_of("state", GAP_STATES, "evidence_gap_state"),
        CheckConstraint("last >= first", name="evidence_gap_length"),
        Index("evidence_gap_device", "device_id", "state"),
    )
    id: str = Field(primary_key=True)
    device_id: str = Field(foreign_key="device.identity_id")
    kind: str
    first: int = big()
    last: int = big()
    state: str
    since_at: datetime = instant(description="when the oldest part of it was first found missing")
    asked: int = Field(default=0, description="how often the device was asked for it")
    changed_at: datetime = instant()


class EvidenceGapChangeRow(SQLModel, table=True):
    """One change of a gap's state, and why."""

    __tablename__ = "evidence_gap_change"
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    gap_id: str = Field(foreign_key="evidence_gap.id", index=True)
    at: datetime = instant()
    state: str
    cause: str


class PollPositionRow(SQLModel, table=True):
    """Up to when, by its own clock, a source's storage was read and everything it gave taken in."""

    __tablename__ = "poll_position"
    source: str = Field(primary_key=True)
    asked_to: datetime = instant()


class DeviceStatusRow(SQLModel, table=True):
    """What a device said of itself last: shown, never believed further."""

    __tablename__ = "device_status"
    device_id: str = Field(primary_key=True, foreign_key="device.identity_id")
    is_online: bool
    firmware: str | None = None
    backlog: int | None = big(nullable=True, default=None)
    ctr: int | None = big(nullable=True, default=None)
    development_key: bool | None = None
    told_at: datetime = instant()

"""What bringing devices and sources into service leaves behind: challenges, declarations."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from community.store.tables.columns import instant, octets


class DeviceChallengeRow(SQLModel, table=True):
    """The nonce that a device must answer to prove that it holds its key. Asked once, accepted once."""

    __tablename__ = "device_challenge"
    device_id: str = Field(primary_key=True, foreign_key="device.identity_id")
    nonce: bytes = octets()
    issued_at: datetime = instant()
    used_at: datetime | None = instant(nullable=True, default=None)


class SourceDeclarationRow(SQLModel, table=True):
    """Somebody's signed word that a source's energy is certified nowhere else. A later one stands beside it."""

    __tablename__ = "source_declaration"
    id: str = Field(primary_key=True)
    source_id: str = Field(foreign_key="energy_source.identity_id", index=True)
    text: str
    signatory: str
    declared_at: datetime = instant()
    recorded_at: datetime = instant()
    recorded_by: str

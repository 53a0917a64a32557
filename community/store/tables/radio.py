"""LoRaWAN devices: their frames as opened, how far their evidence is verified, provisional readings; and messages to devices."""

from datetime import datetime

from sqlalchemy import Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from community.store.tables.columns import BigId, big, instant, octets, one_of

DOWNLINK_NETWORKS = ("device_broker", "things_stack", "chirpstack")
DOWNLINK_STATES = ("queued", "sent", "acknowledged", "not_acknowledged", "failed", "invalidated")


class LoraFrameRow(SQLModel, table=True):
    """A frame that the device's key opened, once per message counter. What a statement is put together from."""

    __tablename__ = "lora_frame"
    __table_args__ = (
        UniqueConstraint("device_id", "counter", name="lora_frame_counter"),
        Index("lora_frame_slot", "device_id", "newest_slot"),
        Index("lora_frame_statement", "device_id", "statement_ctr"),
    )
    frame_digest: str = Field(primary_key=True, foreign_key="frame.digest")
    device_id: str = Field(foreign_key="device.identity_id")
    generation: int
    counter: int = big()
    f_port: int
    received_at: datetime = instant()
    newest_slot: int | None = big(nullable=True, default=None)
    statement_ctr: int | None = big(nullable=True, default=None)
    delay_s: int | None = Field(default=None, description="from the newest reading's own time to its arrival")


class LoraProgressRow(SQLModel, table=True):
    """How far a LoRaWAN device's evidence is verified and stored without a gap. Can be had again from the frames."""

    __tablename__ = "lora_progress"
    device_id: str = Field(primary_key=True, foreign_key="device.identity_id")
    verified_ctr: int = big()
    covered_to: int | None = big(nullable=True, default=None)
    anchor_slot: int | None = big(nullable=True, default=None)
    anchor_registers: str = Field(default="", description="decimal numbers, separated by blanks")
    last_counter: int = big()
    frames: int = big()
    last_digest: str


class ProvisionalReadingRow(SQLModel, table=True):
    """A reading whose statement is not verified yet: shown, never booked, gone when it is verified."""

    __tablename__ = "provisional_reading"
    device_id: str = Field(primary_key=True, foreign_key="device.identity_id")
    at: datetime = instant(primary_key=True)
    registers: str = Field(description="decimal numbers in the profile's order, separated by blanks")
    off_s: int
    status: int
    frame_digest: str = Field(foreign_key="frame.digest")
    recorded_at: datetime = instant()


class DownlinkRow(SQLModel, table=True):
    """A message to a device as it was handed to the network. Its counter is part of a nonce: never used twice."""

    __tablename__ = "downlink"
    __table_args__ = (
        one_of("network", DOWNLINK_NETWORKS, "downlink_network"),
        Index("downlink_handed", "device_id", "handed_at"),
    )
    id: str = Field(primary_key=True, description="a UUID, which the network names in its reports")
    device_id: str = Field(foreign_key="device.identity_id")
    network: str
    generation: int
    counter: int = big()
    plaintext: bytes = octets(description="what the device reads")
    asks: bool = Field(description="whether something is to be sent again")
    acknowledged: int | None = big(nullable=True, default=None)
    corrects_clock: bool = False
    handed_at: datetime = instant()


class DownlinkReportRow(SQLModel, table=True):
    """What a network server said became of a downlink."""

    __tablename__ = "downlink_report"
    __table_args__ = (
        UniqueConstraint("downlink_id", "state", "at", name="downlink_report_once"),
        one_of("state", DOWNLINK_STATES, "downlink_report_state"),
    )
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    downlink_id: str = Field(foreign_key="downlink.id", index=True)
    state: str
    at: datetime = instant()
    detail: str = ""

"""Places in the grid, the instruments at them and the registers these have."""

from datetime import datetime

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from community.store.tables.columns import big, instant, octets, one_of


class MeteringPointRow(SQLModel, table=True):
    __tablename__ = "metering_point"
    __table_args__ = (one_of("direction", ("production", "consumption"), "metering_point_direction"),)
    id: str = Field(primary_key=True)
    code: str = Field(unique=True, description="33 characters in Austria")
    name: str
    direction: str
    settled_obis: str = Field(description="the register whose energy counts here, e.g. 1-0:2.8.0")


class MeterRow(SQLModel, table=True):
    __tablename__ = "meter"
    id: str = Field(primary_key=True)
    serial: str = Field(unique=True)
    maker: str
    model: str
    meter_key_sealed: bytes | None = octets(nullable=True, default=None)


class MeterKeyChangeRow(SQLModel, table=True):
    """A key that replaced the meter's first one, or the one before, from an instant on."""

    __tablename__ = "meter_key_change"
    __table_args__ = (UniqueConstraint("meter_id", "valid_from", name="meter_key_change_once"),)
    id: str = Field(primary_key=True)
    meter_id: str = Field(foreign_key="meter.id")
    key_sealed: bytes = octets()
    valid_from: datetime = instant()
    recorded_at: datetime = instant()
    recorded_by: str


class RegisterRow(SQLModel, table=True):
    __tablename__ = "register"
    __table_args__ = (UniqueConstraint("meter_id", "obis", name="register_of_meter"),)
    id: str = Field(primary_key=True)
    meter_id: str = Field(foreign_key="meter.id")
    obis: str
    modulus_wh: int | None = big(nullable=True, default=None)


class InstallationRow(SQLModel, table=True):
    __tablename__ = "installation"
    __table_args__ = (
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="installation_validity"),
        CheckConstraint("factor > 0", name="installation_factor"),
        CheckConstraint("max_power_w > 0", name="installation_power"),
    )
    id: str = Field(primary_key=True)
    metering_point_id: str = Field(foreign_key="metering_point.id", index=True)
    meter_id: str = Field(foreign_key="meter.id")
    device_id: str = Field(foreign_key="device.identity_id", index=True)
    valid_from: datetime = instant()
    valid_to: datetime | None = instant(nullable=True, default=None)
    factor: int = Field(default=1, description="current and voltage transformer ratio")
    max_power_w: int


class InstallationRegisterRow(SQLModel, table=True):
    """Where a register stood when its meter was put in or taken out, as somebody read it off and wrote it down."""

    __tablename__ = "installation_register"
    __table_args__ = (
        one_of("moment", ("initial", "final"), "installation_register_moment"),
        CheckConstraint("register_wh >= 0", name="installation_register_value"),
    )
    installation_id: str = Field(primary_key=True, foreign_key="installation.id")
    obis: str = Field(primary_key=True)
    moment: str = Field(primary_key=True)
    register_wh: int = big()
    protocol_digest: str = Field(description="SHA-256 of the signed protocol or photograph, hex")
    recorded_at: datetime = instant()
    recorded_by: str


class RegistryRevisionRow(SQLModel, table=True):
    """One row: how often anything that judging a frame needs was changed. Triggers count, so that nobody can forget it."""

    __tablename__ = "registry_revision"
    __table_args__ = (CheckConstraint("id = 1", name="registry_revision_single"),)
    id: int = Field(primary_key=True)
    number: int = big()

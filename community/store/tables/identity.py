"""Who and what can hold coin addresses; shares in energy sources."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from community.store.tables.columns import BigId, big, instant, octets, one_of

IDENTITY_KINDS = ("user", "member", "device", "energy_source", "energy_consumption_unit")
DEVICE_STATES = ("pending", "active", "revoked")
ONBOARDING_STAGES = ("created", "key_bound", "joined", "signature_verified", "plausible", "approved")


class IdentityRow(SQLModel, table=True):
    __tablename__ = "identity"
    __table_args__ = (one_of("kind", IDENTITY_KINDS, "identity_kind"),)
    id: str = Field(primary_key=True)
    kind: str
    name: str
    created_at: datetime = instant()


class UserRow(SQLModel, table=True):
    __tablename__ = "user_login"
    identity_id: str = Field(primary_key=True, foreign_key="identity.id")
    subject: str | None = Field(default=None, unique=True)


class MemberRow(SQLModel, table=True):
    __tablename__ = "member"
    identity_id: str = Field(primary_key=True, foreign_key="identity.id")
    user_id: str | None = Field(default=None, foreign_key="user_login.identity_id", index=True)
    is_treasury: bool = False
    joined_at: datetime = instant()


class EnergySourceRow(SQLModel, table=True):
    __tablename__ = "energy_source"
    __table_args__ = (
        CheckConstraint("nameplate_w > 0", name="energy_source_nameplate"),
        CheckConstraint("share_total > 0", name="energy_source_share_total"),
        one_of("settlement_period", ("interval", "hour", "day"), "energy_source_period"),
        one_of("evidence_mode", ("DEVICE", "ATTESTED"), "energy_source_mode"),
    )
    identity_id: str = Field(primary_key=True, foreign_key="identity.id")
    source_ref: str = Field(unique=True, description="bytes32 on chain, 0x hex")
    technology: str
    nameplate_w: int
    share_total: int
    settlement_period: str = "interval"
    evidence_mode: str = "DEVICE"
    metering_point_id: str = Field(foreign_key="metering_point.id", unique=True)
    opening_register_wh: int = big()
    opening_at: datetime = instant()
    approved_at: datetime | None = instant(nullable=True, default=None)
    trial: bool = Field(default=False, description="set at registration for good: its energy can never be minted")


class EnergyConsumptionUnitRow(SQLModel, table=True):
    __tablename__ = "energy_consumption_unit"
    identity_id: str = Field(primary_key=True, foreign_key="identity.id")
    member_id: str = Field(foreign_key="member.identity_id", index=True)
    metering_point_id: str = Field(foreign_key="metering_point.id", unique=True)


class DeviceRow(SQLModel, table=True):
    __tablename__ = "device"
    __table_args__ = (
        one_of("state", DEVICE_STATES, "device_state"),
        one_of("payload_format", ("ecw1", "legacy"), "device_payload_format"),
        CheckConstraint("length(eui) = 16 AND eui = lower(eui)", name="device_eui_hex"),
        one_of("onboarding", ONBOARDING_STAGES, "device_onboarding"),
    )
    identity_id: str = Field(primary_key=True, foreign_key="identity.id")
    eui: str = Field(unique=True, description="16 lower-case hex digits")
    payload_format: str
    profile: int | None = Field(default=None, description="ECW1 register profile")
    secret_sealed: bytes | None = octets(nullable=True, default=None)
    state: str = "pending"
    approved_at: datetime | None = instant(nullable=True, default=None)
    onboarding: str = Field(default="created", description="nothing it measures is minted before it is approved")
    trial: bool = Field(default=False, description="set at registration for good: what it measures is never minted")
    serial_confirmed_at: datetime | None = instant(nullable=True, default=None)
    firmware: str | None = None
    hardware: str | None = None


class DeviceKeyRow(SQLModel, table=True):
    __tablename__ = "device_key"
    __table_args__ = (
        UniqueConstraint("device_id", "keyno", name="device_key_number"),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="device_key_validity"),
        CheckConstraint("length(public_key) = 65", name="device_key_sec1"),
    )
    id: str = Field(primary_key=True)
    device_id: str = Field(foreign_key="device.identity_id", index=True)
    keyno: int
    public_key: bytes = octets(description="SEC1 uncompressed P-256 point")
    kid: str = Field(index=True, description="16 hex digits")
    development_key: bool = Field(default=False, description="held in a file, not in a secure element")
    valid_from: datetime = instant()
    valid_to: datetime | None = instant(nullable=True, default=None)
    first_ctr: int | None = big(nullable=True, default=None)
    """Of a key that came by rotation: the statement counter it begins with."""
    revoked_from: datetime | None = instant(nullable=True, default=None)
    """From this instant on, which may lie in the past, nothing that it signed is believed."""


class KeyRevocationRow(SQLModel, table=True):
    """That a key was revoked, as it was told: a revocation that is widened later is another row."""

    __tablename__ = "key_revocation"
    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    device_key_id: str = Field(foreign_key="device_key.id", index=True)
    revoked_from: datetime = instant()
    recorded_at: datetime = instant()


class HdAccountRow(SQLModel, table=True):
    __tablename__ = "hd_account"
    __table_args__ = (UniqueConstraint("chain", "role", name="hd_account_role"),)
    id: str = Field(primary_key=True)
    chain: str
    role: str
    path: str
    xpub: str
    next_index: int = 0


class CoinAddressRow(SQLModel, table=True):
    __tablename__ = "coin_address"
    __table_args__ = (
        UniqueConstraint("hd_account_id", "address_index", name="coin_address_index_once"),
        UniqueConstraint("chain", "address", name="coin_address_once"),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="coin_address_validity"),
        CheckConstraint("(hd_account_id IS NULL) = (path IS NULL)", name="coin_address_derived"),
        Index("coin_address_identity", "identity_id", "chain"),
    )
    id: str = Field(primary_key=True)
    identity_id: str = Field(foreign_key="identity.id")
    chain: str
    address: str = Field(description="EVM: 0x and lower-case hex; Bitcoin: bech32")
    hd_account_id: str | None = Field(default=None, foreign_key="hd_account.id")
    address_index: int | None = None
    path: str | None = None
    valid_from: datetime = instant()
    valid_to: datetime | None = instant(nullable=True, default=None)
    recorded_at: datetime = instant()


class ShareTableRow(SQLModel, table=True):
    """One revision of the share register of a source, valid for every interval in [valid_from, valid_to)."""

    __tablename__ = "share_table"
    __table_args__ = (
        UniqueConstraint("source_id", "revision", name="share_table_revision"),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="share_table_validity"),
    )
    id: str = Field(primary_key=True)
    source_id: str = Field(foreign_key="energy_source.identity_id")
    revision: int
    share_total: int
    config_hash: str = Field(description="keccak of the share table with the device key, as committed on chain")
    valid_from: datetime = instant()
    valid_to: datetime | None = instant(nullable=True, default=None)
    recorded_at: datetime = instant()
    recorded_by: str


class ShareRow(SQLModel, table=True):
    __tablename__ = "share"
    __table_args__ = (
        CheckConstraint("share_count > 0", name="share_positive"),
        UniqueConstraint("share_table_id", "holder_id", name="share_holder_once"),
    )
    share_table_id: str = Field(primary_key=True, foreign_key="share_table.id")
    position: int = Field(primary_key=True)
    holder_id: str = Field(foreign_key="member.identity_id", index=True)
    address: str
    share_count: int

"""Anything that can hold coin addresses, and its kinds."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class IdentityKind(StrEnum):
    """The kinds of identity."""

    USER = "user"
    MEMBER = "member"
    DEVICE = "device"
    ENERGY_SOURCE = "energy_source"
    ENERGY_CONSUMPTION_UNIT = "energy_consumption_unit"


class SettlementPeriod(StrEnum):
    """How much production one issuance covers."""

    INTERVAL = "interval"
    HOUR = "hour"
    DAY = "day"


class EvidenceMode(StrEnum):
    """How a reading is proven: the device's signature on chain, or verified off chain and attested by its hash."""

    DEVICE = "DEVICE"
    ATTESTED = "ATTESTED"


@dataclass(frozen=True, slots=True)
class User:
    """A person who signs in. `subject` is the OpenID Connect `sub`, never an e-mail address."""

    id: str
    name: str
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who holds shares. The treasury is the member that holds what is not sold."""

    id: str
    name: str
    user_id: str | None = None
    is_treasury: bool = False


@dataclass(frozen=True, slots=True)
class EnergySource:
    """A plant whose production is minted. `source_ref` names it on chain (32 bytes, 0x hex)."""

    id: str
    name: str
    source_ref: str
    technology: str
    nameplate_w: int
    share_total: int
    metering_point_id: str
    opening_register_wh: int
    opening_at: datetime
    settlement_period: SettlementPeriod = SettlementPeriod.INTERVAL
    evidence_mode: EvidenceMode = EvidenceMode.DEVICE
    approved_at: datetime | None = None

    def __post_init__(self) -> None:
        if (
            len(self.source_ref) != 66
            or not self.source_ref.startswith("0x")
            or self.source_ref != self.source_ref.lower()
        ):
            raise ValueError("a source reference is 0x and 64 lower-case hex digits")
        if self.nameplate_w <= 0 or self.share_total <= 0:
            raise ValueError("an energy source needs a nameplate power and a number of shares above zero")


@dataclass(frozen=True, slots=True)
class EnergyConsumptionUnit:
    """A flat or another place where energy is consumed, belonging to a member."""

    id: str
    name: str
    member_id: str
    metering_point_id: str

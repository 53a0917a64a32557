"""Anything that can hold coin addresses, and its kinds."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class IdentityKind(StrEnum):
    """The kinds of identity."""

    USER = "user"
    MEMBER = "member"
    DEVICE = "device"
    ENERGY_SOURCE = "energy_source"
    ENERGY_CONSUMPTION_UNIT = "energy_consumption_unit"


class SettlementPeriod(StrEnum):
    """How much production one issuance covers. `base_fee`: what there is when the chain is cheap, or else a day."""

    INTERVAL = "interval"
    HOUR = "hour"
    DAY = "day"
    BASE_FEE = "base_fee"


WINDOW_MAX = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class SettlementPolicy:
    """When a source settles, and how long each issuance is open to objections before it is sent (at first: not at all).

    `base_fee_wei_max` is the base fee below which a source with period `base_fee` settles before its day has passed.
    Raises ValueError.
    """

    period: SettlementPeriod = SettlementPeriod.INTERVAL
    base_fee_wei_max: int | None = None
    proposal_window: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        if (self.period is SettlementPeriod.BASE_FEE) != (self.base_fee_wei_max is not None):
            raise ValueError("a base fee belongs to the settlement period base_fee, and only to it")
        if self.base_fee_wei_max is not None and not 0 < self.base_fee_wei_max < 1 << 128:
            raise ValueError("the base fee below which is settled must lie above zero")
        if not timedelta(0) <= self.proposal_window <= WINDOW_MAX or self.proposal_window.microseconds:
            raise ValueError("a proposal window is a number of seconds, of 0 to 30 days")


class EvidenceMode(StrEnum):
    """How a reading is proven: the device's signature on chain, or verified off chain and attested by its hash."""

    DEVICE = "DEVICE"
    ATTESTED = "ATTESTED"


@dataclass(frozen=True, slots=True)
class User:
    """A person who signs in. `subject` is his login: the issuer, `#`, and the OpenID Connect `sub`; never an e-mail address."""

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
    settlement: SettlementPolicy = SettlementPolicy()
    evidence_mode: EvidenceMode = EvidenceMode.DEVICE
    approved_at: datetime | None = None
    trial: bool = False
    """For good: its energy is never minted."""

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

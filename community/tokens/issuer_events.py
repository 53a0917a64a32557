"""What the issuer and the token contract told besides transfers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from community.clock import as_utc

EventField = str | int | bool


@dataclass(frozen=True, slots=True)
class SettledEvent:
    """A settlement on chain: `minted_wh` for the register's way from `from_wh` to `to_wh`, read at `read_at`."""

    block_number: int
    log_index: int
    block_hash: str
    tx_hash: str
    issuer: str
    source_ref: str
    seq: int
    from_wh: int
    to_wh: int
    read_at: datetime
    minted_wh: int
    mode: str
    evidence: str

    def __post_init__(self) -> None:
        as_utc(self.read_at)
        if not 0 <= self.from_wh <= self.to_wh:
            raise ValueError(f"a register does not go from {self.from_wh} to {self.to_wh} Wh")
        if self.minted_wh < 0:
            raise ValueError("no negative energy is minted")


@dataclass(frozen=True, slots=True)
class IssuerEvent:
    """Another event: configuration, correction, activity, role, pause, retirement. `fields` are JSON values."""

    block_number: int
    log_index: int
    block_hash: str
    tx_hash: str
    contract: str
    name: str
    source_ref: str | None
    fields: Mapping[str, EventField]

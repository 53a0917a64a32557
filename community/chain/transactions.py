"""A transaction that carries issuances to the chain: one nonce for ever, several attempts with rising fees."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

ATTEMPTS_MAX = 7
"""The first attempt and six rises of its fees; after that a person is told."""


class AttemptState(StrEnum):
    """Where one attempt stands."""

    REQUESTED = "requested"
    SIGNED = "signed"
    BROADCAST = "broadcast"


@dataclass(frozen=True, slots=True)
class Fees:
    """EIP-1559 fees in wei per gas. Raises ValueError unless 0 < tip <= max_fee."""

    max_fee_wei: int
    tip_wei: int

    def __post_init__(self) -> None:
        if not 0 < self.tip_wei <= self.max_fee_wei < 1 << 128:
            raise ValueError(f"a tip of {self.tip_wei} wei does not fit under a maximum fee of {self.max_fee_wei} wei")

    def raised(self, ceiling_wei: int) -> "Fees | None":
        """25 % more of both (nodes ask for 10 % to replace), or None where that would exceed the ceiling."""
        max_fee_wei, tip_wei = -(-self.max_fee_wei * 5 // 4), -(-self.tip_wei * 5 // 4)
        return Fees(max_fee_wei, tip_wei) if max_fee_wei <= ceiling_wei else None


@dataclass(frozen=True, slots=True)
class Intent:
    """A call to be sent, before it has a nonce."""

    chain_id: int
    account: str
    to: str
    calldata: bytes
    gas_limit: int
    fees: Fees


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: its fees, and once signed the bytes, which never change, with their hash."""

    number: int
    fees: Fees
    state: AttemptState
    requested_at: datetime
    raw: bytes | None = None
    tx_hash: str | None = None
    broadcast_at: datetime | None = None

    def __post_init__(self) -> None:
        if (self.raw is None) != (self.state is AttemptState.REQUESTED) or (self.raw is None) != (self.tx_hash is None):
            raise ValueError("an attempt has bytes and a hash exactly when it is signed")


@dataclass(frozen=True, slots=True)
class ChainTransaction:
    """The intent: what is sent, from which account, under which nonce. Value is always zero.

    `issuance_id` stands for all it carries; `also` are the others of a batch, in the order of the call.
    """

    id: str
    issuance_id: str
    chain_id: int
    account: str
    nonce: int
    to: str
    calldata: bytes
    gas_limit: int
    attempts: tuple[Attempt, ...]
    also: tuple[str, ...] = ()

    @property
    def issuance_ids(self) -> tuple[str, ...]:
        """Every issuance it carries: they are mined, final or stopped together."""
        return (self.issuance_id, *self.also)

    @property
    def newest(self) -> Attempt:
        """The attempt with the highest fees."""
        return self.attempts[-1]

    @property
    def signed_attempts(self) -> tuple[Attempt, ...]:
        """Those with bytes. The network may mine any of them."""
        return tuple(attempt for attempt in self.attempts if attempt.raw is not None)

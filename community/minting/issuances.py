"""Issuances: the decision to mint a source's energy between two register values, and the states it goes through."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from eth_utils.crypto import keccak

from community.units import TokenAmount, WattHours


class IssuanceState(StrEnum):
    """Where an issuance stands. `stopped` waits for a person; everything else moves on by itself."""

    PLANNED = "planned"
    REQUESTED = "requested"
    SIGNED = "signed"
    BROADCAST = "broadcast"
    MINED = "mined"
    FINAL = "final"
    STOPPED = "stopped"


TRANSITIONS: dict[IssuanceState, frozenset[IssuanceState]] = {
    IssuanceState.PLANNED: frozenset({IssuanceState.REQUESTED, IssuanceState.STOPPED}),
    IssuanceState.REQUESTED: frozenset({IssuanceState.SIGNED, IssuanceState.STOPPED}),
    IssuanceState.SIGNED: frozenset({IssuanceState.BROADCAST, IssuanceState.MINED}),
    # stopped: mined but reverted
    IssuanceState.BROADCAST: frozenset({IssuanceState.MINED, IssuanceState.STOPPED}),
    # broadcast: a reorg took the block away
    IssuanceState.MINED: frozenset({IssuanceState.FINAL, IssuanceState.BROADCAST, IssuanceState.STOPPED}),
    IssuanceState.FINAL: frozenset(),
    # planned: a person has resumed what was refused before anything was signed
    IssuanceState.STOPPED: frozenset({IssuanceState.PLANNED}),
}
"""Every allowed change of state. `final` has no way out: what is final on the chain is never rewritten here."""

OPEN_STATES = frozenset(IssuanceState) - {IssuanceState.FINAL, IssuanceState.STOPPED}
SETTLED_STATES = frozenset({IssuanceState.MINED, IssuanceState.FINAL})
"""The states after which the source's next issuance may be planned."""


def states_before(state: IssuanceState) -> tuple[IssuanceState, ...]:
    """The states from which `state` may be entered."""
    return tuple(before for before in IssuanceState if state in TRANSITIONS[before])


def issuance_id(chain_id: int, issuer: str, source_ref: str, from_wh: int, to_wh: int, epoch: int = 0) -> str:
    """keccak256(abi.encode(chainId, issuer, sourceRef, fromWh, toWh)) as 0x hex: the same energy gives the same id.

    Where the source's register began anew, the number of its `epoch` (from 1 on) follows as a sixth word: another meter
    runs over the same values. `issuer` and `source_ref` are 0x hex of 20 and 32 bytes. Raises ValueError for anything that does not fit.
    """
    address, reference = bytes.fromhex(issuer.removeprefix("0x")), bytes.fromhex(source_ref.removeprefix("0x"))
    if len(address) != 20 or len(reference) != 32:
        raise ValueError("an issuance is named by a 20-byte issuer and a 32-byte source reference")
    if not (0 <= from_wh < 1 << 64 and 0 <= to_wh < 1 << 64 and 0 <= chain_id < 1 << 256):
        raise ValueError("register values must fit into 64 bits")
    if not 0 <= epoch < 1 << 32:
        raise ValueError("epochs are counted from 0 on")
    numbers = [value.to_bytes(32, "big") for value in (chain_id, from_wh, to_wh, epoch)]
    words = [numbers[0], address.rjust(32, b"\0"), reference, *(numbers[1:] if epoch else numbers[1:3])]
    return "0x" + keccak(b"".join(words)).hex()


def batch_id(issuance_ids: Sequence[str]) -> str:
    """Names what one `settleMany` settles: keccak256 of its issuances' ids (0x hex) in their order. Raises ValueError."""
    if not issuance_ids:
        raise ValueError("a batch settles at least one source")
    return "0x" + keccak(b"".join(_octets(each, 32) for each in issuance_ids)).hex()


def correction_id(chain_id: int, issuer: str, source_ref: str, debt_wh: int, evidence: str) -> str:
    """Names one call of `correct`: keccak256(abi.encode("correct", chainId, issuer, sourceRef, debtWh, evidence)), 0x hex.

    The word, padded to 32 bytes, keeps it apart from every issuance. Raises ValueError for what does not fit.
    """
    if not (0 <= debt_wh < 1 << 64 and 0 <= chain_id < 1 << 256):
        raise ValueError("a debt must fit into 64 bits")
    words = [b"correct".ljust(32, b"\0"), chain_id.to_bytes(32, "big"), _octets(issuer, 20).rjust(32, b"\0")]
    return (
        "0x"
        + keccak(b"".join([*words, _octets(source_ref, 32), debt_wh.to_bytes(32, "big"), _octets(evidence, 32)])).hex()
    )


def _octets(text: str, size: int) -> bytes:
    octets = bytes.fromhex(text.removeprefix("0x"))
    if len(octets) != size:
        raise ValueError(f"{size} bytes in hex are wanted, not {len(octets)}")
    return octets


@dataclass(frozen=True, slots=True)
class IssuancePart:
    """One holder's part of an issuance, in base units, with the address it is minted to."""

    holder_id: str
    address: str
    share_count: int
    amount: TokenAmount


@dataclass(frozen=True, slots=True)
class Issuance:
    """One issuance with its parts. `amount` is what is minted: less than the energy where a debt was netted.

    `epoch` counts how often the source's register has begun anew; register values follow each other within one.
    Raises ValueError unless the parts add up to the amount and energy and period are above zero.
    """

    id: str
    chain_id: int
    issuer: str
    source_id: str
    from_wh: WattHours
    to_wh: WattHours
    period_start: datetime
    period_end: datetime
    amount: TokenAmount
    measurement_id: str
    share_table_id: str
    parts: tuple[IssuancePart, ...]
    planned_at: datetime
    state: IssuanceState = IssuanceState.PLANNED
    failure: str | None = None
    mined_block: int | None = None
    tx_hash: str | None = None
    epoch: int = 0

    def __post_init__(self) -> None:
        if self.to_wh <= self.from_wh or self.period_end <= self.period_start:
            raise ValueError("an issuance needs energy and a period above zero")
        if sum(part.amount for part in self.parts) != self.amount:
            raise ValueError("the parts of an issuance must add up to its amount")

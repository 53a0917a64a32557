"""What a transaction would do, read strictly from its call data: one of the few calls that a signer signs. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from contracts.abi import (
    SELECTOR_CORRECT,
    SELECTOR_SETTLE,
    SELECTOR_SETTLE_ATTESTED,
    SELECTOR_SETTLE_MANY,
    AttestedSettlement,
    SettleEvidence,
    ShareConfig,
    decode_correct,
    decode_settle,
    decode_settle_attested,
    decode_settle_many,
)
from signer.refusal import Refusal
from signer.registry import SigningRole

SETTLEMENTS_MAX = 64
"""Sources in one transaction; a block holds fewer."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """One source settled by a statement that its device signed."""

    source_ref: str
    evidence: SettleEvidence
    config: ShareConfig


@dataclass(frozen=True, slots=True)
class Attested:
    """One source settled by evidence that only the backend and this signer can verify, named by its hash."""

    source_ref: str
    settlement: AttestedSettlement


@dataclass(frozen=True, slots=True)
class Debt:
    """A correction of what was minted too much."""

    source_ref: str
    debt_wh: int
    evidence: bytes


@dataclass(frozen=True, slots=True)
class SettleCall:
    """`settle`, `settleMany` or `settleAttested`. A batch (`settleMany`) is named by all its issuances together."""

    settlements: tuple[Settlement | Attested, ...]
    is_batch: bool = False


@dataclass(frozen=True, slots=True)
class CorrectCall:
    """`correct`."""

    debt: Debt


Call = SettleCall | CorrectCall


def read_call(data: bytes, role: SigningRole) -> Call:
    """The call in `data`, if an account of this role makes such calls. Raises Refusal."""
    reader = _READERS[role].get(data[:4])
    if reader is None:
        names = " and ".join(_NAMES[selector] for selector in _READERS[role])
        raise Refusal(f"The request calls function 0x{data[:4].hex()}; the {role.value}'s signer signs {names} only.")
    try:
        return reader(data)
    except ValueError as error:
        raise Refusal(f"The call data cannot be read: {error}.") from error


def _settle(data: bytes) -> Call:
    source_id, evidence, config = decode_settle(data)
    return SettleCall((Settlement("0x" + source_id.hex(), evidence, config),))


def _settle_many(data: bytes) -> Call:
    entries = decode_settle_many(data)
    if not 1 <= len(entries) <= SETTLEMENTS_MAX:
        raise ValueError(f"one transaction settles 1 to {SETTLEMENTS_MAX} sources, not {len(entries)}")
    return SettleCall(tuple(Settlement("0x" + one.hex(), two, three) for one, two, three in entries), is_batch=True)


def _settle_attested(data: bytes) -> Call:
    settlement = decode_settle_attested(data)
    return SettleCall((Attested("0x" + settlement.source_id.hex(), settlement),))


def _correct(data: bytes) -> Call:
    source_id, debt_wh, evidence = decode_correct(data)
    return CorrectCall(Debt("0x" + source_id.hex(), debt_wh, evidence))


_READERS: dict[SigningRole, dict[bytes, Callable[[bytes], Call]]] = {
    SigningRole.SETTLER: {
        SELECTOR_SETTLE: _settle,
        SELECTOR_SETTLE_MANY: _settle_many,
        SELECTOR_SETTLE_ATTESTED: _settle_attested,
    },
    SigningRole.CORRECTOR: {SELECTOR_CORRECT: _correct},
}
_NAMES = {
    SELECTOR_SETTLE: "settle",
    SELECTOR_SETTLE_MANY: "settleMany",
    SELECTOR_SETTLE_ATTESTED: "settleAttested",
    SELECTOR_CORRECT: "correct",
}

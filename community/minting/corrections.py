"""What was minted wrongly and how it is made good: debts that are netted, and supplements with evidence of their own.

Nothing is deleted and nobody's balance falls. For every source at all times V = M + open supplement - open debt, with V
the verified energy and M what was minted, net. `correct(source, debtWh, evidence)` of the issuer adds to the debt.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from community.ids import named_id
from community.units import WattHours

_HASH = re.compile(r"0x[0-9a-f]{64}")
ENERGY_MAX_WH = (1 << 63) - 1
"""What the books can hold; the contract takes 64 bits."""


class CorrectionKind(StrEnum):
    """`debt`: too much was minted; `supplement`: too little, and no later reading of the register will show it."""

    DEBT = "debt"
    SUPPLEMENT = "supplement"


@dataclass(frozen=True, slots=True)
class Correction:
    """A decision that a source's verified energy is less (debt) or more (supplement) than its register says.

    `evidence` is the SHA-256 (0x hex) of the document that proves it; one document corrects a source once.
    Raises ValueError.
    """

    source_id: str
    kind: CorrectionKind
    energy_wh: WattHours
    evidence: str
    reason: str
    recorded_by: str
    recorded_at: datetime

    def __post_init__(self) -> None:
        if not 0 < self.energy_wh <= ENERGY_MAX_WH:
            raise ValueError(
                "a correction is of at least 1 Wh; give a debt and a supplement as what they are, unsigned"
            )
        if not _HASH.fullmatch(self.evidence):
            raise ValueError("the evidence of a correction is a SHA-256 digest: 0x and 64 lower-case hex digits")
        if not self.reason.strip() or not self.recorded_by.strip():
            raise ValueError("a correction needs a reason and the name of who decided it")

    @property
    def id(self) -> str:
        """The same document for the same source is the same correction."""
        return named_id("corr", self.source_id, self.evidence)


@dataclass(frozen=True, slots=True)
class SourceAccount:
    """One source's energy in Wh, as it stands. `verified_wh` is V, `minted_wh` is M. Raises ValueError if V is not M + S - D."""

    verified_wh: WattHours
    minted_wh: WattHours
    supplement_wh: WattHours
    debt_wh: WattHours

    def __post_init__(self) -> None:
        if min(self.minted_wh, self.supplement_wh, self.debt_wh) < 0:
            raise ValueError("minted energy, supplement and debt are never below zero")
        if self.verified_wh != self.minted_wh + self.supplement_wh - self.debt_wh:
            raise ValueError("verified energy must equal minted energy, plus open supplement, less open debt")

    def settle(self, energy_wh: WattHours) -> "SourceAccount":
        """After the register's way of `energy_wh` was settled: the debt is netted before anything is minted."""
        netted = net_of_debt(energy_wh, self.debt_wh)
        return replace(
            self,
            verified_wh=WattHours(self.verified_wh + energy_wh),
            minted_wh=WattHours(self.minted_wh + netted.minted_wh),
            debt_wh=netted.debt_left_wh,
        )

    def correct(self, kind: CorrectionKind, energy_wh: WattHours) -> "SourceAccount":
        """After a correction was decided: what is verified changes, what was minted does not."""
        if kind is CorrectionKind.DEBT:
            return replace(
                self,
                verified_wh=WattHours(self.verified_wh - energy_wh),
                debt_wh=WattHours(self.debt_wh + energy_wh),
            )
        return replace(
            self,
            verified_wh=WattHours(self.verified_wh + energy_wh),
            supplement_wh=WattHours(self.supplement_wh + energy_wh),
        )

    def settle_supplement(self) -> "SourceAccount":
        """After what is supplemented was settled with its own evidence; an open debt is netted from it too."""
        netted = net_of_debt(self.supplement_wh, self.debt_wh)
        return replace(
            self,
            minted_wh=WattHours(self.minted_wh + netted.minted_wh),
            supplement_wh=WattHours(0),
            debt_wh=netted.debt_left_wh,
        )


NOTHING_YET = SourceAccount(WattHours(0), WattHours(0), WattHours(0), WattHours(0))
"""A source that has produced nothing."""


@dataclass(frozen=True, slots=True)
class Netted:
    """What is minted of a settlement, and what debt is left."""

    minted_wh: WattHours
    debt_left_wh: WattHours


def net_of_debt(energy_wh: WattHours, debt_wh: WattHours) -> Netted:
    """The issuer's netting: the debt first, then the mint. Raises ValueError below zero."""
    if energy_wh < 0 or debt_wh < 0:
        raise ValueError("energy and debt are never below zero")
    netted = min(energy_wh, debt_wh)
    return Netted(WattHours(energy_wh - netted), WattHours(debt_wh - netted))


def correction_for(account: SourceAccount, verified_wh: WattHours) -> tuple[CorrectionKind, WattHours] | None:
    """The correction that brings a source's verified energy to `verified_wh`, known anew; None where it is right already."""
    change = verified_wh - account.verified_wh
    if change == 0:
        return None
    kind = CorrectionKind.SUPPLEMENT if change > 0 else CorrectionKind.DEBT
    return kind, WattHours(abs(change))

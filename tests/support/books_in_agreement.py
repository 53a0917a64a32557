"""A picture of books in full agreement: one source, settled in order; tests change one thing in it."""

from datetime import UTC, datetime, timedelta

from community.minting.issuances import IssuanceState
from community.reconciliation.facts import (
    AskedTotals,
    Configured,
    EvidenceFacts,
    Facts,
    IntervalFacts,
    IssuanceFacts,
    ShareTableFacts,
    SourceFacts,
    SourceOnChain,
)
from community.tokens.issuer_events import SettledEvent
from community.tokens.supply import Supply
from community.tokens.transfers import ZERO_ADDRESS, Transfer
from community.units import BASE_UNITS_PER_WH

QUARTER = timedelta(minutes=15)
OPENING_AT = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=1)
JUST_NOW = NOW - timedelta(minutes=1)
TOKEN, ISSUER = "0x" + "aa" * 20, "0x" + "bb" * 20
ANNA, BERND = "0x" + "01" * 20, "0x" + "02" * 20
SOURCE = SourceFacts("src_roof", "0x" + "cd" * 32, "Sonnendach Süd", 5_000, OPENING_AT)


def hash32(number: int) -> str:
    return "0x" + f"{number:064x}"


COMMITTED = hash32(4_711)
SHARES = ShareTableFacts(
    "sht_1", SOURCE.id, 10, ((ANNA, 3), (BERND, 7)), COMMITTED, COMMITTED, OPENING_AT, LONG_AGO
)  # fmt: skip


def parts_of(energy_wh: int) -> tuple[tuple[str, int], ...]:
    """Three tenths for Anna, the rest for Bernd."""
    whole = energy_wh * BASE_UNITS_PER_WH
    return ((ANNA, whole * 3 // 10), (BERND, whole - whole * 3 // 10))


def agreeing(energies_wh: list[int]) -> Facts:
    """Facts in which settlement n covers one quarter-hour of `energies_wh[n]`, all final."""
    register = SOURCE.opening_register_wh
    issuances, intervals, settled, mints = [], [], [], []
    balances = {ANNA: 0, BERND: 0}
    for n, energy_wh in enumerate(energies_wh):
        starts_at = OPENING_AT + n * QUARTER
        intervals.append(IntervalFacts(SOURCE.id, starts_at, energy_wh, LONG_AGO))
        digest, block, tx = hash32(900 + n), 20 + n, hash32(500 + n)
        parts = parts_of(energy_wh)
        evidence = EvidenceFacts(digest, "DEVICE", starts_at + QUARTER, register + energy_wh, key_valid=True)
        issuances.append(
            IssuanceFacts(
                f"0x{n:064x}", SOURCE.id, register, register + energy_wh, starts_at, starts_at + QUARTER,
                energy_wh * BASE_UNITS_PER_WH, parts, IssuanceState.FINAL, LONG_AGO, evidence, mined_block=block,
            )
        )  # fmt: skip
        settled.append(
            SettledEvent(
                block, 0, hash32(block), tx, ISSUER, SOURCE.ref, n + 1, register, register + energy_wh,
                starts_at + QUARTER, energy_wh, "DEVICE", digest,
            )
        )  # fmt: skip
        for index, (holder, amount) in enumerate(parts, start=1):
            mints.append(Transfer(block, index, hash32(block), tx, TOKEN, ZERO_ADDRESS, holder, amount))
            balances[holder] += amount
        register += energy_wh
    supply = Supply(minted=sum(mint.amount for mint in mints))
    return Facts(
        now=NOW,
        grace=timedelta(minutes=15),
        finalised_block=20 + len(energies_wh),
        token=TOKEN,
        sources=(SOURCE,),
        issuances=tuple(issuances),
        intervals=tuple(intervals),
        settled=tuple(settled),
        mints=tuple(mints),
        configured=(Configured(1, 0, SOURCE.ref, 0, SOURCE.opening_register_wh, COMMITTED),),
        share_tables=(SHARES,),
        supply=supply,
        balances=balances,
        asked=AskedTotals(supply.outstanding, dict(balances), {SOURCE.ref: SourceOnChain(register, 0)}),
    )

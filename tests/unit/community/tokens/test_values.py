"""Values of token movements: what they are called and what is refused."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from community.tokens.balances import BalanceOutOfRange, balance_after, effects_of, fold, supply_after
from community.tokens.issuer_events import SettledEvent
from community.tokens.supply import Supply
from community.tokens.transfers import ZERO_ADDRESS, Transfer, TransferKind
from community.units import AMOUNT_MAX

TOKEN, ANNA, BERND = "0x" + "aa" * 20, "0x" + "01" * 20, "0x" + "02" * 20
MINT = Transfer(1, 0, "0xb", "0xt", TOKEN, ZERO_ADDRESS, ANNA, 100)
SETTLED = SettledEvent(
    1, 0, "0xb", "0xt", "0xi", "0xs", 1, 10, 20, datetime(2026, 1, 1, tzinfo=UTC), 10, "DEVICE", "0xe"
)


def test_kinds_follow_from_the_zero_address() -> None:
    assert MINT.kind is TransferKind.MINT
    assert replace(MINT, sender=ANNA, recipient=BERND).kind is TransferKind.TRANSFER
    assert replace(MINT, sender=ANNA, recipient=ZERO_ADDRESS).kind is TransferKind.BURN
    nothing = replace(MINT, recipient=ZERO_ADDRESS)
    assert nothing.kind is TransferKind.TRANSFER
    assert effects_of([nothing]).balances == {} and effects_of([nothing]).tokens == ()


def test_a_transfer_to_oneself_changes_nothing() -> None:
    assert fold([MINT, replace(MINT, log_index=1, sender=ANNA, recipient=ANNA)]) == {(TOKEN, ANNA): 100}


def test_the_largest_amount_is_held_and_one_more_is_not() -> None:
    largest = replace(MINT, amount=AMOUNT_MAX)
    assert fold([largest]) == {(TOKEN, ANNA): AMOUNT_MAX}
    with pytest.raises(BalanceOutOfRange):
        balance_after(AMOUNT_MAX, 1, (TOKEN, ANNA))
    with pytest.raises(BalanceOutOfRange, match="INDEXER_START_BLOCK"):
        fold([replace(MINT, sender=BERND)])


def test_invalid_values_are_refused() -> None:
    for changes in ({"amount": -1}, {"amount": AMOUNT_MAX + 1}, {"block_number": -1}, {"log_index": -1}):
        with pytest.raises(ValueError, match=r"amount|negative"):
            replace(MINT, **changes)
    for minted, burned in ((-1, 0), (0, -1), (1, 2)):
        with pytest.raises(ValueError, match="no supply"):
            Supply(minted, burned)
    with pytest.raises(ValueError, match="register"):
        replace(SETTLED, to_wh=9)
    with pytest.raises(ValueError, match="negative energy"):
        replace(SETTLED, minted_wh=-1)


def test_supply_counts_mints_and_burns_apart() -> None:
    burn = replace(MINT, sender=ANNA, recipient=ZERO_ADDRESS, amount=30)
    supply = supply_after(Supply(), effects_of([MINT, burn]), TOKEN)
    assert (supply.minted, supply.burned, supply.outstanding) == (100, 30, 70)

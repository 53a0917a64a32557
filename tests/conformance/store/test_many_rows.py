"""Rows by the thousand: all of them, in their order, with their types; one that breaks a rule leaves none."""

from datetime import UTC, datetime

import pytest

from community.store import outbox, transfers
from community.store.savepoints import RowRefused
from community.store.unit_of_work import Store
from community.tokens.transfers import ZERO_ADDRESS, TransferFields, transfer_lines
from community.units import AMOUNT_MAX

COUNT = 1_203
"""Some hundreds at once, and a rest."""
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def moved(number: int) -> TransferFields:
    block = f"0x{number // 50:064x}"
    return (
        number // 50,
        number % 50,
        block,
        block,
        "0x" + "aa" * 20,
        ZERO_ADDRESS,
        f"0x{number:040x}",
        AMOUNT_MAX - number,
    )


async def test_values_come_back_as_they_went(store: Store) -> None:
    given = [moved(number) for number in range(COUNT)]
    async with store.begin() as work:
        await transfers.add(work, transfer_lines(7, given))
        await outbox.announce_all(work, "balance", [str(number) for number in range(COUNT)], NOW)
    async with store.read() as work:
        assert await transfers.between(work, 7, -1, COUNT) == given
        told = await outbox.changes_after(work, 0, limit=2 * COUNT)
    assert [one.subject for one in told] == [str(number) for number in range(COUNT)]


@pytest.mark.parametrize("twice", [3, COUNT - 1])
async def test_a_row_that_is_there_already_leaves_none(store: Store, twice: int) -> None:
    given = [moved(number) for number in range(COUNT)]
    with pytest.raises(RowRefused):
        async with store.begin() as work:
            await transfers.add(work, transfer_lines(7, [*given, given[twice]]))
    async with store.read() as work:
        assert await transfers.between(work, 7, -1, COUNT) == []

"""What a transaction offers."""

import pytest

from community.chain.transactions import Fees
from community.clients.evm import NodeUnavailable
from settlement.fees import current_fees, fees_for

GWEI = 10**9


def test_the_least_tip_holds_in_a_cheap_market() -> None:
    assert fees_for(100, 1, 30, 10_000) == Fees(230, 30)


def test_the_markets_tip_holds_in_a_dear_one() -> None:
    assert fees_for(100, 50, 30, 10_000) == Fees(250, 50)


def test_the_ceiling_cuts_the_reserve_but_not_the_price() -> None:
    assert fees_for(100, 1, 30, 200) == Fees(200, 30)
    assert fees_for(100, 1, 30, 130) == Fees(130, 30)
    assert fees_for(100, 1, 30, 129) is None


class History:
    """A node that answers with one fee history."""

    def __init__(self, answer: dict[str, object]) -> None:
        self.answer = answer

    async def fee_history(self, blocks: int, percentiles: list[int]) -> dict[str, object]:
        assert (blocks, percentiles) == (20, [60])
        return self.answer


async def test_the_base_fee_of_the_next_block_and_the_middle_tip() -> None:
    node = History({"baseFeePerGas": ["0x1", hex(100)], "reward": [[hex(90)], [hex(40)], [hex(1)]]})
    assert await current_fees(node, 30, 10_000) == Fees(240, 40)  # type: ignore[arg-type]


async def test_blocks_without_transactions_have_no_tip() -> None:
    assert await current_fees(History({"baseFeePerGas": ["0x64"], "reward": None}), 30, 10_000) == Fees(230, 30)  # type: ignore[arg-type]


@pytest.mark.parametrize("answer", [{}, {"baseFeePerGas": []}, {"baseFeePerGas": ["x"]}])
async def test_an_unreadable_history_is_a_node_in_trouble(answer: dict[str, object]) -> None:
    with pytest.raises(NodeUnavailable):
        await current_fees(History(answer), 30, 10_000)  # type: ignore[arg-type]

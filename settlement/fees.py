"""What a transaction offers for its place in a block: the market's tip, twice the base fee, and a ceiling."""

from community.chain.transactions import Fees
from community.clients.evm import EvmNode, NodeUnavailable, quantity

BLOCKS = 20
PERCENTILE = 60


async def current_fees(node: EvmNode, tip_wei_min: int, max_fee_wei_max: int) -> Fees | None:
    """Fees that will be mined soon, or None while the market is above the ceiling: then settlements wait."""
    history = await node.fee_history(BLOCKS, [PERCENTILE])
    try:
        base_fee_wei = quantity(history["baseFeePerGas"][-1])
        tips = sorted(quantity(block[0]) for block in history.get("reward") or [] if block)
    except (KeyError, IndexError, TypeError) as error:
        raise NodeUnavailable("The chain node's fee history cannot be read") from error
    return fees_for(base_fee_wei, tips[len(tips) // 2] if tips else 0, tip_wei_min, max_fee_wei_max)


async def base_fee(node: EvmNode) -> int:
    """The base fee of the next block, in wei. Raises NodeUnavailable."""
    history = await node.fee_history(1, [])
    try:
        return quantity(history["baseFeePerGas"][-1])
    except (KeyError, IndexError, TypeError) as error:
        raise NodeUnavailable("The chain node's fee history cannot be read") from error


def fees_for(base_fee_wei: int, market_tip_wei: int, tip_wei_min: int, max_fee_wei_max: int) -> Fees | None:
    """The larger of the market's and the least tip, and twice the base fee above it: room for six full blocks."""
    tip_wei = max(tip_wei_min, market_tip_wei)
    if base_fee_wei + tip_wei > max_fee_wei_max:
        return None
    return Fees(min(2 * base_fee_wei + tip_wei, max_fee_wei_max), tip_wei)

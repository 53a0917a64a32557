"""Which transaction used a nonce: found in the chain itself, because a missing receipt alone proves nothing."""

from typing import Any

from community.clients.evm import EvmNode, NodeRefused, NodeUnavailable, quantity


async def transaction_with_nonce(node: EvmNode, account: str, nonce: int) -> str | None:
    """The hash of the finalised transaction of `account` with `nonce`, None if there is none or the node cannot tell.

    Bisects the account's transaction count over the blocks, so it needs about 30 calls. A node that keeps no state of
    old blocks refuses; then nothing is known. Raises NodeUnavailable.
    """
    finalised = await node.block("finalized")
    if finalised is None:
        return None
    low, high = 0, quantity(finalised["number"])
    try:
        if await node.nonce(account, high) <= nonce:
            return None
        while low < high:
            middle = (low + high) // 2
            if await node.nonce(account, middle) > nonce:
                high = middle
            else:
                low = middle + 1
    except NodeRefused:
        return None
    block = await node.block(low, full=True)
    return None if block is None else _sent_in(block, account, nonce)


def _sent_in(block: dict[str, Any], account: str, nonce: int) -> str | None:
    transactions = block.get("transactions")
    if not isinstance(transactions, list):
        raise NodeUnavailable("The chain node gave a block without its transactions")
    for sent in transactions:
        if str(sent.get("from")).lower() == account and quantity(sent.get("nonce")) == nonce:
            return str(sent.get("hash")).lower()
    return None

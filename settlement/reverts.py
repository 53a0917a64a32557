"""Why a mined transaction reverted: its call repeated on the states around it, and of a batch each source by itself."""

from community.chain.transactions import ChainTransaction
from community.clients.evm import EvmNode, NodeRefused
from contracts.abi import SELECTOR_SETTLE_MANY, decode_revert, decode_settle_many, encode_settle

UNEXPLAINED = "it would have succeeded before and after; it may have run out of gas"


async def revert_reason(node: EvmNode, transaction: ChainTransaction, block: int) -> str:
    """A sentence on why it reverted. The state inside the block may have differed from both around it."""
    return await _refusal(node, transaction, transaction.calldata, block) or UNEXPLAINED


async def sources_to_blame(node: EvmNode, transaction: ChainTransaction, block: int) -> dict[str, str]:
    """Which of the issuances that a reverted batch carried the contract would refuse by themselves, and why.

    None of a transaction that settles one source: that is to blame itself. Raises RetryableError if the node is away.
    """
    if not transaction.calldata.startswith(SELECTOR_SETTLE_MANY):
        return {}
    entries = zip(transaction.issuance_ids, decode_settle_many(transaction.calldata), strict=True)
    found = {
        issuance_id: await _refusal(node, transaction, encode_settle(*entry), block) for issuance_id, entry in entries
    }
    return {issuance_id: reason for issuance_id, reason in found.items() if reason is not None}


async def _refusal(node: EvmNode, transaction: ChainTransaction, call: bytes, block: int) -> str | None:
    for state in (block, block - 1):
        try:
            await node.eth_call(transaction.to, call, state, sender=transaction.account)
        except NodeRefused as refusal:
            return decode_revert(refusal.data) if refusal.data else refusal.message
    return None

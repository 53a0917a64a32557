"""A sender as tutorials teach it: the node's pending nonce, sign, send, try again on an error, done at the receipt.

It keeps nothing: the nonce is learned from the node, the hash only after sending. It stands here to be measured, and to
show that the tests of settlement bite: under faults it mints twice and loses settlements.
"""

from dataclasses import dataclass

from eth_account import Account
from eth_account.signers.local import LocalAccount

from community.clients.evm import EvmNode, NodeRefused, NodeUnavailable, quantity

TRIES_MAX = 4
RECEIPT_LOOKS = 6
GWEI = 10**9


@dataclass(frozen=True, slots=True)
class TutorialSender:
    """Sends calls from one account, one after another."""

    node: EvmNode
    chain_id: int
    key: str
    receipt_looks: int = RECEIPT_LOOKS
    """How often it asks for the receipt before it sends again."""

    @property
    def account(self) -> LocalAccount:
        account: LocalAccount = Account.from_key(self.key)
        return account

    async def send(self, to: str, calldata: bytes) -> bool:
        """Send a call and wait for its receipt. Says whether it came within the tries."""
        for _ in range(TRIES_MAX):
            try:
                tx_hash = await self._send_once(to, calldata)
                for _ in range(self.receipt_looks):
                    receipt = await self.node.receipt(tx_hash)
                    if receipt is not None:
                        return bool(receipt["status"] == "0x1")
            except (NodeUnavailable, NodeRefused):
                continue
        return False

    async def _send_once(self, to: str, calldata: bytes) -> str:
        nonce = quantity(await self.node.call("eth_getTransactionCount", self.account.address, "pending"))
        gas = await self.node.estimate_gas(to, calldata, sender=self.account.address.lower())
        signed = self.account.sign_transaction(
            {
                "type": 2,
                "chainId": self.chain_id,
                "nonce": nonce,
                "to": bytes.fromhex(to[2:]),
                "value": 0,
                "data": calldata,
                "gas": gas * 12 // 10,
                "maxFeePerGas": 50 * GWEI,
                "maxPriorityFeePerGas": GWEI,
            }
        )
        return await self.node.send_raw(bytes(signed.raw_transaction))

"""Putting the contracts on the local chain from the committed artifacts, and registering the plant with the issuer."""

import asyncio
from dataclasses import dataclass

from community.clients.evm import EvmNode
from community.errors import FatalError
from contracts import abi
from contracts.deployment import ShareTokens
from contracts.shares import encode_deploy_shares
from standalone.anvil import ADMIN

RECEIPT_TIMEOUT_S = 30.0
_SETTLER_FUNDS_WEI = 1_000 * 10**18


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the contracts are, and the block from which the indexer must read."""

    chain_id: int
    token: str
    issuer: str
    start_block: int
    shares: str = abi.ZERO_ADDRESS
    """The share tokens that sources follow; zero without them."""


async def _submit(node: EvmNode, to: str | None, data: bytes, value: int = 0) -> str:
    """Hand a transaction of the chain's own funded account to the node; returns its hash."""
    message = {"from": ADMIN, "data": "0x" + data.hex(), "value": hex(value)}
    if to is not None:
        message["to"] = to
    return str(await node.call("eth_sendTransaction", message))


async def _mined(node: EvmNode, tx_hash: str) -> dict[str, object]:
    """Wait for a receipt. Raises FatalError if the transaction failed."""
    async with asyncio.timeout(RECEIPT_TIMEOUT_S):
        while (receipt := await node.receipt(tx_hash)) is None:  # noqa: ASYNC110 - the chain gives no event
            await asyncio.sleep(0.05)
    if receipt["status"] != "0x1":
        raise FatalError(f"The local chain refused the set-up transaction {tx_hash}.")
    return receipt


async def deploy(node: EvmNode, settler: str, share_tokens: ShareTokens | None = None) -> Deployment:
    """Deploy token and issuer, give the issuer the right to mint, the signer's account the right to settle, and gas.

    With `share_tokens` their contract too: a source whose shares are created there pays by them and by nothing else.
    """
    shares = abi.ZERO_ADDRESS
    if share_tokens is not None:
        code = encode_deploy_shares(share_tokens.uri, share_tokens.period_s, ADMIN, 0)
        shares = str((await _mined(node, await _submit(node, None, code)))["contractAddress"])
        await _mined(node, await _submit(node, shares, abi.encode_grant_role(abi.REGISTRAR_ROLE, ADMIN)))
    token_receipt = await _mined(node, await _submit(node, None, abi.encode_deploy_token(ADMIN, 0)))
    token = str(token_receipt["contractAddress"])
    issuer_receipt = await _mined(node, await _submit(node, None, abi.encode_deploy_issuer(token, ADMIN, 0, shares)))
    issuer = str(issuer_receipt["contractAddress"])
    # One after the other: the node gives two requests at the same moment the same nonce.
    sent = [
        await _submit(node, token, abi.encode_grant_role(abi.MINTER_ROLE, issuer)),
        await _submit(node, issuer, abi.encode_grant_role(abi.REGISTRAR_ROLE, ADMIN)),
        await _submit(node, issuer, abi.encode_grant_role(abi.SETTLER_ROLE, settler)),
        await _submit(node, settler, b"", _SETTLER_FUNDS_WEI),
    ]
    for tx_hash in sent:
        await _mined(node, tx_hash)
    return Deployment(
        chain_id=await node.chain_id(),
        token=token.lower(),
        issuer=issuer.lower(),
        start_block=int(str(token_receipt["blockNumber"]), 16),
        shares=shares.lower(),
    )


async def register_source(node: EvmNode, deployment: Deployment, setup: abi.SourceSetup) -> None:
    """Register an energy source with the issuer contract, as its REGISTRAR."""
    await _mined(node, await _submit(node, deployment.issuer, abi.encode_configure(setup)))

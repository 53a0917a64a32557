"""Before anything is sent: is this the chain, the contract and the account that the settings mean?"""

from community.clients.evm import EvmNode
from community.errors import FatalError
from community.store.transactions import open_account
from community.store.unit_of_work import Store
from contracts.abi import SETTLER_ROLE, decode_bool, encode_has_role
from settlement.settings import SettlementSettings


async def pass_gate(settings: SettlementSettings, node: EvmNode, store: Store) -> None:
    """Raise FatalError unless chain id, contract code, role and nonce are right. RetryableError if the node is away."""
    chain_id = await node.chain_id()
    if chain_id != settings.chain_id:
        raise FatalError(
            f"The node at {settings.node_url} follows chain {chain_id}, the settings say {settings.chain_id}."
        )
    if not await node.code(settings.issuer):
        raise FatalError(
            f"There is no contract at {settings.issuer} on chain {chain_id}. Is the issuer deployed there?"
        )
    has_role = decode_bool(await node.eth_call(settings.issuer, encode_has_role(SETTLER_ROLE, settings.account)))
    if not has_role:
        raise FatalError(
            f"Account {settings.account} may not settle on {settings.issuer}: have the admin grant it SETTLER_ROLE."
        )
    chain_nonce = await node.nonce(settings.account)
    async with store.begin() as work:
        await open_account(work, settings.chain_id, settings.account, chain_nonce)

"""Before anything is sent: is this the chain, the contract and the account that the settings mean?"""

from community.clients.evm import EvmNode
from community.errors import FatalError
from community.store.transactions import open_account
from community.store.unit_of_work import Store
from contracts.abi import SETTLER_ROLE, decode_bool, encode_has_role
from settlement.terms import SettlementTerms


async def pass_gate(terms: SettlementTerms, node: EvmNode, store: Store) -> None:
    """Raise FatalError unless chain id, contract code, role and nonce are right. RetryableError if the node is away."""
    chain_id = await node.chain_id()
    if chain_id != terms.chain_id:
        raise FatalError(f"The node at {node.url} follows chain {chain_id}, the settings say {terms.chain_id}.")
    if not await node.code(terms.issuer):
        raise FatalError(f"There is no contract at {terms.issuer} on chain {chain_id}. Is the issuer deployed there?")
    has_role = decode_bool(await node.eth_call(terms.issuer, encode_has_role(SETTLER_ROLE, terms.account)))
    if not has_role:
        raise FatalError(
            f"Account {terms.account} may not settle on {terms.issuer}: have the admin grant it SETTLER_ROLE."
        )
    chain_nonce = await node.nonce(terms.account)
    async with store.begin() as work:
        await open_account(work, terms.chain_id, terms.account, chain_nonce)

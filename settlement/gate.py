"""Before anything is sent: is this the chain, the contract and the account that the settings mean, and are the books whole?"""

from eth_utils.crypto import keccak

from community.clients.evm import EvmNode
from community.errors import FatalError, RetryableError
from community.identity.identities import EnergySource
from community.store.epochs import newest_epoch
from community.store.identities import energy_sources
from community.store.transactions import highest_final_nonce, open_account, sent_for_source
from community.store.unit_of_work import Store, Work
from contracts.abi import (
    SETTLER_ROLE,
    ZERO_ADDRESS,
    SourceState,
    decode_bool,
    decode_source,
    decode_uint,
    encode_has_role,
    encode_source,
    load,
)
from contracts.shares import encode_period, encode_shares
from settlement.terms import SettlementTerms


class NodeBehind(RetryableError):
    """The node has not yet what is final in the books: it is still catching up, and is waited for."""


async def pass_gate(terms: SettlementTerms, node: EvmNode, store: Store) -> dict[str, str]:
    """Raise FatalError unless chain id, contract code, role and nonces are right. RetryableError if the node is away.

    Returns the sources of which the chain has more than the books, each with what to do: nothing of them is planned.
    """
    chain_id = await node.chain_id()
    if chain_id != terms.chain_id:
        raise FatalError(f"The node at {node.url} follows chain {chain_id}, the settings say {terms.chain_id}.")
    await check_code(terms, node)
    await check_role(terms, node)
    await _check_nonce(terms, node, store)
    async with store.read() as work:
        return {
            source.id: reason
            for source in await energy_sources(work)
            if source.approved_at is not None
            and (reason := await _ahead(work, source, await _on_chain(terms, node, source)))
        }


async def check_role(terms: SettlementTerms, node: EvmNode) -> None:
    """Raise FatalError unless the account may settle."""
    has_role = decode_bool(await node.eth_call(terms.issuer, encode_has_role(SETTLER_ROLE, terms.account)))
    if not has_role:
        raise FatalError(
            f"Account {terms.account} may not settle on {terms.issuer}: have the admin grant it SETTLER_ROLE."
        )


async def check_code(terms: SettlementTerms, node: EvmNode) -> None:
    """Raise FatalError unless the issuer's code is this release's, or the one that the settings name."""
    code = await node.code(terms.issuer)
    if not code:
        raise FatalError(
            f"There is no contract at {terms.issuer} on chain {terms.chain_id}. Is the issuer deployed there?"
        )
    found = "0x" + keccak(code).hex()
    if terms.code_hash is None and not load("EnergyIssuer").matches(code):
        raise FatalError(
            f"The contract at {terms.issuer} is not this release's EnergyIssuer. If it is an issuer that you trust, name "
            f"its code: SETTLEMENT_ISSUER_CODE_HASH={found}"
        )
    if terms.code_hash is not None and terms.code_hash != found:
        raise FatalError(
            f"The code at {terms.issuer} has the hash {found}, the settings expect {terms.code_hash}. Do not settle there "
            "before you know why."
        )


async def share_period_s(terms: SettlementTerms, node: EvmNode) -> int:
    """Seconds between two boundaries of the share tokens that the issuer follows. Raises FatalError where it follows none."""
    shares = "0x" + (await node.eth_call(terms.issuer, encode_shares()))[-20:].hex()
    if shares == ZERO_ADDRESS:
        raise FatalError(
            f"SETTLEMENT_FOLLOW_SHARE_TOKENS is on, but the issuer {terms.issuer} follows no share tokens: the share register "
            "is entered by people there. Turn it off."
        )
    return decode_uint(await node.eth_call(shares, encode_period()))


async def _check_nonce(terms: SettlementTerms, node: EvmNode, store: Store) -> None:
    chain_nonce = await node.nonce(terms.account)
    async with store.begin() as work:
        final = await highest_final_nonce(work, terms.chain_id, terms.account)
        if final is not None and chain_nonce <= final:
            raise NodeBehind(
                f"The node has {chain_nonce} transactions of {terms.account}, but number {final} is final here: it is "
                "still catching up, or it follows another chain."
            )
        await open_account(work, terms.chain_id, terms.account, chain_nonce)


async def _on_chain(terms: SettlementTerms, node: EvmNode, source: EnergySource) -> SourceState:
    return decode_source(await node.eth_call(terms.issuer, encode_source(bytes.fromhex(source.source_ref[2:]))))


async def _ahead(work: Work, source: EnergySource, state: SourceState) -> str | None:
    """Why a source must not be planned: the chain settled what these books do not know."""
    epoch = await newest_epoch(work, source.id)
    opening_wh, number = (source.opening_register_wh, 0) if epoch is None else (epoch.opening_register_wh, epoch.number)
    mined, reached_wh = await sent_for_source(work, source.id, number)
    known_wh = opening_wh if reached_wh is None else reached_wh
    if state.seq <= mined or state.register_wh <= known_wh:
        return None
    return (
        f"The chain has settled it up to {state.register_wh} Wh in {state.seq} settlements, these books know {mined} up to "
        f"{known_wh} Wh. Stop settlement and run `python -m settlement recover`."
    )

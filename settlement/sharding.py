"""Which account settles which source, where several signers share the work."""

from collections.abc import Sequence

from eth_utils.crypto import keccak

from community.identity.identities import EnergySource
from community.store.transactions import account_of_source
from community.store.unit_of_work import Work
from settlement.terms import SettlementTerms


def account_for(source_ref: str, accounts: Sequence[str]) -> str:
    """The account of a source by highest random weight: one more account takes sources over, and moves no others."""
    return max(accounts, key=lambda account: keccak(bytes.fromhex(account[2:]) + bytes.fromhex(source_ref[2:])))


async def is_of_account(work: Work, source: EnergySource, terms: SettlementTerms) -> bool:
    """Whether this process's account settles `source`.

    A source stays with the account that settled it before, so that its order holds and its signer knows its register;
    only when that account is gone from the settings does the hash decide anew.
    """
    before = await account_of_source(work, source.id)
    if before in terms.accounts:
        return before == terms.account
    return account_for(source.source_ref, terms.accounts) == terms.account

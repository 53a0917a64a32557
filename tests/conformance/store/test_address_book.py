"""The address book on both databases: indices given out once, addresses in two times, wallets linked once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from community.identity.coin_addresses import ROLE_OF_KIND, AccountRole, CoinAddress, CoinChain, HdAccount
from community.identity.derivation import account_path, address_path, derive_address
from community.identity.identities import IdentityKind, Member
from community.identity.wallet_links import Linked, LinkRefused, WalletChallenge, judge_link
from community.store import coin_addresses, identities, wallet_links
from community.store.unit_of_work import Store
from signer.hd_tree import mnemonic_of, xpub_at
from tests.support.anvil import DEVELOPMENT_ADDRESSES, DEVELOPMENT_KEYS
from tests.support.stores import new_postgres_url, opened
from tools.private_postgres import PrivatePostgres

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WORDS = mnemonic_of(bytes(range(32)))
ANNA, BERT = "member-anna", "member-bert"


async def found(store: Store) -> None:
    """Two members, and the signer's member accounts."""
    async with store.begin() as work:
        for member in (ANNA, BERT):
            await identities.add_member(work, Member(member, member.title()), NOW)
        for chain in CoinChain:
            path = account_path(chain, AccountRole.MEMBER)
            account = HdAccount(f"hda-{chain}", chain, AccountRole.MEMBER, path, xpub_at(WORDS, path))
            await coin_addresses.add_hd_account(work, account)


def derive(account: HdAccount, index: int) -> tuple[str, str]:
    return derive_address(account.xpub, account.chain, index), address_path(account.path, index)


async def give(store: Store, who: str, chain: CoinChain = CoinChain.EVM, at: datetime = NOW) -> CoinAddress:
    async with store.begin() as work:
        return await coin_addresses.give_address(work, who, chain, AccountRole.MEMBER, derive, at)


async def receiving(store: Store, at: datetime, known_at: datetime | None = None) -> dict[str, str]:
    async with store.read() as work:
        return await coin_addresses.receiving_addresses(work, [ANNA, BERT], at, known_at)


async def challenge(store: Store, who: str, wallet: int = 0, number: int = 1, at: datetime = NOW) -> WalletChallenge:
    issued = WalletChallenge.issue(who, DEVELOPMENT_ADDRESSES[wallet], 137, number.to_bytes(32, "big"), at)
    async with store.begin() as work:
        await wallet_links.add_challenge(work, issued)
    return issued


def answer(asked: WalletChallenge, wallet: int = 0) -> bytes:
    message = encode_typed_data(full_message=asked.typed_data())
    return bytes(Account.sign_message(message, DEVELOPMENT_KEYS[wallet]).signature)


async def link(store: Store, asked: WalletChallenge, signature: bytes, at: datetime = NOW) -> Linked | LinkRefused:
    async with store.begin() as work:
        return await wallet_links.link(work, asked.identity_id, asked.nonce, signature, at)


def test_every_kind_of_identity_has_an_account_to_derive_from() -> None:
    assert set(ROLE_OF_KIND) == set(IdentityKind)


async def test_an_identity_holds_several_addresses_on_several_chains(store: Store) -> None:
    await found(store)
    given = [await give(store, ANNA, chain) for chain in (*CoinChain, *CoinChain)]
    assert len({address.address for address in given}) == 4
    async with store.read() as work:
        for chain in CoinChain:
            held = await coin_addresses.addresses_at(work, chain, NOW)
            assert {address.address for address in held} == {each.address for each in given if each.chain is chain}


async def test_an_index_is_given_out_once_by_whoever_asks_at_once(postgres_server: PrivatePostgres) -> None:
    url = await new_postgres_url(postgres_server)
    async with opened(url) as one, opened(url) as other:
        await found(one)
        given = await asyncio.gather(*(give(store, who) for who in (ANNA, BERT) for store in (one, other) * 4))
    assert sorted(int(str(address.path).rsplit("/", 1)[1]) for address in given) == list(range(16))
    assert len({address.address for address in given}) == 16


async def test_a_given_index_is_spent_also_when_somebody_edits_the_books(store: Store) -> None:
    await found(store)
    await give(store, ANNA)
    for statement in (
        "DELETE FROM coin_address_event",
        "UPDATE coin_address_event SET holds = false, reason = 'unlinked'",
        "DELETE FROM coin_address",
        "UPDATE hd_account SET next_index = 0",
    ):
        with pytest.raises(DBAPIError):
            async with store.begin() as work:
                await work.session.execute(text(statement))


async def test_a_wallet_receives_from_its_link_to_its_end(store: Store) -> None:
    await found(store)
    derived = await give(store, ANNA, at=NOW - timedelta(days=1))
    asked = await challenge(store, ANNA)
    assert await link(store, asked, answer(asked)) == Linked(ANNA, DEVELOPMENT_ADDRESSES[0], NOW)
    later = NOW + timedelta(days=1)
    async with store.begin() as work:
        assert await wallet_links.unlink(work, ANNA, DEVELOPMENT_ADDRESSES[0], later)
        assert not await wallet_links.unlink(work, ANNA, DEVELOPMENT_ADDRESSES[0], later)
        assert not await wallet_links.unlink(work, BERT, DEVELOPMENT_ADDRESSES[0], later)
    seconds = {
        -1: derived.address,
        0: DEVELOPMENT_ADDRESSES[0],
        3600: DEVELOPMENT_ADDRESSES[0],
        86_400: derived.address,
    }
    for second, address in seconds.items():
        assert await receiving(store, NOW + timedelta(seconds=second)) == {ANNA: address}
    async with store.read() as work:
        proof = await wallet_links.proof_of(work, ANNA, DEVELOPMENT_ADDRESSES[0])
    assert proof is not None and isinstance(judge_link(*proof, NOW), Linked)


async def test_an_end_told_later_changes_no_earlier_audit(store: Store) -> None:
    await found(store)
    await give(store, ANNA, at=NOW)
    told = NOW + timedelta(days=7)
    second = await give(store, ANNA, at=NOW + timedelta(days=1))
    async with store.begin() as work:
        ended = NOW + timedelta(days=2)
        assert await coin_addresses.end_address(work, ANNA, CoinChain.EVM, second.address, ended, told)
    third_day = NOW + timedelta(days=3)
    assert (await receiving(store, third_day, told - timedelta(seconds=1)))[ANNA] == second.address
    assert (await receiving(store, third_day, told))[ANNA] != second.address
    assert (await receiving(store, third_day))[ANNA] != second.address


async def test_a_wallet_comes_back_with_a_new_proof(store: Store) -> None:
    await found(store)
    first = await challenge(store, ANNA)
    await link(store, first, answer(first))
    async with store.begin() as work:
        assert await wallet_links.unlink(work, ANNA, first.address, NOW + timedelta(hours=1))
    again = await challenge(store, ANNA, number=2, at=NOW + timedelta(hours=2))
    assert isinstance(await link(store, again, answer(again), NOW + timedelta(hours=2)), Linked)
    hours = {hour: (await receiving(store, NOW + timedelta(hours=hour))).get(ANNA) for hour in (0, 1, 2)}
    assert hours == {0: first.address, 1: None, 2: first.address}


async def test_a_challenge_is_used_once_by_its_own_identity(store: Store) -> None:
    await found(store)
    asked = await challenge(store, ANNA)
    async with store.begin() as work:
        stolen = await wallet_links.link(work, BERT, asked.nonce, answer(asked), NOW)
    assert isinstance(stolen, LinkRefused) and "no such challenge for you" in stolen.reason
    wrong = await link(store, asked, answer(asked, wallet=1))
    assert isinstance(wrong, LinkRefused) and "sign with the wallet" in wrong.reason
    late = await link(store, asked, answer(asked), NOW + timedelta(minutes=10))
    assert isinstance(late, LinkRefused) and "expired" in late.reason
    assert isinstance(await link(store, asked, answer(asked)), Linked)
    used = await link(store, asked, answer(asked))
    assert isinstance(used, LinkRefused) and "used already" in used.reason
    with pytest.raises(DBAPIError):
        async with store.begin() as work:
            await work.session.execute(text("UPDATE wallet_challenge SET used_at = NULL, signature = NULL"))


async def test_a_wallet_belongs_to_one_identity(store: Store) -> None:
    await found(store)
    first, own, other = [await challenge(store, who, number=n) for n, who in enumerate((ANNA, ANNA, BERT), 1)]
    await link(store, first, answer(first))
    for asked, whose in ((own, "yours already"), (other, "another identity's")):
        verdict = await link(store, asked, answer(asked))
        assert isinstance(verdict, LinkRefused) and whose in verdict.reason


async def test_of_two_answers_at_once_one_wins(postgres_server: PrivatePostgres) -> None:
    url = await new_postgres_url(postgres_server)
    async with opened(url) as one, opened(url) as other:
        await found(one)
        asked = await challenge(one, ANNA)
        verdicts = await asyncio.gather(*(link(store, asked, answer(asked)) for store in (one, other) * 2))
    assert sum(isinstance(verdict, Linked) for verdict in verdicts) == 1

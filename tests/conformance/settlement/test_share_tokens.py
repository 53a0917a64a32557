"""A source whose shares are tokens: settled by the old table up to the boundary, then by the one that anyone committed."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from community.clients.evm import EvmNode
from community.errors import FatalError
from community.identity.coin_addresses import CoinAddress, CoinChain
from community.identity.identities import Member
from community.identity.shares import Share, ShareTable
from community.minting.apportionment import apportion
from community.minting.issuances import IssuanceState
from community.runtime.system_clock import SystemClock
from community.store import coin_addresses, identities
from community.store import shares as share_register
from community.units import WattHours
from contracts.abi import MODE_DEVICE, SourceSetup, encode_configure
from contracts.deployment import ShareTokens
from contracts.shares import encode_create, encode_follow_shares, encode_safe_transfer, share_config
from indexer.decode import Contracts
from indexer.follow import Follower
from settlement.gate import share_period_s
from settlement.share_register import ShareFollower
from standalone.deploy import deploy
from tests.conformance.indexer.ledgers import catch_up
from tests.conformance.settlement.test_settles_on_a_real_chain import pass_and_mine
from tests.support.anvil import CHAIN_ID, DEVELOPMENT_ADDRESSES
from tests.support.plant_on_chain import HOLDERS, NAMEPLATE_W, OPENING_WH, SOURCE_REF, WEIGHTS
from tests.support.sending_device import NOON
from tests.support.settlement_world import SettlementWorld, settlement_world
from tests.support.stores import opened

pytestmark = pytest.mark.timeout(90)
QUARTER = timedelta(minutes=15)
BOUGHT = (400, 200, 400)


def at(world: SettlementWorld, quarters_after_noon: int) -> int:
    """Let the chain reach this quarter-hour; its instant."""
    instant = int((NOON + quarters_after_noon * QUARTER).timestamp())
    world.chain.rpc("evm_setNextBlockTimestamp", instant + 1)
    world.chain.mine()
    return instant


def give(world: SettlementWorld, tokens: str, sender: str, recipient: str, count: int) -> None:
    """A holder hands over shares."""
    world.chain.rpc("anvil_setBalance", sender, hex(10**18))
    world.chain.rpc("anvil_impersonateAccount", sender)
    data = encode_safe_transfer(sender, recipient, SOURCE_REF, count)
    world.chain.send({"from": sender, "to": tokens, "data": "0x" + data.hex()})


async def issue_by_tokens(world: SettlementWorld) -> str:
    """Contracts as `standalone` puts them on its chain, with share tokens; the plant's are sold and count from 20:15."""
    node = EvmNode(world.chain.url)
    deployed = await deploy(node, world.account, ShareTokens("https://example.org/{id}", 900))
    await node.close()
    tokens, issuer, world.token = deployed.shares, deployed.issuer, deployed.token
    treasury = HOLDERS[2]
    world.transact(tokens, encode_create(SOURCE_REF, sum(WEIGHTS), treasury))
    for holder, count in zip(HOLDERS[:2], WEIGHTS[:2], strict=True):
        give(world, tokens, treasury, holder, count)
    start = at(world, 33)
    setup = SourceSetup(
        SOURCE_REF, bytes.fromhex(world.device.eui), world.device.profile, 0, NAMEPLATE_W, OPENING_WH, start,
        MODE_DEVICE, world.config,
    )  # fmt: skip
    world.issuer = issuer
    world.transact(issuer, encode_configure(setup))
    world.registry["issuer"] = issuer
    world.registry["sources"][0]["share_tokens"] = sum(WEIGHTS)
    world.pin()
    return tokens


async def index(world: SettlementWorld, tokens: str) -> None:
    """What the indexer knows once everything so far is finalised."""
    world.chain.mine(70)
    node, contracts = EvmNode(world.chain.url), Contracts(world.token, world.issuer, tokens)
    async with opened(world.store_url) as store:
        follower = Follower(
            store, CHAIN_ID, contracts, now=SystemClock().now, reached=lambda _name: None, start_block=0
        )
        await catch_up(follower, node)
    await node.close()


def follow_by_anyone(world: SettlementWorld, held: dict[str, int]) -> None:
    """A stranger commits the one table that the tokens show."""
    table = share_config(world.config.key_x, world.config.key_y, held)
    data = "0x" + encode_follow_shares(SOURCE_REF, table).hex()
    world.chain.send({"from": DEVELOPMENT_ADDRESSES[1], "to": world.issuer, "data": data})


async def tables_of(world: SettlementWorld) -> list[ShareTable]:
    async with opened(world.store_url) as store, store.read() as work:
        return await share_register.share_tables(work, "plant")


async def test_the_register_follows_the_tokens_by_itself(tmp_path: Path) -> None:
    """From transfers to tables, without a person: planner, signer and contract agree; a stranger's wallet is named."""
    newcomer = "0x" + "d4" * 20
    async with settlement_world(tmp_path) as world:
        tokens = await issue_by_tokens(world)
        give(world, tokens, HOLDERS[2], HOLDERS[0], 100)
        give(world, tokens, HOLDERS[0], HOLDERS[1], 7)
        give(world, tokens, HOLDERS[1], HOLDERS[0], 7)
        at(world, 35)
        await world.add_readings((34, 1000), (35, 1600))
        await index(world, tokens)
        node = EvmNode(world.chain.url)
        period_s = await share_period_s(world.terms, node)
        await node.close()
        async with world.running() as plain:
            loop = replace(plain, followed=ShareFollower(plain.store, CHAIN_ID, period_s))
            await pass_and_mine(world, loop, 4)
            before, after = await tables_of(world)
            assert (before.valid_to, after.valid_from) == (NOON + 34 * QUARTER,) * 2
            assert {share.address: share.count for share in after.shares} == dict(zip(HOLDERS, BOUGHT, strict=True))
            assert [one.to_wh - OPENING_WH for one in await world.issuances()] == [1000], "the rest waits for the chain"
            follow_by_anyone(world, dict(zip(HOLDERS, BOUGHT, strict=True)))
        await world.settle_until(2)
        first, second = apportion(WattHours(1000), WEIGHTS), apportion(WattHours(600), BOUGHT)
        assert [world.balance(one) for one in HOLDERS] == [a + b for a, b in zip(first, second, strict=True)]

        give(world, tokens, HOLDERS[1], newcomer, 50)
        at(world, 37)
        await index(world, tokens)
        async with world.running() as plain:
            follower = ShareFollower(plain.store, CHAIN_ID, period_s)
            async with plain.store.read() as work:
                sources = await identities.energy_sources(work)
            now = SystemClock().now()
            (reason,) = (await follower.follow_all(sources, now)).values()
            assert newcomer in reason and "belongs to no member" in reason and len(await tables_of(world)) == 2
            async with plain.store.begin() as work:
                await identities.add_member(work, Member("member-d4", "Newcomer"), now)
                wallet = CoinAddress("member-d4", CoinChain.EVM, newcomer, None, NOON)
                await coin_addresses.add_address(work, wallet, "linked", now)
            assert await follower.follow_all(sources, now) == {} == await follower.follow_all(sources, now)
        newest = (await tables_of(world))[-1]
        counts = (400, 150, 400, 50)
        assert (newest.revision, newest.valid_from) == (3, NOON + 36 * QUARTER)
        assert [share.count for share in newest.shares] == list(counts) and newest.shares[-1].holder_id == "member-d4"


async def test_a_register_cannot_follow_tokens_that_the_issuer_does_not(tmp_path: Path) -> None:
    async with settlement_world(tmp_path, serve=False) as world:
        node = EvmNode(world.chain.url)
        with pytest.raises(FatalError, match="follows no share tokens"):
            await share_period_s(world.terms, node)
        await node.close()


async def test_what_is_bought_counts_from_the_boundary_and_nobody_has_to_approve_it(tmp_path: Path) -> None:
    async with settlement_world(tmp_path) as world:
        tokens = await issue_by_tokens(world)
        give(world, tokens, HOLDERS[2], HOLDERS[0], 100)
        at(world, 35)
        await world.add_readings((34, 1000), (35, 1600))
        table = share_config(world.config.key_x, world.config.key_y, dict(zip(HOLDERS, BOUGHT, strict=True)))
        held = tuple(
            Share(f"member-{holder[-2:]}", holder, count) for holder, count in zip(HOLDERS, BOUGHT, strict=True)
        )
        bought = ShareTable("shares-2", "plant", 2, sum(BOUGHT), held, "0x" + table.hash().hex(), NOON + 34 * QUARTER)
        async with opened(world.store_url) as store, store.begin() as work:
            await share_register.add_share_table(work, bought, "the share tokens", SystemClock().now())
        async with world.running() as loop:
            await pass_and_mine(world, loop, 4)
        assert [one.to_wh - OPENING_WH for one in await world.issuances()] == [1000], "the rest waits for the table"
        follow_by_anyone(world, dict(zip(HOLDERS, BOUGHT, strict=True)))
        found = await world.settle_until(2)
        assert [one.state for one in found] == [IssuanceState.FINAL] * 2
        first, second = apportion(WattHours(1000), WEIGHTS), apportion(WattHours(600), BOUGHT)
        assert [world.balance(holder) for holder in HOLDERS] == [
            one + two for one, two in zip(first, second, strict=True)
        ]

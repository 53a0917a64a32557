"""Command line of the indexer: `python -m indexer run | backfill | verify | reindex | status | reconcile …`."""

import argparse
import gc
import json
import sys
from collections.abc import Awaitable, Callable

import uvloop

from community.clients.evm import EvmNode
from community.errors import CommunityError, FatalError, RetryableError
from community.runtime.lifecycle import run_command, run_until_stopped
from community.runtime.logs import configure_logging
from community.runtime.system_clock import SystemClock
from community.store import balances, chain_index
from community.store.reindexing import building_place, swap_in
from community.store.unit_of_work import Store
from community.units import TokenAmount, kwh_text
from indexer import reading, reconcile_cli
from indexer.app import build, build_follower, build_reconciler
from indexer.compare import compare
from indexer.nodes import Nodes, check_node
from indexer.reconcile_cli import Surroundings
from indexer.settings import IndexerSettings, read_settings
from indexer.verify import verify

_ALLOCATIONS = 10_000
_SWITCH_S = 0.001
Command = Callable[[IndexerSettings, Store], Awaitable[None]]


class Disagreement(CommunityError):
    """The comparison was made and found differences: the command ends with exit code 1."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0 good, 1 not."""
    chosen = _parser().parse_args(arguments)
    configure_logging("indexer")
    if chosen.command == "run":
        return run_until_stopped(lambda: build(read_settings()), uvloop.new_event_loop)
    commands: dict[str, Command] = {"backfill": _backfill, "verify": _verify, "reindex": _reindex, "status": _status}
    if chosen.command == "verify" and chosen.against:
        commands["verify"] = _compare_command(chosen.against)
    if chosen.command == "reconcile":
        commands = {"reconcile": _reconcile_command(chosen)}
    return run_command(lambda: _with_store(commands[chosen.command]), uvloop.new_event_loop)


def _for_long_work() -> None:
    """Prepare the interpreter of a process of its own for following blocks while much is made and thrown away."""
    # what was imported stays: a collection that looks at all of it again would hold up a block for a tenth of a second;
    # and what a backfill makes by the hundred thousand has no cycles to look for
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS)
    # a backfill checks blocks in a thread: the loop must get its turn soon, or the database waits
    sys.setswitchinterval(_SWITCH_S)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m indexer", description="Follows the chain and reconciles the books."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="follow the chain and reconcile until stopped")
    commands.add_parser("backfill", help="index everything that is final, then end")
    verifying = commands.add_parser("verify", help="compare every balance and the supply with the chain")
    verifying.add_argument(
        "--against", metavar="DATABASE_URL", help="compare with another index instead, block by block"
    )
    commands.add_parser("reindex", help="build the index anew beside the one in use, then swap them")
    commands.add_parser("status", help="how far the index has come")
    reconcile_cli.add_arguments(commands.add_parser("reconcile", help="compare meters, issuances and chain"))
    return parser


async def _with_store(command: Command) -> None:
    settings = read_settings()
    store = Store.open(settings.database_url)
    try:
        await command(settings, store)
    finally:
        await store.close()


def _reconcile_command(chosen: argparse.Namespace) -> Command:
    async def command(settings: IndexerSettings, store: Store) -> None:
        async def with_node(task: Callable[[EvmNode], Awaitable[None]]) -> None:
            await _on_first_node(settings, task)

        clock = SystemClock()
        here = Surroundings(build_reconciler(settings, store, clock), clock, with_node)
        said = await reconcile_cli.answer(chosen, here)
        print(json.dumps(said.values, indent=2, ensure_ascii=False) if chosen.json else said.text)

    return command


async def _backfill(settings: IndexerSettings, store: Store) -> None:
    await _on_first_node(settings, lambda node: _index_final(settings, store, node))


async def _index_final(settings: IndexerSettings, store: Store, node: EvmNode) -> None:
    """Index everything that is final at `node`, and say so."""
    clock = SystemClock()
    follower = build_follower(settings, store, clock, Nodes([node]))
    began_at, before = clock.now(), await _position(settings, store)
    final = (await reading.heads(node)).finalised
    if final is None:
        raise FatalError("The chain node tells of no finalised block, which this command needs.")
    reached = before
    while reached < final.number:
        reached = (await follower.step(node)).checkpoint.finalised.number
    took_s = (clock.now() - began_at).total_seconds()
    print(f"Indexed {reached - before} blocks up to final block {reached} in {took_s:.2f} s.")


async def _reindex(settings: IndexerSettings, store: Store) -> None:
    async def anew(node: EvmNode) -> None:
        async with building_place(store, settings.database_url) as place:
            await _index_final(settings, place, node)
            await swap_in(store, settings.chain_id, SystemClock().now())
        print("The new index is in its place; a running indexer goes on from there.")

    await _on_first_node(settings, anew)


def _compare_command(other_url: str) -> Command:
    async def command(settings: IndexerSettings, store: Store) -> None:
        other = Store.open(other_url)
        try:
            found = await compare(store, other, settings.chain_id)
        finally:
            await other.close()
        if found.differs_at is not None:
            raise Disagreement(
                f"The two indexes agree up to block {found.agreed_upto} and differ from block {found.differs_at} on: look "
                "at the transfers and events of that block in both, and run `python -m indexer verify` on each."
            )
        print(f"The two indexes agree up to block {found.agreed_upto}.")

    return command


async def _position(settings: IndexerSettings, store: Store) -> int:
    async with store.read() as work:
        known = await chain_index.checkpoint(work, settings.chain_id)
    return 0 if known is None else known.finalised.number


async def _status(settings: IndexerSettings, store: Store) -> None:
    async with store.read() as work:
        known = await chain_index.checkpoint(work, settings.chain_id)
        supply = await balances.supply(work, settings.chain_id, settings.contracts.token)
    if known is None:
        print(f"Nothing is indexed yet of chain {settings.chain_id}.")
        return
    print(f"Chain {known.chain_id}, indexed from block {known.start_block} to {known.head.number} ({known.head.hash}).")
    print(
        f"Final up to block {known.finalised.number}; {known.behind} blocks behind the node at {known.updated_at:%c} UTC."
    )
    print(f"Supply {kwh_text(TokenAmount(supply.outstanding))} KWH.")


async def _on_first_node(settings: IndexerSettings, task: Callable[[EvmNode], Awaitable[None]]) -> None:
    """Do `task` with the first node that answers."""
    for place, url in enumerate(settings.rpc_urls, start=1):
        node = EvmNode(url, settings.rpc_timeout_ms / 1000)
        try:
            await check_node(node, settings.chain_id, settings.contracts)
            await task(node)
            return
        except RetryableError:
            if place == len(settings.rpc_urls):
                raise
        finally:
            await node.close()


async def _verify(settings: IndexerSettings, store: Store) -> None:
    async def compare(node: EvmNode) -> None:
        found = await verify(store, node, settings.chain_id, settings.contracts)
        print(f"Block {found.block.number} {found.block.hash}, digest of the index {found.digest}")
        print(f"{found.balances} balances, supply {kwh_text(TokenAmount(found.supply))} KWH")
        if found.differences:
            raise Disagreement("The index and the chain differ:\n" + "\n".join(f"  - {d}" for d in found.differences))
        print("The index and the chain agree to the unit.")

    await _on_first_node(settings, compare)


if __name__ == "__main__":
    _for_long_work()
    sys.exit(main())

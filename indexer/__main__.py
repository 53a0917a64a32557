"""Command line of the indexer: `python -m indexer run | verify | status | reconcile run | show | explain BREAK`."""

import argparse
import sys
from collections.abc import Awaitable, Callable

from community.clients.evm import EvmNode
from community.errors import CommunityError, RetryableError
from community.runtime.lifecycle import run_command, run_until_stopped
from community.runtime.logs import configure_logging
from community.runtime.system_clock import SystemClock
from community.store import chain_index, reconciliation, transfers
from community.store.reconciliation import RunSummary, StoredBreak
from community.store.unit_of_work import Store
from community.units import TokenAmount, kwh_text
from indexer.app import build, build_reconciler
from indexer.nodes import check_node
from indexer.settings import IndexerSettings, read_settings
from indexer.verify import verify

Command = Callable[[IndexerSettings, Store], Awaitable[None]]


class Disagreement(CommunityError):
    """The comparison was made and found differences: the command ends with exit code 1."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0 good, 1 not."""
    chosen = _parser().parse_args(arguments)
    configure_logging("indexer")
    if chosen.command == "run":
        return run_until_stopped(lambda: build(read_settings()))
    commands: dict[str, Command] = {"verify": _verify, "status": _status}
    if chosen.command == "reconcile":
        commands = {"reconcile": _reconcile_command(chosen)}
    return run_command(lambda: _with_store(commands[chosen.command]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m indexer", description="Follows the chain and reconciles the books."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="follow the chain and reconcile until stopped")
    commands.add_parser("verify", help="compare every balance and the supply with the chain")
    commands.add_parser("status", help="how far the index has come")
    actions = commands.add_parser("reconcile", help="compare meters, issuances and chain").add_subparsers(
        dest="action", required=True
    )
    actions.add_parser("run", help="compare now")
    actions.add_parser("show", help="the last run and the open breaks")
    explain = actions.add_parser("explain", help="what a break means, and its story")
    explain.add_argument("break_id", metavar="BREAK", help="id of the break, brk_…")
    return parser


async def _with_store(command: Command) -> None:
    settings = read_settings()
    store = Store.open(settings.database_url)
    try:
        await command(settings, store)
    finally:
        await store.close()


def _reconcile_command(chosen: argparse.Namespace) -> Command:
    match chosen.action:
        case "run":
            return _reconcile
        case "show":
            return _show
        case _:
            break_id: str = chosen.break_id

            async def explain(_settings: IndexerSettings, store: Store) -> None:
                await _explain(store, break_id)

            return explain


async def _status(settings: IndexerSettings, store: Store) -> None:
    async with store.read() as work:
        known = await chain_index.checkpoint(work, settings.chain_id)
        supply = await transfers.supply(work, settings.chain_id, settings.contracts.token)
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


async def _reconcile(settings: IndexerSettings, store: Store) -> None:
    async def compare(node: EvmNode) -> None:
        _print_run(await build_reconciler(settings, store, SystemClock()).run(node))

    await _on_first_node(settings, compare)
    await _print_breaks(store)


async def _show(_settings: IndexerSettings, store: Store) -> None:
    async with store.read() as work:
        run = await reconciliation.last_run(work)
    if run is None:
        print("No reconciliation has run yet. Run `python -m indexer reconcile run`.")
        return
    _print_run(run)
    await _print_breaks(store)


async def _explain(store: Store, break_id: str) -> None:
    async with store.read() as work:
        found = await reconciliation.break_by_id(work, break_id)
        history = [] if found is None else await reconciliation.history_of(work, found.kind, found.subject)
    if found is None:
        raise Disagreement(f"There is no break {break_id}. `python -m indexer reconcile show` lists the open ones.")
    _print_break(found)
    print(f"  expected: {found.expected or 'nothing in particular'}\n  found:    {found.found or 'nothing'}")
    if found.owner or found.disposition:
        print(f"  owner: {found.owner or 'nobody'}; disposition: {found.disposition or 'none'}")
    for one in history:
        end = "is open" if one.closed_at is None else f"closed {one.closed_at:%Y-%m-%d %H:%M:%S} UTC"
        print(f"  {one.id}: opened {one.opened_at:%Y-%m-%d %H:%M:%S} UTC, {end}")


def _print_run(run: RunSummary) -> None:
    print(f"Reconciled {run.started_at:%Y-%m-%d %H:%M:%S} UTC at final block {run.finalised.number} ({run.id})")
    print(f"  verified {run.verified_wh} Wh, in issuances {run.issued_wh} Wh, settled on chain {run.settled_wh} Wh")
    print(f"  supply {kwh_text(TokenAmount(run.supply))} KWH; {run.match_count} matches, {run.break_count} breaks")


async def _print_breaks(store: Store) -> None:
    async with store.read() as work:
        found = await reconciliation.open_breaks(work)
    for one in found:
        _print_break(one)
    if not found:
        print("No break is open: meters, issuances and chain agree.")


def _print_break(one: StoredBreak) -> None:
    print(f"{one.severity}: {one.kind} ({one.id}), open since {one.opened_at:%Y-%m-%d %H:%M} UTC\n  {one.detail}")


if __name__ == "__main__":
    sys.exit(main())

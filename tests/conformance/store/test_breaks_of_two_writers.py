"""A person notes something on a break while a run of the reconciliation closes it; and two runs at once."""

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from community.chain.blocks import BlockRef
from community.reconciliation.breaks import Break, BreakKind
from community.reconciliation.results import Outcome, Pending
from community.store import breaks, decisions, outbox, reconciliation
from community.store.tables.reconciling import BreakRow
from community.store.unit_of_work import Store
from tests.support.stores import new_postgres_url, opened, waiting_for_a_lock
from tools.private_postgres import PrivatePostgres

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
FOUND = Break(BreakKind.BALANCE_DIFFERS, "0x" + "aa" * 20, "The index says 1, the token 2.", expected="2", found="1")


def result(*found: Break) -> Outcome:
    return Outcome(found, Pending(), 0, 0, 0, 0, "00" * 32)


async def run(store: Store, minute: int, *found: Break) -> None:
    async with store.begin() as work:
        finalised = BlockRef(minute, f"0x{minute:064x}")
        await reconciliation.record_run(
            work, result(*found), (), finalised, 0, chain_id=1, now=NOW.replace(minute=minute)
        )


@pytest.mark.parametrize("closes", [True, False])
async def test_what_a_person_notes_while_a_run_closes_the_break_stays(
    postgres_server: PrivatePostgres, closes: bool
) -> None:
    url = await new_postgres_url(postgres_server)
    changed = Break(FOUND.kind, FOUND.subject, "The index says 1, the token 3.", expected="3", found="1")
    async with opened(url) as store:
        await run(store, 1, FOUND)
        async with store.read() as work:
            (known,) = await breaks.open_breaks(work)
        async with store.begin() as work:
            await decisions.dispose_break(work, known.id, "anna", "the node was behind", NOW)
            later = asyncio.create_task(run(store, 2, *([] if closes else [changed])))
            await waiting_for_a_lock(postgres_server, url)
            await outbox.announce(work, "break", known.id, NOW)
        await later
        async with store.read() as work:
            after = await breaks.break_by_id(work, known.id)
        assert after is not None and (after.owner, after.disposition) == ("anna", "the node was behind")
        assert (after.closed_at is not None) is closes


async def test_two_runs_at_once_open_a_break_once(store: Store) -> None:
    await asyncio.gather(*(run(store, minute, FOUND) for minute in range(1, 6)))
    async with store.read() as work:
        assert (await work.session.execute(select(func.count()).select_from(BreakRow))).scalar_one() == 1

"""Breaks over runs and people: owned, noted on, closed with a reason, opened anew when they change; never rewritten."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from community.chain.blocks import BlockRef
from community.reconciliation.breaks import Break, BreakKind
from community.reconciliation.results import Outcome, Pending
from community.store import breaks, reconciliation
from community.store.reconciliation import RunSummary
from community.store.stored_breaks import StoredBreak
from community.store.unit_of_work import Store

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
FOUND = Break(BreakKind.BALANCE_DIFFERS, "0x" + "aa" * 20, "The index says 1, the token 2.", expected="2", found="1")
CHANGED = Break(FOUND.kind, FOUND.subject, "The index says 1, the token 3.", expected="3", found="1")


async def run(store: Store, minute: int, *found: Break, undecided: tuple[BreakKind, ...] = ()) -> RunSummary:
    result = Outcome(found, Pending(), 0, 0, 0, 0, "00" * 32, undecided=undecided)
    async with store.begin() as work:
        block = BlockRef(minute, f"0x{minute:064x}")
        return await reconciliation.record_run(work, result, (), block, 0, chain_id=1, now=NOW.replace(minute=minute))


async def open_ones(store: Store) -> list[StoredBreak]:
    async with store.read() as work:
        return await breaks.open_breaks(work)


async def told(store: Store, break_id: str) -> list[tuple[str, str]]:
    async with store.read() as work:
        return [(entry.actor, entry.action) for entry in await breaks.story_of(work, break_id)]


async def test_a_story_from_opening_to_agreement(store: Store) -> None:
    await run(store, 1, FOUND)
    (found,) = await open_ones(store)
    async with store.begin() as work:
        assert await breaks.assign(work, found.id, "anna", "clara", NOW)
        assert await breaks.note(work, found.id, "The node lags, I asked another.", "anna", NOW)
        assert not await breaks.note(work, "brk_none", "?", "anna", NOW)
    await run(store, 2, CHANGED)
    await run(store, 3)
    assert await open_ones(store) == []
    assert await told(store, found.id) == [
        ("reconciliation", "opened"), ("clara", "assigned"), ("anna", "noted"), ("reconciliation", "changed"),
        ("reconciliation", "closed"),
    ]  # fmt: skip
    async with store.read() as work:
        after = await breaks.break_by_id(work, found.id)
    assert after is not None and (after.owner, after.closed_by) == ("anna", None)


async def test_what_a_person_closed_stays_closed_until_it_changes(store: Store) -> None:
    await run(store, 1, FOUND)
    (found,) = await open_ones(store)
    with pytest.raises(ValueError, match="for a reason"):
        async with store.begin() as work:
            await breaks.close(work, found.id, " ", "anna", NOW)
    async with store.begin() as work:
        assert await breaks.close(work, found.id, "A token sent before counting began.", "anna", NOW)
    async with store.begin() as work:
        assert not await breaks.close(work, found.id, "again", "anna", NOW)
    same = await run(store, 2, FOUND)
    assert (same.break_count, same.accepted_count) == (0, 1) and await open_ones(store) == []
    changed = await run(store, 3, CHANGED)
    assert (changed.break_count, changed.accepted_count) == (1, 0)
    (again,) = await open_ones(store)
    assert again.id != found.id and await told(store, again.id) == [("reconciliation", "reopened")]


async def test_a_run_that_could_not_ask_closes_nothing_that_only_an_answer_closes(store: Store) -> None:
    await run(store, 1, FOUND)
    await run(store, 2, undecided=(BreakKind.BALANCE_DIFFERS,))
    assert len(await open_ones(store)) == 1
    await run(store, 3)
    assert await open_ones(store) == []


async def test_a_story_is_never_rewritten(store: Store) -> None:
    await run(store, 1, FOUND)
    for command in ("UPDATE reconciliation_break_entry SET text = ''", "DELETE FROM reconciliation_break_entry"):
        with pytest.raises(DBAPIError, match="never"):
            async with store.begin() as work:
                await work.session.execute(text(command))

"""Who waits for news of the outbox is woken by the commit, by nothing less, and notices when nobody can wake it any more."""

import asyncio
from datetime import UTC, datetime

import pytest

from community.store import outbox
from community.store.outbox_signal import OutboxSignal, outbox_signal
from community.store.unit_of_work import Store, StoreUnavailable
from tests.support.stores import new_postgres_url, opened
from tools.private_postgres import PrivatePostgres

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LONG_S = 30.0
AT_ONCE_S = 0.0


async def _announce(store: Store, *subjects: str) -> None:
    async with store.begin() as work:
        for subject in subjects:
            await outbox.announce(work, "block", subject, NOW)
        await outbox.announce_all(work, "balance", subjects, NOW)


async def _announce_and_fail(store: Store) -> None:
    async with store.begin() as work:
        await outbox.announce(work, "block", "1", NOW)
        raise ZeroDivisionError


async def _told(signal: OutboxSignal) -> bool:
    async with asyncio.timeout(LONG_S):
        return await signal.next(LONG_S)


async def test_a_commit_wakes_who_waits_and_who_comes_later(store: Store) -> None:
    async with opened(store.engine.url.render_as_string(hide_password=False)) as writer, outbox_signal(store) as signal:
        waiting = asyncio.create_task(_told(signal))
        await _announce(writer, "1", "2")
        assert await waiting
        await _announce(writer, "3")
        assert await _told(signal)
        assert not await signal.next(AT_ONCE_S), "one unit of work is one piece of news"


async def test_what_is_rolled_back_was_never_announced(store: Store) -> None:
    async with opened(store.engine.url.render_as_string(hide_password=False)) as writer, outbox_signal(store) as signal:
        with pytest.raises(ZeroDivisionError):
            await _announce_and_fail(writer)
        assert not await signal.next(0.1)
        await _announce(writer, "2")
        assert await _told(signal)


async def test_two_who_listen_are_both_told(store: Store) -> None:
    async with outbox_signal(store) as one, outbox_signal(store) as other:
        await _announce(store, "1")
        assert await _told(one)
        assert await _told(other)


async def test_who_lost_its_line_notices_and_may_listen_again(postgres_server: PrivatePostgres) -> None:
    url = await new_postgres_url(postgres_server)
    async with opened(url) as store:
        async with outbox_signal(store) as signal:
            postgres_server.execute(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{url.rsplit('/', 1)[1]}'"
            )
            with pytest.raises(StoreUnavailable, match="was lost"):
                await _told(signal)
        async with outbox_signal(store) as signal:
            await _announce(store, "1")
            assert await _told(signal)

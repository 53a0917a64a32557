"""How long it takes from a block being mined until its rows are committed and whoever waits for them has noticed."""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import IO

from bench.index_chain.chain import CHAIN_ID, ROOT, BenchChain
from community.store import outbox
from community.store.outbox_signal import OutboxSignal, outbox_signal
from community.store.unit_of_work import Store

BLOCKS = 200
_PAUSE_S = 0.05
_LIMIT_S = 30.0
_WARM_UP = 5


class NeverNoticed(Exception):
    """A block was mined and nobody was told."""


def block_to_notice_ms(chain: BenchChain, database_url: str) -> float:
    """The 99th percentile over `BLOCKS` blocks, in milliseconds: mining asked for, until the outbox tells of the block.

    The indexer runs as its command line runs it, on a database that has the chain so far, and learns of heads by WebSocket.
    """
    with tempfile.TemporaryFile() as said:
        try:
            with _indexer(chain, database_url, said):
                times = sorted(asyncio.run(_measure(chain, database_url)))
        except NeverNoticed as error:
            said.seek(0)
            raise NeverNoticed(f"{error}. The indexer said:\n{said.read().decode(errors='replace')[-2000:]}") from error
    p50_ms, p99_ms = times[len(times) // 2], times[len(times) * 99 // 100]
    print(f"  block to notice: p50 {p50_ms:.0f} ms, p99 {p99_ms:.0f} ms, most {times[-1]:.0f} ms", flush=True)
    return p99_ms


@contextlib.contextmanager
def _indexer(chain: BenchChain, database_url: str, said: IO[bytes]) -> Iterator[None]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INDEXER_")} | {
        "INDEXER_DATABASE_URL": database_url,
        "INDEXER_RPC_URLS": chain.url,
        "INDEXER_HEAD_URLS": chain.url.replace("http://", "ws://"),
        "INDEXER_CHAIN_ID": str(CHAIN_ID),
        "INDEXER_TOKEN_ADDRESS": chain.token,
    }
    with subprocess.Popen(
        [sys.executable, "-m", "indexer", "run"], env=environment, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT
    ) as process:
        try:
            yield
        finally:
            process.terminate()


async def _measure(chain: BenchChain, database_url: str) -> list[float]:
    store = Store.open(database_url)
    try:
        times = []
        async with outbox_signal(store) as signal:
            for turn in range(_WARM_UP + BLOCKS):
                await asyncio.to_thread(chain.offer_transfers, turn, 3)
                began = time.perf_counter()
                await asyncio.to_thread(chain.rpc, "evm_mine")
                number = int(await asyncio.to_thread(chain.rpc, "eth_blockNumber"), 16)
                await _noticed(store, signal, number)
                if turn >= _WARM_UP:
                    times.append(1000 * (time.perf_counter() - began))
                await asyncio.sleep(_PAUSE_S)
        return times
    finally:
        await store.close()


async def _noticed(store: Store, signal: OutboxSignal, number: int) -> None:
    ends_at = time.monotonic() + _LIMIT_S
    while time.monotonic() < ends_at:
        async with store.read() as work:
            cursor = max(0, await outbox.latest_cursor(work) - 50)
            if any(
                (one.topic, one.subject) == ("block", str(number)) for one in await outbox.changes_after(work, cursor)
            ):
                return
        await signal.next(_LIMIT_S)
    raise NeverNoticed(f"block {number} was mined {_LIMIT_S} s ago and the outbox does not tell of it")

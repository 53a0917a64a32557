"""`make demo`: the whole system with a community of five, for a person to look at."""

import asyncio
import signal
import sys
import time
from pathlib import Path

from community.runtime.system_clock import SystemClock
from community.units import TokenAmount, kwh_text
from standalone.audit import Books
from standalone.layout import Facts, Layout, Ports
from standalone.system import System

SLOTS_PER_SECOND = 4.0
DEFAULT_PORT = 8000
_REPORT_S = 0.5

QUERIES = (
    "{ balances { member { name } final mintedNotFinal earnedNotYetMinted verifiedUntil } }",
    "{ settlements(first: 5) { nodes { mintedWh txHash } } reconciliation { verifiedWh issuedWh settledWh agrees } }",
)


class Progress:
    """Lines for a person: steps with their time, and one line that is rewritten while the days pass."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._live = sys.stdout.isatty()
        self._open_line = False

    def say(self, text: str) -> None:
        """One step."""
        self._end_line()
        print(f"  {time.monotonic() - self._began:5.1f} s  {text}", flush=True)

    def show(self, text: str) -> None:
        """The state of things, in place of the line before; only where somebody watches."""
        if self._live:
            print(f"\r\x1b[K  {text}", end="", flush=True)
            self._open_line = True

    def _end_line(self) -> None:
        if self._open_line:
            print(flush=True)
        self._open_line = False


def introduction(facts: Facts, page: int) -> str:
    """What a visitor needs: the address, the keys, two queries."""
    url = f"http://127.0.0.1:{page}/"
    first, second = QUERIES
    return f"""
  The page:      {url}#key={facts.operator_key}
  GraphQL:       {url}graphql   (GraphiQL in a browser; or POST with "Authorization: Bearer KEY")

  operator key   {facts.operator_key}
  auditor key    {facts.auditor_key}
  member key     {facts.member_key}   (Anna Auer)

  Two queries to paste:
    {first}
    {second}

  Device keys are in {facts.secure_element}. Ctrl-C stops everything; the next start goes on from here.
"""


def settled_count(books: Books) -> int:
    """Settlements that are in a block."""
    return books.number("SELECT count(*) FROM issuance WHERE state IN ('mined', 'final')")


def status_line(system: System, books: Books) -> str:
    """How far the days and the settlements are."""
    assert system.clock is not None
    now = system.clock.now()
    settled = settled_count(books)
    final = books.number("SELECT count(*) FROM issuance WHERE state = 'final'")
    supply = books.rows("SELECT minted FROM supply")
    minted = kwh_text(TokenAmount(int(supply[0][0]) if supply else 0))
    when = f"replaying {now:%a %d %b %H:%M} UTC" if system.clock.is_replaying else f"real time, {now:%H:%M:%S} UTC"
    return f"{when}   {settled} settlements mined, {final} final   {minted} KWH minted"


async def run_demo(root: Path, folder: Path, port: int, *, reset: bool) -> None:
    """Run until SIGINT or SIGTERM. Raises FatalError with one clear sentence."""
    progress = Progress()
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    layout = Layout(root, folder)
    system = System(layout, Ports.free(port), progress.say, SLOTS_PER_SECOND, reset=reset)
    print("Starting the energy community on this machine.")
    try:
        starting = asyncio.create_task(system.start())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if stop.is_set() and not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            return
        facts = await starting
        print(introduction(facts, system.ports.page), flush=True)
        await _watch(system, progress, stop)
    finally:
        progress.say("stopping")
        await system.stop()
        progress.say(f"stopped at {SystemClock().now():%H:%M:%S} UTC; everything is kept in {folder}")


async def _watch(system: System, progress: Progress, stop: asyncio.Event) -> None:
    books = Books(system.layout.database)
    replaying = True
    first_token = await asyncio.to_thread(settled_count, books) > 0
    while not stop.is_set():
        system.require_healthy()
        line = await asyncio.to_thread(status_line, system, books)
        progress.show(line)
        if not first_token and await asyncio.to_thread(settled_count, books) > 0:
            first_token = True
            progress.say("the first tokens are minted: watch the balances move")
        if replaying and system.clock is not None and not system.clock.is_replaying:
            replaying = False
            await system.slow_down_chain()
            progress.say("the replay has reached the present; from now on in real time")
        try:
            async with asyncio.timeout(_REPORT_S):
                await stop.wait()
        except TimeoutError:
            continue

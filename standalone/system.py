"""The whole system on one machine: what is started, in which order, and how it stops."""

import asyncio
import fcntl
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from typing import IO

from community.clients.evm import EvmNode
from community.clock import slot_at, slot_start
from community.errors import FatalError, RetryableError
from community.runtime.system_clock import SystemClock
from community.store.schema import migrate
from contracts import artifacts
from standalone import commands
from standalone.anvil import CHAIN_ID
from standalone.audit import Books
from standalone.founding import found_community
from standalone.gateways import write_configuration
from standalone.households import SITES
from standalone.layout import Facts, Layout, Ports
from standalone.processes import Command, Processes, wait_for_port
from standalone.replay import ReplayDriver, last_spooled_slot
from standalone.replay_clock import ReplayClock

START_TIMEOUT_S = 120.0
REAL_TIME_BLOCK_S = 3
FREE_SPACE_BYTES = 300 * 1024 * 1024
Say = Callable[[str], None]


class System:
    """One running system. `start` brings it up, `stop` takes it down in order; both may be called once."""

    def __init__(self, layout: Layout, ports: Ports, say: Say, slots_per_second: float, *, reset: bool = False) -> None:
        self.layout = layout
        self.ports = ports
        self._say = say
        self._slots_per_second = slots_per_second
        self._reset = reset
        self.processes = Processes(layout.logs, layout.root)
        self.facts: Facts | None = None
        self._driver: asyncio.Task[None] | None = None
        self._driver_stop = asyncio.Event()
        self.clock: ReplayClock | None = None
        self._lock: IO[bytes] | None = None
        self.exit_codes: dict[str, int] = {}
        """Of each process, once everything was stopped."""

    @property
    def node_url(self) -> str:
        """The chain's JSON-RPC address."""
        return f"http://127.0.0.1:{self.ports.chain}"

    async def start(self) -> Facts:
        """Found the community where it is new, then start every process and the replay. Raises FatalError."""
        require_space(self.layout)
        self._lock = lock_folder(self.layout)
        facts = None if self._reset else Facts.load(self.layout.facts)
        if facts is None:
            _empty(self.layout)
        await self.start_servers()
        node = EvmNode(self.node_url)
        try:
            if facts is None:
                facts = await found_community(self.layout, node, self._say)
            await require_chain(node, facts)
        finally:
            await node.close()
        await migrate(self.layout.database_url)  # the books of an earlier version go on in this one
        self.facts = facts
        self.configure_gateways()
        self.clock = ReplayClock.create(self.layout.clock, self._resume_at(facts))
        self._say("signer, ingest, settlement, indexer, API, meters and gateways")
        for command in (
            *self.backend(facts),
            *commands.meters(self.layout, self.ports, facts),
            *commands.agents(self.layout),
        ):
            await self.processes.start(command)
        await wait_for_port(self.ports.page, "The API", self.processes, START_TIMEOUT_S)
        spools = [self.layout.spool(site.key) for site in SITES]
        driver = ReplayDriver(self.clock, spools, self._slots_per_second)
        self._driver = asyncio.create_task(driver.run(self._driver_stop), name="replay")
        return facts

    async def start_servers(self) -> None:
        """What everything else needs: the chain and the broker."""
        self._say("chain and broker")
        await self.processes.start(commands.chain(self.layout, self.ports))
        await self.processes.start(commands.broker(self.ports))
        await wait_for_port(self.ports.chain, "The chain node", self.processes, START_TIMEOUT_S)
        await wait_for_port(self.ports.broker, "The MQTT broker", self.processes, START_TIMEOUT_S)

    def configure_gateways(self) -> None:
        """Write each gateway agent's configuration for the ports of this start."""
        for site in SITES:
            write_configuration(self.layout, site, self.ports)

    def backend(self, facts: Facts) -> list[Command]:
        """The backend's processes, in the order in which they are started."""
        return commands.backend(self.layout, self.ports, facts)

    def books(self) -> Books:
        """The database as an auditor reads it."""
        return Books(self.layout.database)

    def _resume_at(self, facts: Facts) -> datetime:
        """The boundary after the last one that every gateway has, or the beginning."""
        newest = [last_spooled_slot(self.layout.spool(site.key)) for site in SITES]
        slots = [slot for slot in newest if slot is not None]
        if len(slots) < len(SITES):
            return datetime.fromtimestamp(facts.replay_start, UTC)
        return min(slot_start(min(slots) + 1), slot_start(slot_at(SystemClock().now())))

    async def slow_down_chain(self) -> None:
        """Let blocks come more slowly: in real time one settlement a quarter-hour needs no block a second."""
        node = EvmNode(self.node_url)
        try:
            await node.call("evm_setIntervalMining", REAL_TIME_BLOCK_S)
        finally:
            await node.close()

    async def hold_time(self) -> None:
        """Stop the replay where it is, so that the day stands still."""
        self._driver_stop.set()
        if self._driver is not None:
            await self._driver

    def require_healthy(self) -> None:
        """Raise what went wrong in a process or in the replay."""
        self.processes.require_running()
        if self._driver is not None and self._driver.done():
            self._driver.result()

    async def stop(self) -> None:
        """Stop everything, the last started first."""
        await self.hold_time()
        self.exit_codes = await self.processes.stop()
        if self.clock is not None:
            self.clock.close()
        if self._lock is not None:
            self._lock.close()


def _empty(layout: Layout) -> None:
    """Remove everything of an earlier demo, or what an interrupted set-up left."""
    for entry in layout.folder.iterdir():
        if entry != layout.lock:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def require_space(layout: Layout) -> None:
    """Make the folder, and raise FatalError if it cannot be written or the disk is nearly full."""
    try:
        layout.folder.mkdir(parents=True, exist_ok=True)
        probe = layout.folder / "probe"
        probe.write_bytes(bytes(4096))
        probe.unlink()
    except OSError as error:
        raise FatalError(f"{layout.folder} cannot be written: {error.strerror}.") from error
    free = shutil.disk_usage(layout.folder).free
    if free < FREE_SPACE_BYTES:
        raise FatalError(
            f"The disk under {layout.folder} has {free // 2**20} MiB left, {FREE_SPACE_BYTES // 2**20} are needed: free some."
        )


def lock_folder(layout: Layout) -> IO[bytes]:
    """Hold the folder for this process. Raises FatalError if another demo runs in it."""
    file = layout.lock.open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise FatalError(
            f"A demo is already running in {layout.folder}: stop it first (Ctrl-C where it runs)."
        ) from error
    return file


async def require_chain(node: EvmNode, facts: Facts) -> None:
    """Raise FatalError unless the node's chain is the one this folder was founded on."""
    try:
        known = await node.chain_id() == CHAIN_ID
        token, issuer = await node.code(facts.token), await node.code(facts.issuer)
    except RetryableError as error:
        raise FatalError(f"The chain node does not answer: {error}") from error
    if not (known and token and issuer):
        raise FatalError(
            "The local chain has lost its contracts (was it killed before it wrote its state?). "
            "Begin anew with: make demo RESET=1"
        )
    if not (artifacts.load("KwhToken").matches(token) and artifacts.load("EnergyIssuer").matches(issuer)):
        raise FatalError(
            "The contracts on this demo's chain are those of another version of this program, and contracts do not change. "
            "Begin anew with: make demo RESET=1"
        )

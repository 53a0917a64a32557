"""Law: however messages arrive, the books are those of the clean run.

A state machine sends, repeats, loses and sends again, seals anew, groups, and restarts the process between any two of
these; at the end everything that was lost is sent again, as a device does that was not acknowledged.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from sqlalchemy import text

from community.attestation.device_message import DeviceMessage
from community.attestation.statement import SlotReading
from community.store.unit_of_work import Store
from tests.conformance.ingest.intakes import RunningIntake, running_intake
from tests.support.sending_device import NOON_SLOT, SendingDevice, register
from tests.support.stores import new_sqlite_url

SIZES = (1, 1, 3, 1, 2, 4, 1, 1)
"""Readings of each statement of a device; between the third and the fourth two quarter-hours are missing."""
PARTS = {
    "measurement": "SELECT id, register_id, installation_id, at, register_wh, off_s, status, statement_digest, leaf_index,"
    " hex(leaf_input), hex(leaf_path), derivation FROM measurement ORDER BY 1",
    "interval": "SELECT metering_point_id, starts_at, revision, energy_wh, quality, from_measurement_id,"
    " to_measurement_id, derivation FROM interval_energy ORDER BY 1, 2, 3",
    "gap": "SELECT metering_point_id, starts_at, ends_at, energy_wh FROM gap WHERE state = 'open' ORDER BY 1, 2",
    "statement": "SELECT digest, device_key_id, ctr, first_at, span, reading_count, hex(leaves) FROM statement ORDER BY 1",
    "quarantine": "SELECT reason, detail FROM quarantine ORDER BY 1, 2",
}


class World:
    """Two devices and what they sign, made once; and the books of the clean run."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="arrivals-")
        self.devices = [SendingDevice(eui=f"70b3d57ed00000{number:02x}") for number in range(2)]
        self.messages: list[tuple[int, DeviceMessage]] = []
        for number, device in enumerate(self.devices):
            slot, wh = NOON_SLOT, 1000
            for place, size in enumerate(SIZES):
                readings = [SlotReading(slot + at, 2, 1, (wh + 7 * at,)) for at in range(size)]
                self.messages.append((number, device.sign(readings)))
                slot, wh = slot + size + 2 * (place == 2), wh + 7 * size + 20
        self.sealed = [self.devices[number].seal(message) for number, message in self.messages]
        self.template = asyncio.run(self._registered())
        self.clean = asyncio.run(self._clean_run())

    async def _registered(self) -> Path:
        url = await new_sqlite_url(Path(self.folder.name), "template.db")
        store = Store.open(url)
        for number, device in enumerate(self.devices):
            await register(store, device, name=f"plant{number}")
        async with store.begin() as work:
            await work.session.execute(text("SELECT 1"))
        await store.close()
        return Path(url.removeprefix("sqlite:///"))

    async def _clean_run(self) -> dict[str, list[tuple[Any, ...]]]:
        store = Store.open(self.fresh("clean"))
        async with running_intake(store) as intake:
            for (number, _), payload in zip(self.messages, self.sealed, strict=True):
                assert (await intake.send(payload, self.devices[number].eui)).verdict == "admitted"
        books = await books_of(store)
        await store.close()
        return books

    def fresh(self, name: str) -> str:
        """The URL of books in which the devices are registered and nothing else stands."""
        path = Path(self.folder.name) / f"{name}.db"
        for end in ("", "-wal", "-shm"):
            Path(f"{path}{end}").unlink(missing_ok=True)
            if Path(f"{self.template}{end}").exists():
                shutil.copyfile(f"{self.template}{end}", f"{path}{end}")
        return f"sqlite:///{path}"


async def books_of(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    async with store.read() as work:
        return {name: [tuple(row) for row in await work.session.execute(text(sql))] for name, sql in PARTS.items()}


@cache
def world() -> World:
    return World()


class Arrivals(RuleBasedStateMachine):
    """What reaches ingest, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.world = world()
        self.url = self.world.fresh("arrivals")
        self.missing = set(range(len(self.world.messages)))
        self.counters = [1000, 1000]

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        self.runner.run(work)

    @initialize()
    def start(self) -> None:
        self._do(self._open())

    async def _open(self) -> None:
        self.stack = AsyncExitStack()
        self.store = Store.open(self.url)
        self.stack.push_async_callback(self.store.close)
        self.intake: RunningIntake = await self.stack.enter_async_context(running_intake(self.store))

    @rule(numbers=st.lists(st.integers(0, 2 * len(SIZES) - 1), min_size=1, max_size=6))
    def arrive_together(self, numbers: list[int]) -> None:
        """Some messages, new or known, in one batch."""
        self._do(self._send([(number, self.world.sealed[number]) for number in numbers]))

    @rule(number=st.integers(0, 2 * len(SIZES) - 1))
    def sent_again_with_a_new_seal(self, number: int) -> None:
        """The device was not acknowledged and sends the same statement in a new message."""
        device, message = self.world.messages[number]
        self.counters[device] += 1
        sealed = self.world.devices[device].seal(message, self.counters[device])
        self._do(self._send([(number, sealed)]))

    @rule(number=st.integers(0, 2 * len(SIZES) - 1))
    def lost_by_a_stop(self, number: int) -> None:
        """A message that waits when the process stops is not taken in; the process starts anew."""
        self._do(self._stop_with(number))

    @rule()
    def restart(self) -> None:
        self._do(self._restart())

    async def _restart(self) -> None:
        await self.stack.aclose()
        await self._open()

    async def _stop_with(self, number: int) -> None:
        device, _ = self.world.messages[number]
        eui = self.world.devices[device].eui
        waiting = asyncio.create_task(self.intake.send(self.world.sealed[number], eui))
        await asyncio.sleep(0)
        await self._restart()
        outcome = await asyncio.gather(waiting, return_exceptions=True)
        if not isinstance(outcome[0], BaseException):
            self.missing.discard(number)

    async def _send(self, sent: list[tuple[int, bytes]]) -> None:
        euis = [self.world.devices[self.world.messages[number][0]].eui for number, _ in sent]
        outcomes = await asyncio.gather(
            *(self.intake.send(payload, eui) for (_, payload), eui in zip(sent, euis, strict=True))
        )
        assert {outcome.verdict for outcome in outcomes} <= {"admitted", "duplicate"}
        self.missing -= {number for number, _ in sent}

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self._do(self._finish())
        self.runner.close()

    async def _finish(self) -> None:
        """What never arrived is sent again, newest first; then the books are those of the clean run."""
        for number in sorted(self.missing, reverse=True):
            await self._send([(number, self.world.sealed[number])])
        books = await books_of(self.store)
        await self.stack.aclose()
        assert books == self.world.clean


Arrivals.TestCase.settings = settings(
    max_examples=8, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestArrivals = Arrivals.TestCase

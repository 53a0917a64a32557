"""Telling devices what is stored for good: they keep their statements until they are told (wire-format 2.5).

Sent after commit, over the device broker, as a sealed message with its own counter. A lost acknowledgement costs
nothing: the device sends again, that is a duplicate, and it is acknowledged anew.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from community.attestation.device_message import BackendMessage, encode_down
from community.attestation.sealing import Direction, seal_message
from community.errors import RetryableError
from community.runtime.lifecycle import wait_or_stop
from community.store import frames, statements
from community.store.unit_of_work import Store
from ingest.outcomes import Outcome

log = structlog.get_logger(__name__)

COUNTER_BLOCK = 64
ROUND_PAUSE_S = 0.1
LOAD_SHARE = 9
"""After a round of so many seconds it rests for so many times as long: under load receiving comes first, and what a
device sent meanwhile is acknowledged at once."""
AT_ONCE = 16
"""Below the Receive Maximum of a broker with default settings."""


@dataclass(frozen=True, slots=True)
class _Due:
    device_id: str
    eui: str
    secret: bytes
    keyno: int
    generation: int


class Acknowledgements:
    """Collects which devices are due an acknowledgement and sends each the highest counter stored without a hole.

    `send_down(eui, sealed)` publishes; where it fails the device's resending brings the next occasion.
    """

    def __init__(self, store: Store, send_down: Callable[[str, bytes], Awaitable[None]]) -> None:
        self._store = store
        self._send_down = send_down
        self._due: dict[str, _Due] = {}
        self._wake = asyncio.Event()
        self._stored_to: dict[tuple[str, int], int] = {}
        self._counters: dict[tuple[str, int], list[int]] = {}
        self.sent = 0

    async def committed(self, outcomes: list[Outcome]) -> None:
        """Note the devices of a committed batch; several of one device become one acknowledgement."""
        for outcome in outcomes:
            device = outcome.device
            if device is None or device.secret is None or outcome.acknowledge is None:
                continue
            self._due[device.id] = _Due(device.id, device.eui, device.secret, outcome.acknowledge, outcome.generation)
            self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`."""
        loop = asyncio.get_running_loop()
        halted = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                woken = asyncio.create_task(self._wake.wait())
                await asyncio.wait((woken, halted), return_when=asyncio.FIRST_COMPLETED)
                woken.cancel()
                self._wake.clear()
                due, self._due = self._due, {}
                begun = loop.time()
                await self._round(list(due.values()), stop)
                await wait_or_stop(stop, max(ROUND_PAUSE_S, LOAD_SHARE * (loop.time() - begun)))
        finally:
            halted.cancel()

    async def _round(self, due: list[_Due], stop: asyncio.Event) -> None:
        try:
            stored_to = await self._stored_without_hole(due)
            told = [one for one in due if (one.device_id, one.keyno) in stored_to]
            await self._reserve_counters(told)
        except RetryableError as error:
            log.warning("acknowledgements_not_sent", devices=len(due), reason=str(error))
            return
        for begin in range(0, len(told), AT_ONCE):
            if stop.is_set():
                return
            some = told[begin : begin + AT_ONCE]
            await asyncio.gather(*(self._tell(one, stored_to[one.device_id, one.keyno]) for one in some))

    async def _tell(self, due: _Due, acked: int) -> None:
        counter = self._counters[due.device_id, due.generation].pop()
        plaintext = encode_down(BackendMessage(acked_ctr=acked))
        eui = bytes.fromhex(due.eui)
        sealed = seal_message(due.secret, eui, due.generation, Direction.DOWN, counter, plaintext)
        try:
            await self._send_down(due.eui, sealed)
        except RetryableError as error:
            log.warning("acknowledgement_not_sent", device=due.eui, reason=str(error))
            return
        self.sent += 1
        log.debug("statements_acknowledged", device=due.eui, ctr=acked)

    async def _stored_without_hole(self, due: list[_Due]) -> dict[tuple[str, int], int]:
        keys = [(one.device_id, one.keyno) for one in due]
        known = [(*key, self._stored_to.get(key)) for key in keys]
        async with self._store.read() as work:
            stored_to = await statements.contiguous_counters(work, known)
        self._stored_to |= stored_to
        return stored_to

    async def _reserve_counters(self, due: list[_Due]) -> None:
        keys = {(one.device_id, one.generation) for one in due}
        missing = sorted(key for key in keys if not self._counters.get(key))
        if not missing:
            return
        async with self._store.begin() as work:
            await frames.lock_intake(work)
            blocks = await frames.reserve_down_blocks(work, missing, COUNTER_BLOCK)
        for key, block in blocks.items():  # only now: a counter is used after its reservation is on disk
            self._counters[key] = list(reversed(block))

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
from community.store import frames, statements
from community.store.unit_of_work import Store
from ingest.outcomes import Outcome

log = structlog.get_logger(__name__)

COUNTER_BLOCK = 64


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
        halted = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                woken = asyncio.create_task(self._wake.wait())
                await asyncio.wait((woken, halted), return_when=asyncio.FIRST_COMPLETED)
                woken.cancel()
                self._wake.clear()
                due, self._due = self._due, {}
                for one in due.values():
                    if stop.is_set():
                        return
                    await self._acknowledge(one)
        finally:
            halted.cancel()

    async def _acknowledge(self, due: _Due) -> None:
        try:
            acked = await self._stored_without_hole(due)
            if acked is None:
                return
            counter = await self._next_counter(due)
            plaintext = encode_down(BackendMessage(acked_ctr=acked))
            eui = bytes.fromhex(due.eui)
            sealed = seal_message(due.secret, eui, due.generation, Direction.DOWN, counter, plaintext)
            await self._send_down(due.eui, sealed)
            self.sent += 1
            log.debug("statements_acknowledged", device=due.eui, ctr=acked)
        except RetryableError as error:
            log.warning("acknowledgement_not_sent", device=due.eui, reason=str(error))

    async def _stored_without_hole(self, due: _Due) -> int | None:
        key = (due.device_id, due.keyno)
        async with self._store.read() as work:
            stored_to = await statements.contiguous_counter(work, *key, known=self._stored_to.get(key))
        if stored_to is not None:
            self._stored_to[key] = stored_to
        return stored_to

    async def _next_counter(self, due: _Due) -> int:
        key = (due.device_id, due.generation)
        left = self._counters.setdefault(key, [])
        if not left:
            async with self._store.begin() as work:
                await frames.lock_intake(work)
                block = await frames.reserve_down_counters(work, *key, COUNTER_BLOCK)
            left.extend(reversed(block))  # only now: a counter is used after its reservation is on disk
        return left.pop()

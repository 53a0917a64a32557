"""Group commit: uplinks that wait are judged and stored together, and each is answered after the commit.

One task writes. A frame that fails alone is undone alone and kept with the failure as its reason. While the database
is away nothing is answered, so nothing is acknowledged, and everything is tried again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from community.attestation.reasons import Reason
from community.clock import Clock
from community.errors import RetryableError
from community.runtime.lifecycle import wait_or_stop
from community.store import frames, outbox
from community.store.devices import DeviceFile
from community.store.frames import Frame
from community.store.quarantine import Refusal, quarantine
from community.store.savepoints import savepoint
from community.store.unit_of_work import Store, StoreUnavailable, Work
from ingest.judging import Judge
from ingest.outcomes import Outcome
from ingest.uplinks import Uplink

log = structlog.get_logger(__name__)

BATCH_MAX = 256
WAITING_MAX = 4096
RETRY_DELAYS_S = (0.1, 0.5, 2.0, 5.0, 15.0)


class NotTakenIn(RetryableError):
    """This uplink could not be stored although the database answers. It stays unacknowledged."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    uplink: Uplink
    answer: "asyncio.Future[Outcome]"


@dataclass(slots=True)
class IntakeCounts:
    """How many uplinks got which verdict since the start, for the health log."""

    admitted: int = 0
    duplicate: int = 0
    rejected: int = 0
    quarantined: int = 0
    readings_refused: int = 0
    batches: int = 0

    def add(self, outcomes: list[Outcome]) -> None:
        self.batches += 1
        for outcome in outcomes:
            setattr(self, outcome.verdict, getattr(self, outcome.verdict) + 1)
            self.readings_refused += outcome.readings_refused


class Intake:
    """The one writer of frames. `committed` is told the outcomes of each batch after its commit."""

    def __init__(
        self,
        store: Store,
        judge: Judge,
        clock: Clock,
        committed: Callable[[list[Outcome]], Awaitable[None]] | None = None,
    ) -> None:
        self._store = store
        self._judge = judge
        self._clock = clock
        self._committed = committed
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(WAITING_MAX)
        self.counts = IntakeCounts()

    async def take_in(self, uplink: Uplink) -> Outcome:
        """Judge one uplink and record the verdict; returns after the commit. Raises NotTakenIn. Safe to repeat."""
        waiting = _Waiting(uplink, asyncio.get_running_loop().create_future())
        await self._queue.put(waiting)
        return await waiting.answer

    async def run(self, stop: asyncio.Event) -> None:
        """Write until `stop`. What still waits then is given up unacknowledged: its source delivers it again."""
        halted = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                next_one = asyncio.create_task(self._queue.get())
                await asyncio.wait((next_one, halted), return_when=asyncio.FIRST_COMPLETED)
                if not next_one.done():
                    next_one.cancel()
                    return
                batch = [next_one.result()]
                while len(batch) < BATCH_MAX and not self._queue.empty():
                    batch.append(self._queue.get_nowait())
                await self._write(batch, stop)
        finally:
            halted.cancel()
            while not self._queue.empty():
                self._queue.get_nowait().answer.cancel()

    async def _write(self, batch: list[_Waiting], stop: asyncio.Event) -> None:
        failures = 0
        while not stop.is_set():
            try:
                outcomes = await self._commit([waiting.uplink for waiting in batch])
            except StoreUnavailable as error:
                delay_s = RETRY_DELAYS_S[min(failures, len(RETRY_DELAYS_S) - 1)]
                failures += 1
                log.warning("store_unavailable", reason=str(error), waiting=len(batch), retry_s=delay_s)
                await wait_or_stop(stop, delay_s)
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not stop the uplinks after it
                await self._divide(batch, error, stop)
                return
            else:
                await self._answer(batch, outcomes)
                return
        for waiting in batch:
            waiting.answer.cancel()

    async def _divide(self, batch: list[_Waiting], error: Exception, stop: asyncio.Event) -> None:
        """A batch that fails as a whole is tried one by one, so that one uplink cannot stop the others."""
        if len(batch) == 1:
            log.error("uplink_not_taken_in", digest=batch[0].uplink.digest, exc_info=error)
            if not batch[0].answer.done():
                batch[0].answer.set_exception(NotTakenIn(f"The uplink could not be stored: {error}"))
            return
        for waiting in batch:
            await self._write([waiting], stop)

    async def _commit(self, uplinks: list[Uplink]) -> list[Outcome]:
        async with self._store.begin() as work:
            await frames.lock_intake(work)
            on_file: dict[str, DeviceFile | None] = {}
            outcomes = [await self._take_in_one(work, uplink, on_file) for uplink in uplinks]
            for point in sorted(set().union(*(outcome.metering_points for outcome in outcomes))):
                await outbox.announce(work, "measurement", point, self._clock.now())
        return outcomes

    async def _take_in_one(self, work: Work, uplink: Uplink, on_file: dict[str, DeviceFile | None]) -> Outcome:
        try:
            async with savepoint(work):
                return await self._judge.take_in(work, uplink, self._clock.now(), on_file)
        except StoreUnavailable:
            raise
        except Exception as error:
            log.exception("uplink_failed", digest=uplink.digest, source=uplink.source)
            return await self._keep_failed(work, uplink, error)

    async def _keep_failed(self, work: Work, uplink: Uplink, error: Exception) -> Outcome:
        now = self._clock.now()
        earlier = await frames.verdict_of(work, uplink.digest)
        if earlier is None:
            frame = Frame(
                uplink.digest, uplink.source, uplink.device_eui, uplink.payload, uplink.envelope, uplink.received_at
            )
            await frames.keep_frame(work, frame, "quarantined")
        refusal = Refusal(Reason.INTAKE_FAILED, f"{type(error).__name__}: {error}"[:500])
        await quarantine(work, uplink.digest, None, refusal, now)
        return Outcome("quarantined", Reason.INTAKE_FAILED)

    async def _answer(self, batch: list[_Waiting], outcomes: list[Outcome]) -> None:
        self.counts.add(outcomes)
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if outcome.reason is not None:
                log.warning(
                    "uplink_refused",
                    verdict=outcome.verdict,
                    reason=outcome.reason,
                    device=waiting.uplink.device_eui,
                    digest=waiting.uplink.digest,
                )
            if not waiting.answer.done():
                waiting.answer.set_result(outcome)
        if self._committed is not None:
            await self._committed(outcomes)

"""Group commit: uplinks that wait are judged and stored together, and each is answered after the commit.

One task writes. A frame that fails alone is undone alone and kept with the failure as its reason. While the database
is away nothing is answered, so nothing is acknowledged, and everything is tried again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
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
from ingest import failpoints
from ingest.device_files import DeviceFiles
from ingest.failpoints import Failpoint
from ingest.judging import Judge
from ingest.outcomes import Outcome
from ingest.plain_messages import PlainMessage, prove, take_in_plain
from ingest.uplinks import Uplink

log = structlog.get_logger(__name__)

BATCH_MAX = 512
WAITING_MAX = 4096
RETRY_DELAYS_S = (0.1, 0.5, 2.0, 5.0, 15.0)


class NotTakenIn(RetryableError):
    """This uplink could not be stored although the database answers. It stays unacknowledged."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Uplinks that came together and are answered together, in their order."""

    uplinks: Sequence[Uplink]
    answer: "asyncio.Future[list[Outcome | NotTakenIn]]"


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
        failpoint: Failpoint = failpoints.none,
    ) -> None:
        self._store = store
        self._judge = judge
        self._clock = clock
        self._committed = committed
        self._failpoint = failpoint
        self._files = DeviceFiles(judge.column_key)
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(WAITING_MAX)
        self.counts = IntakeCounts()

    @property
    def waiting(self) -> int:
        """Groups of uplinks that the writer has not begun with."""
        return self._queue.qsize()

    async def take_in(self, uplink: Uplink) -> Outcome:
        """Judge one uplink and record the verdict; returns after the commit. Raises NotTakenIn. Safe to repeat."""
        (outcome,) = await self.take_in_all([uplink])
        if isinstance(outcome, NotTakenIn):
            raise outcome
        return outcome

    async def take_in_all(self, uplinks: Sequence[Uplink]) -> list[Outcome | NotTakenIn]:
        """As `take_in`, of several uplinks that came together, in their order."""
        waiting = _Waiting(uplinks, asyncio.get_running_loop().create_future())
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
                size = len(batch[0].uplinks)
                while size < BATCH_MAX and not self._queue.empty():
                    batch.append(self._queue.get_nowait())
                    size += len(batch[-1].uplinks)
                await self._write(batch, stop)
        finally:
            halted.cancel()
            while not self._queue.empty():
                self._queue.get_nowait().answer.cancel()

    async def _write(self, batch: list[_Waiting], stop: asyncio.Event) -> None:
        uplinks = [uplink for waiting in batch for uplink in waiting.uplinks]
        outcomes = await self._until_stored(uplinks, stop)
        if outcomes is None:
            for waiting in batch:
                waiting.answer.cancel()
            return
        await self._answer(batch, uplinks, outcomes)

    async def _until_stored(
        self, uplinks: list[Uplink], stop: asyncio.Event, *, together: bool = True
    ) -> list[Outcome | NotTakenIn] | None:
        """What became of the uplinks, once it is on the disk; None if `stop` comes before the database does."""
        failures = 0
        while not stop.is_set():
            try:
                return list(await self._commit(uplinks, together=together))
            except StoreUnavailable as error:
                delay_s = RETRY_DELAYS_S[min(failures, len(RETRY_DELAYS_S) - 1)]
                failures += 1
                log.warning("store_unavailable", reason=str(error), waiting=len(uplinks), retry_s=delay_s)
                await wait_or_stop(stop, delay_s)
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not stop the uplinks after it
                return await self._divide(uplinks, error, stop, together=together)
        return None

    async def _divide(
        self, uplinks: list[Uplink], error: Exception, stop: asyncio.Event, *, together: bool
    ) -> list[Outcome | NotTakenIn] | None:
        """A batch that fails as a whole is tried one by one, so that one uplink cannot stop the others."""
        if not together:
            log.error("uplink_not_taken_in", digest=uplinks[0].digest, exc_info=error)
            return [NotTakenIn(f"The uplink could not be stored: {error}")]
        log.warning("batch_divided", uplinks=len(uplinks), reason=f"{type(error).__name__}: {error}"[:500])
        outcomes: list[Outcome | NotTakenIn] = []
        for uplink in uplinks:
            alone = await self._until_stored([uplink], stop, together=False)
            if alone is None:
                return None
            outcomes += alone
        return outcomes

    async def _commit(self, uplinks: list[Uplink], *, together: bool) -> list[Outcome]:
        """Judge and store in one unit of work: what is usual together, the rest one by one."""
        self._failpoint("received")
        euis = {uplink.device_eui for uplink in uplinks if uplink.device_eui is not None}
        plain: list[PlainMessage | None] = [None] * len(uplinks)
        if together:
            async with self._store.read() as work:
                await self._files.refresh(work, euis)
            plain = [prove(uplink, self._files) for uplink in uplinks]
            self._failpoint("proven")
        async with self._store.begin() as work:
            await frames.lock_intake(work)
            self._failpoint("begun")
            changed = await self._files.refresh(work, euis)
            if changed and together:  # a device was registered, changed or revoked meanwhile
                plain = [prove(uplink, self._files) for uplink in uplinks]
            on_file = {eui: known.file if (known := self._files.get(eui)) else None for eui in euis}
            outcomes = await take_in_plain(work, plain, self._clock.now(), self._failpoint)
            complete = [
                outcome or await self._take_in_one(work, uplink, on_file)
                for uplink, outcome in zip(uplinks, outcomes, strict=True)
            ]
            self._failpoint("one_by_one_written")
            points: set[str] = set().union(*(outcome.metering_points for outcome in complete))
            await outbox.announce_all(work, "measurement", sorted(points), self._clock.now())
            self._failpoint("announced")
        self._failpoint("committed")
        return complete

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

    async def _answer(self, batch: list[_Waiting], uplinks: list[Uplink], outcomes: list[Outcome | NotTakenIn]) -> None:
        stored = [outcome for outcome in outcomes if isinstance(outcome, Outcome)]
        self.counts.add(stored)
        for uplink, outcome in zip(uplinks, outcomes, strict=True):
            if isinstance(outcome, Outcome) and outcome.reason is not None:
                log.warning(
                    "uplink_refused",
                    verdict=outcome.verdict,
                    reason=outcome.reason,
                    device=uplink.device_eui,
                    digest=uplink.digest,
                )
        begin = 0
        for waiting in batch:
            end = begin + len(waiting.uplinks)
            if not waiting.answer.done():
                waiting.answer.set_result(outcomes[begin:end])
            begin = end
        self._failpoint("answered")
        if self._committed is not None:
            await self._committed(stored)

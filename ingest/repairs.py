"""Asking again for what is missing: gaps of evidence are found, kept as objects, asked for within the policy, and shown.

After each batch the devices heard of are noted; a little later the books are asked about many of them at once, and each that
misses anything is looked at in a unit of work of its own. Nothing here is needed for the books to be right: after a crash the next message of a device brings it back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from community.attestation.evidence_gaps import EvidenceGap, GapChange, GapKind, Missing, ask, review
from community.clock import Clock, slot_start
from community.errors import RetryableError
from community.runtime.lifecycle import wait_or_stop
from community.store import downlinks, frames, lora_frames
from community.store.devices import DeviceFile
from community.store.evidence_gaps import (
    devices_with_gaps,
    gaps_not_closed,
    gaps_not_ended,
    oldest_missing_slot,
    record_changes,
    whole_up_to,
)
from community.store.unit_of_work import Store, Work
from ingest.lorawan.downlinks import Handed, due_downlink, missing_of
from ingest.lorawan.folds import Folds, NotFoldable
from ingest.network_events import DownlinkReport
from ingest.outcomes import Outcome
from ingest.proofs import newest_keyno
from ingest.statement_gaps import due_resend, statements_missing
from ingest.uplinks import DownlinkFrame

log = structlog.get_logger(__name__)

LOOKED_AT_AGAIN = timedelta(minutes=30)
"""A device is looked at at most this often, however much it sends."""

ASKED_ABOUT_TOGETHER = 500
"""Devices of which one look at the books tells who misses nothing."""

WHOLE_MAX = 1_000_000
SILENT_LOOKED_AT = timedelta(hours=1)

SendFrame = Callable[[str, str, DownlinkFrame], Awaitable[bool]]
"""(EUI, envelope of its newest uplink, frame): hands a frame to a network server; False where it cannot be addressed."""
SendSealed = Callable[[str, bytes], Awaitable[None]]
LoadDevice = Callable[[Work, str], Awaitable[DeviceFile | None]]


@dataclass(frozen=True, slots=True)
class Ways:
    """How devices are reached. A network without a sender cannot be asked: its gaps wait for a person."""

    frames: Mapping[str, SendFrame] = field(default_factory=dict)
    sealed: SendSealed | None = None
    backfill: Callable[[datetime], None] | None = None
    """Asks The Things Stack's storage again for all since an instant."""


@dataclass(frozen=True, slots=True)
class _Heard:
    eui: str
    keyno: int | None
    generation: int


class Repairs:
    """Looks after the gaps of the devices that are heard of."""

    def __init__(self, store: Store, load: LoadDevice, folds: Folds, ways: Ways, clock: Clock) -> None:
        self._store = store
        self._load = load
        self._folds = folds
        self.ways = ways
        self._clock = clock
        self._heard: dict[str, _Heard] = {}
        self._looked_at: dict[str, datetime] = {}
        self._silent_noted_at: datetime | None = None
        self._whole_to: dict[tuple[str, int], int] = {}
        """By EUI and key number: up to which counter no statement was missing when it was looked at last."""
        self.asked = 0

    async def committed(self, outcomes: list[Outcome]) -> None:
        """Note whom a committed batch was from."""
        for outcome in outcomes:
            if outcome.device is not None and outcome.verdict in ("admitted", "quarantined", "duplicate"):
                heard = _Heard(outcome.device.eui, outcome.acknowledge, outcome.generation)
                self._heard[outcome.device.eui] = heard

    async def take_report(self, report: DownlinkReport) -> None:
        """Keep what a network server says of a downlink. Raises StoreUnavailable."""
        if report.downlink_id is None:
            return
        async with self._store.begin() as work:
            await downlinks.add_report(work, report.downlink_id, report.state.value, report.at, report.detail)

    async def run(self, stop: asyncio.Event, every: timedelta) -> None:
        """Look at the devices heard of, again and again until `stop`; now and then at the silent ones with gaps too."""
        while not await wait_or_stop(stop, every.total_seconds()):
            try:
                await self.remember_silent()
            except RetryableError as error:
                log.warning("gaps_not_looked_at", reason=str(error))
            await self.look()

    async def remember_silent(self) -> None:
        """Note the devices with gaps, heard of or not: gaps grow old, and a person is told. Raises StoreUnavailable.

        The first time the storage of the network server is asked again from the oldest gap on: what was asked for before this process
        started is remembered by nobody else.
        """
        now = self._clock.now()
        if self._silent_noted_at is not None and now - self._silent_noted_at < SILENT_LOOKED_AT:
            return
        async with self._store.read() as work:
            euis = await devices_with_gaps(work)
            oldest = await oldest_missing_slot(work) if self._silent_noted_at is None else None
        if oldest is not None and self.ways.backfill is not None:
            self.ways.backfill(slot_start(oldest))
        self._silent_noted_at = now
        for eui in euis:
            self._heard.setdefault(eui, _Heard(eui, None, 0))

    async def look(self) -> None:
        """Look at every device that was heard of and is due."""
        now = self._clock.now()
        due = [
            heard
            for eui, heard in self._heard.items()
            if eui not in self._looked_at or now - self._looked_at[eui] >= LOOKED_AT_AGAIN
        ]
        for first in range(0, len(due), ASKED_ABOUT_TOGETHER):
            some = due[first : first + ASKED_ABOUT_TOGETHER]
            try:
                whole = await self._missing_nothing(some)
            except RetryableError as error:
                log.warning("gaps_not_looked_at", reason=str(error))
                return
            for heard in some:
                if heard in whole or await self._looked(heard):
                    if self._heard.get(heard.eui) == heard:
                        del self._heard[heard.eui]
                    self._looked_at[heard.eui] = now
        self._looked_at = {eui: at for eui, at in self._looked_at.items() if now - at < LOOKED_AT_AGAIN}

    async def _missing_nothing(self, due: list[_Heard]) -> set[_Heard]:
        """Those who came by the device broker without a gap on record and with every statement up to their newest.

        A LoRaWAN device has to be told what it may forget, and a silent one has a gap: both are looked at.
        """
        asked = [(one.eui, one.keyno, self._whole_to.get((one.eui, one.keyno))) for one in due if one.keyno is not None]
        async with self._store.read() as work:
            whole = await whole_up_to(work, asked)
        if len(self._whole_to) > WHOLE_MAX:
            self._whole_to.clear()
        self._whole_to |= whole
        return {one for one in due if one.keyno is not None and (one.eui, one.keyno) in whole}

    async def _looked(self, heard: _Heard) -> bool:
        try:
            await self.look_at(heard.eui, heard.keyno, heard.generation)
        except RetryableError as error:
            log.warning("device_not_looked_at", device=heard.eui, reason=str(error))
            return False
        return True

    async def look_at(self, eui: str, keyno: int | None = None, generation: int = 0) -> None:
        """Review the gaps of one device and ask for what is missing, if it is time. Raises RetryableError."""
        now = self._clock.now()
        async with self._store.begin() as work:
            await frames.lock_intake(work)
            device = await self._load(work, eui)
            if device is None or device.secret is None or device.payload_format != "ecw1":
                return
            if await lora_frames.progress_of(work, device.id) is not None:
                changes, handed = await self._on_air(work, device, now)
                sealed = None
            else:
                changes, sealed = await self._at_broker(work, device, keyno, generation, now)
                handed = None
        self._tell(device, changes)
        if handed is not None:
            await self._hand_over(handed)
        if sealed is not None and self.ways.sealed is not None:
            self.asked += 1
            await self.ways.sealed(eui, sealed)
            log.info("device_asked_again", device=eui, network="device_broker")

    async def _on_air(self, work: Work, device: DeviceFile, now: datetime) -> tuple[list[GapChange], Handed | None]:
        try:
            opened = await self._folds.open(work, device, now)
        except NotFoldable:
            return [], None
        self._folds.keep(device, opened)
        if not opened.settled or device.secret is None:
            return [], None  # the registry holds statements back: their gaps are not the device's
        changes, gaps = await _reviewed(work, device.id, missing_of(opened.fold), now)
        address = await lora_frames.newest_envelope(work, device.eui)
        handed = None
        if address is not None and address.source in self.ways.frames:
            handed = await due_downlink(work, device, device.secret, opened.fold, opened.progress, now)
        if handed is not None and handed.commands.asks:
            asked = [ask(gap) for gap in gaps]
            await record_changes(work, device.id, asked, now)
        return changes, handed

    async def _at_broker(
        self, work: Work, device: DeviceFile, keyno: int | None, generation: int, now: datetime
    ) -> tuple[list[GapChange], bytes | None]:
        number = newest_keyno(device) if keyno is None else keyno
        if number is None:
            return [], None
        missing, resend = await statements_missing(work, device.id, number)
        changes, gaps = await _reviewed(work, device.id, missing, now)
        if self.ways.sealed is None or keyno is None:  # a silent device reads nothing, and its generation is not known
            return changes, None
        sealed = await due_resend(work, device, generation, resend, now)
        if sealed is not None:
            await record_changes(work, device.id, [ask(gap) for gap in gaps], now)
        return changes, sealed

    def _tell(self, device: DeviceFile, changes: list[GapChange]) -> None:
        for change in changes:
            gap = change.gap
            log.info(
                "evidence_gap", device=device.eui, kind=gap.kind, first=gap.first, last=gap.last, state=gap.state,
                cause=change.cause,
            )  # fmt: skip
        begun = [change.gap.first for change in changes if change.is_new and change.gap.kind is GapKind.SLOTS]
        if begun and self.ways.backfill is not None:
            self.ways.backfill(slot_start(min(begun)))

    async def _hand_over(self, handed: Handed) -> None:
        """Send a recorded downlink. If that fails it counts as sent: the next one is due in four hours."""
        if await self.ways.frames[handed.network](handed.eui, handed.envelope, handed.frame):
            self.asked += handed.commands.asks
            log.info(
                "downlink_handed_over", device=handed.eui, network=handed.network, downlink=handed.frame.id,
                ranges=len(handed.commands.ranges), statements=len(handed.commands.chunks),
                stored_up_to=handed.commands.stored_up_to,
            )  # fmt: skip
        else:
            log.warning("downlink_without_address", device=handed.eui, network=handed.network)


async def _reviewed(
    work: Work, device_id: str, missing: list[Missing], now: datetime
) -> tuple[list[GapChange], list[EvidenceGap]]:
    """Review and record; returns the changes, and the gaps as they are now."""
    known = await gaps_not_closed(work, device_id)
    changes = review(known, missing, now)
    await record_changes(work, device_id, changes, now)
    return changes, await gaps_not_ended(work, device_id)

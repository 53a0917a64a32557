"""One uplink under judgement: where its frame, its refusals and its verdict are recorded."""

from dataclasses import dataclass
from datetime import datetime

from community.attestation.reasons import Reason
from community.store import frames
from community.store.devices import DeviceFile
from community.store.frames import Frame
from community.store.quarantine import Refusal, quarantine, resolve_frame
from community.store.unit_of_work import Work
from ingest.bookings import Bookings
from ingest.outcomes import Outcome
from ingest.uplinks import Uplink


@dataclass(frozen=True, slots=True)
class Case:
    """One uplink under judgement: where its frame, its refusals and its verdict are recorded."""

    work: Work
    uplink: Uplink
    device: DeviceFile | None
    earlier: str | None
    now: datetime

    @property
    def frame(self) -> Frame:
        uplink = self.uplink
        return Frame(
            uplink.digest, uplink.source, uplink.device_eui, uplink.payload, uplink.envelope, uplink.received_at
        )

    async def keep(self, verdict: str) -> None:
        """Keep the bytes: the first thing that is written, as all else refers to them."""
        await frames.keep_frame(self.work, self.frame, verdict)

    def bookings(self, device: DeviceFile) -> Bookings:
        return Bookings(self.work, self.frame.digest, device, self.now)

    async def refuse(self, verdict: str, reason: Reason, detail: str, subject: str | None = None) -> Outcome:
        await self.keep(verdict)
        device_id = None if self.device is None else self.device.id
        refusal = Refusal(reason, detail, subject=subject)
        await quarantine(self.work, self.frame.digest, device_id, refusal, self.now)
        return Outcome(verdict, str(reason), self.device)

    async def duplicate(self, acknowledge: int | None = None, generation: int = 0) -> Outcome:
        await self.keep("duplicate")
        return Outcome("duplicate", None, self.device, acknowledge, generation)

    async def admit(self) -> None:
        """Keep the frame as admitted; what was held against it before is settled. Refusals from now on are new."""
        await self.keep("admitted")
        if self.earlier is not None:
            await resolve_frame(self.work, self.frame.digest, "it came again and was taken in", self.now)

    async def admitted(self, booked: Bookings, acknowledge: int | None = None, generation: int = 0) -> Outcome:
        points = frozenset(booked.metering_points)
        return Outcome("admitted", None, self.device, acknowledge, generation, points, booked.refused)

"""The reassembly of each device, begun again from the books whenever memory and books disagree.

What is in memory only saves time: a rollback, a restart or another process of ingest changes the books' count of frames
or the digest of the last one, and the fold is then made anew from the frames that are still open.
"""

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from community.attestation.admission import AGE_MAX
from community.attestation.device_message import DeviceMessage
from community.attestation.lora_frame import COUNTER_MODULUS, RadioKeys
from community.attestation.lora_reassembly import KnownDevice, Reassembly, TakenFrame
from community.attestation.lora_reassembly_slots import Anchor
from community.attestation.profiles import PROFILES
from community.attestation.statement import parse_leaf_input
from community.clock import slot_at
from community.store import statements
from community.store.devices import DeviceFile
from community.store.lora_frames import LoraProgress, StoredLoraFrame, frames_beyond, progress_of
from community.store.measurements import newest_leaf
from community.store.unit_of_work import Work
from ingest.device_records import record_of
from ingest.proofs import newest_keyno

FOLDED_BACK = AGE_MAX + timedelta(days=5)
"""How old frames can be that a statement is put together from: a device keeps what it signed for 40 days."""
FOLDS_MAX = 4096
"""Devices in memory; the longest unheard one makes room."""


class NotFoldable(ValueError):
    """The registration lacks what opens or expands a frame. The text says what to record."""


@dataclass(slots=True)
class DeviceFold:
    """A device's reassembly and how far the books follow it.

    `replayed` are statements that came together while the frames were folded again, each with the frame that made it
    whole: those that the books have already, and those that had to wait.
    """

    fold: Reassembly
    progress: LoraProgress
    state: str
    replayed: tuple[tuple[StoredLoraFrame, DeviceMessage], ...] = ()
    waiting: set[int] = field(default_factory=set)
    """Counters of statements that hold, and that the registry does not let in yet. While there are any, the books'
    progress stands still, so that a change of the registry finds their frames again."""

    @property
    def settled(self) -> bool:
        """Whether the books follow the fold: nothing waits to be entered."""
        return not self.waiting and not self.replayed


class Folds:
    """The folds in memory."""

    def __init__(self, folds_max: int = FOLDS_MAX) -> None:
        self._folds_max = folds_max
        self._kept: OrderedDict[str, DeviceFold] = OrderedDict()

    async def open(self, work: Work, device: DeviceFile, now: datetime) -> DeviceFold:
        """The fold of a device as the books have it; no longer in memory until it is kept again. Raises NotFoldable."""
        progress = await progress_of(work, device.id) or LoraProgress()
        known = known_device(device, progress)
        kept = self._kept.pop(device.id, None)
        if kept is None or not _agree(kept, progress, known, device.state):
            progress = await _caught_up(work, device, progress)
            known = known_device(device, progress)
            kept = await _folded(work, device, known, progress, now)
        kept.progress = progress
        return kept

    def keep(self, device: DeviceFile, opened: DeviceFold) -> None:
        """Remember a fold whose progress is that of the books; one with statements still to be entered is made anew."""
        if opened.replayed:
            return
        self._kept[device.id] = opened
        while len(self._kept) > self._folds_max:
            self._kept.popitem(last=False)


async def statements_again(work: Work, device: DeviceFile) -> list[tuple[StoredLoraFrame, DeviceMessage]]:
    """Every statement that a device's kept frames give, from the first frame on, each with the frame that made it whole.

    What the books hold of the device can be compared with it. Raises NotFoldable.
    """
    nothing = LoraProgress()
    opened = await _folded(work, device, known_device(device, nothing), nothing, None)
    return list(opened.replayed)


def known_device(device: DeviceFile, progress: LoraProgress) -> KnownDevice:
    """The registration and the progress, as the reassembly wants them. Raises NotFoldable."""
    if device.secret is None:
        raise NotFoldable(f"no secret is on file for {device.name}, so its frames cannot be opened: record it")
    if device.profile not in PROFILES:
        raise NotFoldable(
            f"LoRaWAN frames do not name the register profile, and none that is known is on file for {device.name}: record it"
        )
    anchor = None if progress.anchor_slot is None else Anchor(progress.anchor_slot, progress.anchor_registers)
    record = record_of(device)
    return KnownDevice(
        RadioKeys(record.device_eui, device.secret),
        record.keys,
        device.profile,
        progress.verified_ctr,
        anchor,
        None if progress.last_counter < 0 else progress.last_counter,
        covered_to=progress.covered_to,
        replay_window=COUNTER_MODULUS // 2,  # the books remember every counter
    )


def advanced(opened: DeviceFold, digest: str) -> LoraProgress:
    """The progress after frame `digest`."""
    fold, before = opened.fold, opened.progress
    last = before.last_counter if fold.last_counter is None else max(before.last_counter, fold.last_counter)
    after = replace(before, last_counter=last, frames=before.frames + 1, last_digest=digest)
    return with_verified(opened, after)


def with_verified(opened: DeviceFold, progress: LoraProgress) -> LoraProgress:
    """`progress` with what the fold has verified, unless something of that waits to be entered."""
    if opened.waiting:
        return progress
    fold = opened.fold
    anchor = fold.anchor
    return replace(
        progress,
        verified_ctr=fold.verified_ctr,
        covered_to=fold.verified_up_to,
        anchor_slot=None if anchor is None else anchor.slot,
        anchor_registers=() if anchor is None else anchor.registers,
    )


def _agree(kept: DeviceFold, progress: LoraProgress, known: KnownDevice, state: str) -> bool:
    mine, told = kept.progress, kept.fold.device
    return (
        (mine.frames, mine.last_digest) == (progress.frames, progress.last_digest)
        and (told.radio, told.keys, told.profile) == (known.radio, known.keys, known.profile)
        and kept.state == state
    )


async def _caught_up(work: Work, device: DeviceFile, progress: LoraProgress) -> LoraProgress:
    """`progress` with what came by another way meanwhile: a device may have sent by MQTT before, and have had to again."""
    keyno = newest_keyno(device)
    if keyno is None:
        return progress
    stored_to = await statements.contiguous_counter(work, device.id, keyno, progress.verified_ctr or None)
    if stored_to is None or stored_to <= progress.verified_ctr:
        return progress
    [last] = await statements.statements_above(work, device.id, keyno, stored_to, limit=1)
    leaf = await newest_leaf(work, device.id)
    if leaf is not None:
        _salt, reading = parse_leaf_input(leaf)
        progress = replace(progress, anchor_slot=reading.slot, anchor_registers=reading.registers)
    return replace(progress, verified_ctr=stored_to, covered_to=slot_at(last.first_at) + last.span - 1)


async def _folded(
    work: Work, device: DeviceFile, known: KnownDevice, progress: LoraProgress, now: datetime | None
) -> DeviceFold:
    covered = -1 if progress.covered_to is None else progress.covered_to
    since = None if now is None else now - FOLDED_BACK
    waiting = await frames_beyond(work, device.id, covered, progress.verified_ctr, since)
    begin = min((frame.counter for frame in waiting), default=None)
    # Counters are completed from the last one, so the fold goes up from below the first.
    fold = Reassembly(
        replace(known, last_counter=known.last_counter if begin is None else begin - 1 if begin else None)
    )
    replayed: list[tuple[StoredLoraFrame, DeviceMessage]] = []
    for frame in waiting:
        outcome = fold.take(frame.f_port, frame.payload, slot_at(frame.received_at))
        if isinstance(outcome, TakenFrame):
            replayed.extend((frame, message) for message in outcome.verified)
    if known.last_counter is not None:
        fold.last_counter = max(known.last_counter, fold.last_counter or 0)
    return DeviceFold(fold, progress, device.state, tuple(replayed))

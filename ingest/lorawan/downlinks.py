"""What a LoRaWAN device is told now: what to send again, what it may forget, that its clock is wrong (wire-format 2.3)."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from community.attestation.clock_drift import WATCHED, clock_correction_s
from community.attestation.evidence_gaps import KEPT_FOR, GapKind, Missing, ranges_of
from community.attestation.lora_frame import RadioKeys
from community.attestation.lora_frame_downlink import DownlinkCommands, encode_commands, seal_commands
from community.attestation.lora_frame_readings import SLOT_MODULUS
from community.attestation.lora_reassembly import Reassembly
from community.attestation.lora_reassembly_pace import DownlinkPace
from community.clock import slot_at
from community.store import frames, lora_frames
from community.store.devices import DeviceFile
from community.store.downlinks import Downlink, add_downlink, downlinks_since, last_acknowledged, last_handed_at
from community.store.evidence_gaps import lost_counters
from community.store.lora_frames import LoraProgress
from community.store.unit_of_work import Work
from ingest.uplinks import DownlinkFrame

REPAIR_PORT = 20
SLOTS_AFTER = 8
"""Quarter-hours in which later frames may still show a reading again by themselves."""
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Handed:
    """A downlink that is recorded, and whom it goes to once that is committed."""

    eui: str
    network: str
    envelope: str
    frame: DownlinkFrame
    commands: DownlinkCommands


def missing_of(fold: Reassembly) -> list[Missing]:
    """What the fold lacks, as gaps of evidence."""
    slots: list[Missing] = [
        (GapKind.SLOTS, first, first + count - 1) for first, count in fold.missing_slots(SLOTS_AFTER)
    ]
    counters = ranges_of(ctr for ctr, _mask in fold.missing_chunks())
    return slots + [(GapKind.STATEMENTS, first, last) for first, last in counters]


async def due_downlink(
    work: Work, device: DeviceFile, secret: bytes, fold: Reassembly, progress: LoraProgress, now: datetime
) -> Handed | None:
    """The downlink that is worth sending now, recorded; None within the pace, or where nothing is to be said.

    At most one in four hours and six a day. Of two processes of ingest one records it, the other finds it there.
    """
    commands = await _commands(work, device, fold, progress, now)
    recent = await downlinks_since(work, device.id, now - DAY)
    told = await last_acknowledged(work, device.id)
    pace = DownlinkPace(
        [int(each.handed_at.timestamp()) for each in recent], None if told is None else told % SLOT_MODULUS
    )
    heard = await lora_frames.newest_envelope(work, device.eui)
    last_at = await last_handed_at(work, device.id)
    if heard is None or (last_at is not None and last_at >= heard.received_at):
        return None  # not heard since the last one: that one still waits for it
    if not pace.is_due(commands, int(now.timestamp())):
        return None
    generation = await lora_frames.newest_generation(work, device.id)
    [counter] = await frames.reserve_down_counters(work, device.id, generation, 1)
    downlink_id = downlink_uuid(device.eui, generation, counter)
    await add_downlink(
        work,
        Downlink(
            id=downlink_id,
            device_id=device.id,
            network=heard.source,
            generation=generation,
            counter=counter,
            plaintext=encode_commands(commands),
            asks=commands.asks,
            acknowledged=progress.covered_to,
            corrects_clock=commands.clock_correction_s is not None,
            handed_at=now,
        ),
    )
    sealed = seal_commands(RadioKeys(bytes.fromhex(device.eui), secret), generation, counter, commands)
    return Handed(device.eui, heard.source, heard.envelope, DownlinkFrame(downlink_id, REPAIR_PORT, sealed), commands)


async def _commands(
    work: Work, device: DeviceFile, fold: Reassembly, progress: LoraProgress, now: datetime
) -> DownlinkCommands:
    stored = None if progress.covered_to is None else progress.covered_to % SLOT_MODULUS
    lost = await lost_counters(work, device.id)
    kept_from = slot_at(now - KEPT_FOR)
    commands = replace(fold.requests(slots_after=SLOTS_AFTER, since_slot=kept_from, lost=lost), stored_up_to=stored)
    week = await downlinks_since(work, device.id, now - WATCHED)
    if any(each.corrects_clock for each in week):
        return commands
    correction = clock_correction_s(*await lora_frames.least_delay(work, device.id, now - WATCHED))
    if correction is None:
        return commands
    # It fits beside whatever is asked for: three bytes are always left where a range less is asked.
    ranges = commands.ranges[:-1] if len(commands.ranges) > len(commands.chunks) else commands.ranges
    chunks = commands.chunks if ranges != commands.ranges else commands.chunks[:-1]
    return replace(commands, ranges=ranges, chunks=chunks, clock_correction_s=correction)


def downlink_uuid(eui: str, generation: int, counter: int) -> str:
    """The id of a downlink as a UUID of version 8 (RFC 9562), made from what names it."""
    digest = bytearray(hashlib.sha256(f"{eui}\x1f{generation}\x1f{counter}".encode()).digest()[:16])
    digest[6], digest[8] = digest[6] & 0x0F | 0x80, digest[8] & 0x3F | 0x80
    text = digest.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

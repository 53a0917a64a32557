"""What a device at the device broker is to send again: statements whose counters were passed over (wire-format 2.5, 2.6)."""

from datetime import datetime, timedelta
from itertools import pairwise

from community.attestation.device_message import RESEND_RANGES_MAX, BackendMessage, encode_down
from community.attestation.evidence_gaps import KEPT_FOR, GapKind, Missing
from community.attestation.lora_reassembly_pace import GAP_S, PER_DAY
from community.attestation.sealing import Direction, seal_message
from community.clock import slot_at
from community.store import frames, statements
from community.store.devices import DeviceFile
from community.store.downlinks import Downlink, add_downlink, downlinks_since
from community.store.statements import StatementSpan
from community.store.unit_of_work import Work
from ingest.lorawan.downlinks import downlink_uuid

SPANS_MAX = 1000
RANGE_MAX = 65_535


async def statements_missing(work: Work, device_id: str, keyno: int) -> tuple[list[Missing], list[tuple[int, int]]]:
    """The missing counters of a key, and (slot, slots) of what lies between the statements around them.

    Before the first statement of a key nothing is known to lie: its device sends that by itself until it is acknowledged.
    """
    stored_to = await statements.contiguous_counter(work, device_id, keyno)
    begin = 0 if stored_to is None else stored_to
    return between(await statements.statements_above(work, device_id, keyno, begin, SPANS_MAX))


def between(spans: list[StatementSpan]) -> tuple[list[Missing], list[tuple[int, int]]]:
    """Missing counters, and the slots where their readings must lie, among statements in the order of their counters."""
    missing: list[Missing] = []
    slots: list[tuple[int, int]] = []
    for earlier, later in pairwise(spans):
        if later.ctr <= earlier.ctr + 1:  # the next, or two with one counter: equivocation
            continue
        missing.append((GapKind.STATEMENTS, earlier.ctr + 1, later.ctr - 1))
        begin, end = slot_at(earlier.first_at) + earlier.span, slot_at(later.first_at)
        if begin < end:
            slots.append((begin, min(end - begin, RANGE_MAX)))
    return missing, slots[:RESEND_RANGES_MAX]


async def due_resend(
    work: Work, device: DeviceFile, generation: int, resend: list[tuple[int, int]], now: datetime
) -> bytes | None:
    """The sealed request to send `resend` again, recorded; None where nothing is missing, or within the pace."""
    kept_from = slot_at(now - KEPT_FOR)
    resend = [(first, slots) for first, slots in resend if first + slots > kept_from]
    if not resend or device.secret is None:
        return None
    recent = [each for each in await downlinks_since(work, device.id, now - timedelta(days=1)) if each.asks]
    if len(recent) >= PER_DAY or (recent and now - recent[-1].handed_at < timedelta(seconds=GAP_S)):
        return None
    [counter] = await frames.reserve_down_counters(work, device.id, generation, 1)
    plaintext = encode_down(BackendMessage(resend=tuple(resend)))
    await add_downlink(
        work,
        Downlink(
            id=downlink_uuid(device.eui, generation, counter),
            device_id=device.id,
            network="device_broker",
            generation=generation,
            counter=counter,
            plaintext=plaintext,
            asks=True,
            acknowledged=None,
            corrects_clock=False,
            handed_at=now,
        ),
    )
    eui = bytes.fromhex(device.eui)
    return seal_message(device.secret, eui, generation, Direction.DOWN, counter, plaintext)

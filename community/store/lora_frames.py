"""LoRaWAN frames that were opened, and how far a device's evidence is verified: what a reassembly begins again from."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlmodel import col

from community.store.tables.measuring import FrameRow
from community.store.tables.radio import LoraFrameRow, LoraProgressRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_all, upsert


@dataclass(frozen=True, slots=True)
class LoraFrame:
    """An opened frame. `delay_s` is from the newest reading's own time to its arrival, None where it shows none."""

    digest: str
    device_id: str
    generation: int
    counter: int
    f_port: int
    received_at: datetime
    newest_slot: int | None = None
    statement_ctr: int | None = None
    delay_s: int | None = None


@dataclass(frozen=True, slots=True)
class StoredLoraFrame:
    """An opened frame with the bytes as they came, to be folded again."""

    digest: str
    source: str
    counter: int
    f_port: int
    payload: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class LoraProgress:
    """How far a device's statements are stored without a gap, a verified reading, and which frames that rests on.

    `frames` and `last_digest` name the state: a reassembly in memory is that of the books if both agree.
    """

    verified_ctr: int = 0
    covered_to: int | None = None
    anchor_slot: int | None = None
    anchor_registers: tuple[int, ...] = ()
    last_counter: int = -1
    frames: int = 0
    last_digest: str = ""


async def add_lora_frame(work: Work, frame: LoraFrame) -> None:
    """Record an opened frame; its bytes must be kept already. Raises IntegrityError if its counter was taken in."""
    row = {
        "frame_digest": frame.digest,
        "device_id": frame.device_id,
        "generation": frame.generation,
        "counter": frame.counter,
        "f_port": frame.f_port,
        "received_at": frame.received_at,
        "newest_slot": frame.newest_slot,
        "statement_ctr": frame.statement_ctr,
        "delay_s": frame.delay_s,
    }
    await insert_all(work, LoraFrameRow, [row])


async def was_opened(work: Work, digest: str) -> bool:
    """Whether the frame with this digest was opened and taken in."""
    found = await work.session.execute(
        select(col(LoraFrameRow.counter)).where(col(LoraFrameRow.frame_digest) == digest)
    )
    return found.scalar_one_or_none() is not None


async def payload_with_counter(work: Work, device_id: str, counter: int) -> bytes | None:
    """The bytes of the frame that a message counter was taken in with; None if it is new."""
    found = await work.session.execute(
        select(col(FrameRow.payload))
        .join(LoraFrameRow, col(LoraFrameRow.frame_digest) == col(FrameRow.digest))
        .where(col(LoraFrameRow.device_id) == device_id, col(LoraFrameRow.counter) == counter)
    )
    return found.scalar_one_or_none()


async def frames_beyond(
    work: Work, device_id: str, slot: int, ctr: int, since: datetime | None
) -> list[StoredLoraFrame]:
    """The frames (since an instant, if given) that tell of slots after `slot` or statements after `ctr`, by message counter."""
    opened, frame = LoraFrameRow, FrameRow
    rows = await work.session.execute(
        select(
            col(frame.digest), col(frame.source), col(opened.counter), col(opened.f_port), col(frame.payload),
            col(opened.received_at),
        )
        .join(opened, col(opened.frame_digest) == col(frame.digest))
        .where(
            col(opened.device_id) == device_id,
            or_(col(opened.newest_slot) > slot, col(opened.statement_ctr) > ctr),
            *(() if since is None else (col(opened.received_at) >= since,)),
        )
        .order_by(col(opened.counter))
    )  # fmt: skip
    return [StoredLoraFrame(*row) for row in rows]


async def least_delay(work: Work, device_id: str, since: datetime) -> tuple[int, int | None]:
    """How many frames with readings came since an instant, and the least delay among them in seconds."""
    row = await work.session.execute(
        select(func.count(col(LoraFrameRow.delay_s)), func.min(col(LoraFrameRow.delay_s))).where(
            col(LoraFrameRow.device_id) == device_id, col(LoraFrameRow.received_at) >= since
        )
    )
    count, least = row.one()
    return int(count), least


async def progress_of(work: Work, device_id: str) -> LoraProgress | None:
    """How far a device's evidence is; None before its first frame."""
    found = await work.session.execute(select(LoraProgressRow).where(col(LoraProgressRow.device_id) == device_id))
    row = found.scalar_one_or_none()
    if row is None:
        return None
    return LoraProgress(
        row.verified_ctr,
        row.covered_to,
        row.anchor_slot,
        tuple(map(int, row.anchor_registers.split())),
        row.last_counter,
        row.frames,
        row.last_digest,
    )


async def save_progress(work: Work, device_id: str, progress: LoraProgress) -> None:
    """Record how far a device's evidence is."""
    values = {
        "device_id": device_id,
        "verified_ctr": progress.verified_ctr,
        "covered_to": progress.covered_to,
        "anchor_slot": progress.anchor_slot,
        "anchor_registers": " ".join(map(str, progress.anchor_registers)),
        "last_counter": progress.last_counter,
        "frames": progress.frames,
        "last_digest": progress.last_digest,
    }
    await upsert(work, LoraProgressRow, values, ["device_id"])


async def newest_generation(work: Work, device_id: str) -> int:
    """The key generation that a device's newest frame was sealed with."""
    found = await work.session.execute(
        select(col(LoraFrameRow.generation))
        .where(col(LoraFrameRow.device_id) == device_id)
        .order_by(col(LoraFrameRow.counter).desc())
        .limit(1)
    )
    return found.scalar_one_or_none() or 0


@dataclass(frozen=True, slots=True)
class Heard:
    """The newest uplink of a device by a network server: when, and where an answer goes to."""

    source: str
    envelope: str
    received_at: datetime


async def newest_envelope(work: Work, eui: str) -> Heard | None:
    """The newest uplink of a device that came by a network server."""
    row = await work.session.execute(
        select(col(FrameRow.source), col(FrameRow.envelope), col(FrameRow.received_at))
        .where(col(FrameRow.device_eui) == eui, col(FrameRow.envelope).is_not(None))
        .order_by(col(FrameRow.received_at).desc())
        .limit(1)
    )
    found = row.one_or_none()
    return None if found is None or found[1] is None else Heard(found[0], found[1], found[2])

"""What operators decide about devices, quarantined frames and breaks. The audit entry is the caller's."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlmodel import col

from community.store import breaks, outbox
from community.store.tables.identity import DeviceKeyRow, DeviceRow
from community.store.tables.measuring import QuarantineRow
from community.store.unit_of_work import Work


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision stands now."""


@dataclass(frozen=True, slots=True)
class NotFound:
    """There is no such thing."""


@dataclass(frozen=True, slots=True)
class NotPossible:
    """The thing is in a state that does not allow it; `sentence` says what to do."""

    sentence: str


Outcome = Decided | NotFound | NotPossible


async def approve_device(work: Work, device_id: str, now: datetime) -> Outcome:
    """Let a pending device measure. A revoked one never comes back: it gets a new identity and key."""
    state = await _device_state(work, device_id)
    if state is None:
        return NotFound()
    if state == "revoked":
        return NotPossible("The device was revoked. Register it again with a new key to use it.")
    if state == "pending":
        row = DeviceRow
        statement = update(row).where(col(row.identity_id) == device_id).values(state="active", approved_at=now)
        await work.session.execute(statement)
        await outbox.announce(work, "device", device_id, now)
    return Decided()


async def revoke_device(work: Work, device_id: str, now: datetime) -> Outcome:
    """End a device and its keys now. What it measured before stays."""
    state = await _device_state(work, device_id)
    if state is None:
        return NotFound()
    if state != "revoked":
        device, key = DeviceRow, DeviceKeyRow
        await work.session.execute(update(device).where(col(device.identity_id) == device_id).values(state="revoked"))
        still_valid = or_(col(key.valid_to).is_(None), col(key.valid_to) > now)
        await work.session.execute(
            update(key)
            .where(col(key.device_id) == device_id, still_valid, col(key.valid_from) < now)
            .values(valid_to=now)
        )
        await outbox.announce(work, "device", device_id, now)
    return Decided()


async def resolve_quarantine(work: Work, entry_id: str, resolution: str, now: datetime) -> Outcome:
    """Note what became of a quarantined frame. The frame itself stays as it is."""
    row = QuarantineRow
    # Locked, so that of two decisions under way at once the second sees the first.
    held = select(row).where(col(row.id) == entry_id).with_for_update(key_share=True)
    found = (await work.session.execute(held)).scalar_one_or_none()
    if found is None:
        return NotFound()
    if found.resolved_at is not None:
        return NotPossible("The entry was resolved before. Its resolution stays.")
    statement = update(row).where(col(row.id) == entry_id).values(resolved_at=now, resolution=resolution)
    await work.session.execute(statement)
    await outbox.announce(work, "quarantine", entry_id, now)
    return Decided()


async def dispose_break(
    work: Work, break_id: str, owner: str, disposition: str, now: datetime, *, actor: str | None = None
) -> Outcome:
    """Give a break an owner and say what is done about it; `actor` says so, by default the owner. It stays open."""
    found = await breaks.dispose(work, break_id, owner, disposition, actor or owner, now)
    return Decided() if found else NotFound()


async def assign_break(work: Work, break_id: str, owner: str, actor: str, now: datetime) -> Outcome:
    """Give a break an owner."""
    return Decided() if await breaks.assign(work, break_id, owner, actor, now) else NotFound()


async def note_break(work: Work, break_id: str, text: str, actor: str, now: datetime) -> Outcome:
    """Add a comment to a break."""
    return Decided() if await breaks.note(work, break_id, text, actor, now) else NotFound()


async def close_break(work: Work, break_id: str, reason: str, actor: str, now: datetime) -> Outcome:
    """Close a break though both sides differ. It opens anew when the finding changes."""
    if await breaks.close(work, break_id, reason, actor, now):
        return Decided()
    if await breaks.break_by_id(work, break_id) is None:
        return NotFound()
    return NotPossible("The break is closed already. Its reason stays.")


async def _device_state(work: Work, device_id: str) -> str | None:
    """The state, held until the unit of work ends: of two decisions under way at once the second sees the first."""
    row = DeviceRow
    held = select(col(row.state)).where(col(row.identity_id) == device_id).with_for_update(key_share=True)
    found = await work.session.execute(held)
    return found.scalar_one_or_none()

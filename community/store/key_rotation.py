"""A change of keys in the registry: one key ends where the next begins, and no statement falls between them."""

from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlmodel import col

from community.attestation.key_rotation import KeyRotation, RotationRefused, verify_rotation
from community.attestation.signatures import kid_of
from community.clock import slot_at, slot_start
from community.ids import named_id
from community.store import audit, outbox
from community.store.decisions import Decided, NotFound, NotPossible, Outcome
from community.store.devices import DeviceKey, add_device_key
from community.store.onboarding import Told
from community.store.tables.identity import DeviceKeyRow, DeviceRow
from community.store.tables.measuring import StatementRow
from community.store.unit_of_work import Work

AHEAD_MAX = timedelta(days=7)
"""How far ahead a device may announce its next key."""


async def rotate_key(
    work: Work, device_id: str, content: bytes, told: Told, now: datetime, *, development_key: bool = False
) -> Outcome:
    """Enter a rotation that both keys signed. The same one again is no change."""
    held = select(DeviceRow).where(col(DeviceRow.identity_id) == device_id).with_for_update(key_share=True)
    device = (await work.session.execute(held)).scalar_one_or_none()
    if device is None:
        return NotFound()
    if device.state == "revoked":
        return NotPossible("The device was revoked: no key follows.")
    keys = select(DeviceKeyRow).where(col(DeviceKeyRow.device_id) == device_id).order_by(col(DeviceKeyRow.keyno).desc())
    on_file = list((await work.session.execute(keys)).scalars())
    if not on_file:
        return NotPossible("No key is bound to this device: there is nothing to change from.")
    # A repeat names the key before the newest one: each key is tried until the rotation is its own.
    verdicts = [verify_rotation(content, key.public_key, device_id=bytes.fromhex(device.eui)) for key in on_file]
    for place, (old, rotation) in enumerate(zip(on_file, verdicts, strict=True)):
        if isinstance(rotation, KeyRotation) and rotation.keyno == old.keyno:
            if place:
                return _repeated(old, on_file[place - 1], rotation)
            fault = await _fault(work, device_id, old, rotation, now)
            if fault is not None:
                return NotPossible(fault)
            return await _enter(work, old, rotation, told, now, development_key=development_key)
    newest = verdicts[0]
    reason = newest.reason if isinstance(newest, RotationRefused) else f"key {on_file[0].keyno} has another number"
    return NotPossible(f"The rotation does not hold: {reason}.")


def _repeated(old: DeviceKeyRow, later: DeviceKeyRow, rotation: KeyRotation) -> Outcome:
    if later.public_key == rotation.new_public_key and later.keyno == rotation.new_keyno:
        return Decided()
    return NotPossible(
        f"Key {old.keyno} was followed by another key {later.keyno} before. Only the newest key is changed."
    )


async def _enter(
    work: Work, old: DeviceKeyRow, rotation: KeyRotation, told: Told, now: datetime, *, development_key: bool
) -> Outcome:
    device_id, begins = old.device_id, slot_start(rotation.valid_from_slot)
    kid = kid_of(rotation.new_public_key).hex()
    elsewhere = select(col(DeviceKeyRow.device_id)).where(col(DeviceKeyRow.kid) == kid)
    if (await work.session.execute(elsewhere)).first() is not None:
        return NotPossible("The new key is on file already: a key is used once, by one device.")
    await work.session.execute(update(DeviceKeyRow).where(col(DeviceKeyRow.id) == old.id).values(valid_to=begins))
    new = DeviceKey(
        named_id("dk", device_id, kid),
        rotation.new_keyno,
        rotation.new_public_key,
        kid,
        begins,
        development_key=development_key,
        first_ctr=rotation.first_ctr,
    )
    await add_device_key(work, device_id, new)
    await audit.record(
        work,
        actor=told.actor,
        command="rotate_key",
        subject=device_id,
        reason=f"key {rotation.new_keyno} ({kid}) follows key {old.keyno} ({old.kid}) at {begins.isoformat()}: {told.reason}",
        idempotency_key=named_id("rot", device_id, kid),
        now=now,
    )
    await outbox.announce(work, "device", device_id, now)
    return Decided()


async def _fault(work: Work, device_id: str, old: DeviceKeyRow, rotation: KeyRotation, now: datetime) -> str | None:
    """Why the new key cannot begin there: with what the old key signed it must make one unbroken way."""
    begins = slot_start(rotation.valid_from_slot)
    if old.revoked_from is not None or (old.valid_to is not None and old.valid_to <= now):
        return f"Key {old.keyno} is valid no longer, so it can name no successor. Register the device anew."
    if begins > now + AHEAD_MAX:
        return f"The new key would begin at {begins.isoformat()}, more than {AHEAD_MAX.days} days from now: check the device's clock."
    if begins <= old.valid_from:
        return f"The new key would begin at {begins.isoformat()}, not after key {old.keyno} did ({old.valid_from.isoformat()})."
    row = StatementRow
    signed = select(func.max(col(row.first_at)), func.max(col(row.ctr))).where(
        col(row.device_id) == device_id, col(row.keyno) == old.keyno
    )
    newest: tuple[datetime | None, int | None] = (await work.session.execute(signed)).one()
    newest_at, newest_ctr = newest
    if newest_at is None or newest_ctr is None:
        return None
    span = select(col(row.first_at), col(row.span)).where(
        col(row.device_id) == device_id, col(row.keyno) == old.keyno, col(row.first_at) == newest_at
    )
    last_slot = max(slot_at(first) + slots - 1 for first, slots in await work.session.execute(span))
    if rotation.valid_from_slot <= last_slot:
        return (
            f"Key {old.keyno} signed up to {slot_start(last_slot).isoformat()} already, so the new one cannot begin at "
            f"{begins.isoformat()}: send what waits first (`spool drain`), then rotate."
        )
    if rotation.first_ctr != newest_ctr + 1:
        return (
            f"The last statement on the books has counter {newest_ctr}; the new key would begin with "
            f"{rotation.first_ctr}: send what waits first (`spool drain`), then rotate."
        )
    return None

"""Bringing a device into service: each use case loads what is known, asks the core, and records who, when and why."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlmodel import col

from community.attestation.admission import AGE_MAX
from community.attestation.signatures import kid_of
from community.clock import as_utc, slot_at, slot_start
from community.ids import named_id
from community.onboarding.plausibility_week import WeekRules
from community.onboarding.serials import same_serial
from community.onboarding.stages import NotYet, Step, judge_approval, steps_due
from community.store import audit, outbox
from community.store.decisions import Decided, NotFound, NotPossible, Outcome
from community.store.devices import DeviceKey, add_device_key
from community.store.inbox import INBOX_KEPT
from community.store.onboarding_facts import facts_of, installed_meter
from community.store.tables.identity import DeviceKeyRow, DeviceRow, EnergySourceRow
from community.store.tables.onboarding import SourceDeclarationRow
from community.store.unit_of_work import Work

FACTS = "ingest"
"""Who moves a device on where only facts do."""
_FIRST_KEYNO = 1


@dataclass(frozen=True, slots=True)
class Told:
    """Who decides, and why: what the audit trail keeps of a decision."""

    actor: str
    reason: str
    idempotency_key: str


async def advance(work: Work, device_id: str, now: datetime, rules: WeekRules | None = None) -> list[Step]:
    """Move a device on as far as the facts on the books carry it. Safe to repeat."""
    facts = await facts_of(work, device_id, now, rules or WeekRules())
    steps = [] if facts is None else steps_due(facts, now)
    await _save(work, device_id, steps, Told(FACTS, "", ""), now)
    return steps


async def bind_key(
    work: Work, device_id: str, public_key: bytes, told: Told, now: datetime, **claims: object
) -> Outcome:
    """Bind the first key of a device. `claims`: development_key, firmware, hardware. The same key again is no change.

    It is valid from before the oldest frame that the inbox may hold of it: what it signed then is its own all the same.
    Raises ValueError for what is no P-256 point.
    """
    state = await _hold(work, device_id)
    if state is None:
        return NotFound()
    if state == "revoked":
        return NotPossible("The device was revoked. Register it again under a new record to use it.")
    kid = kid_of(public_key).hex()
    known = (
        await work.session.execute(select(col(DeviceKeyRow.kid)).where(col(DeviceKeyRow.device_id) == device_id))
    ).scalars()
    kids = set(known)
    if kids and kid not in kids:
        return NotPossible(
            f"Key {', '.join(sorted(kids))} is bound to this device already. A change of keys is signed by both: use "
            "`key rotate` on the gateway; after a loss revoke the device and register it anew."
        )
    if not kids:
        elsewhere = select(col(DeviceKeyRow.device_id)).where(col(DeviceKeyRow.kid) == kid)
        other = (await work.session.execute(elsewhere)).scalars().first()
        if other is not None:
            return NotPossible(f"This key is bound to device {other}: one secure element is one device.")
        key = DeviceKey(
            named_id("dk", device_id, kid),
            _FIRST_KEYNO,
            public_key,
            kid,
            slot_start(slot_at(now - INBOX_KEPT - AGE_MAX)),
            development_key=bool(claims.get("development_key", False)),
        )
        await add_device_key(work, device_id, key)
        await _note(work, device_id, "bind_key", told, now)
    versions = {name: claims[name] for name in ("firmware", "hardware") if claims.get(name) is not None}
    if versions:
        await work.session.execute(update(DeviceRow).where(col(DeviceRow.identity_id) == device_id).values(**versions))
    await advance(work, device_id, now)
    return Decided()


async def confirm_serial(work: Work, device_id: str, read_off: str, told: Told, now: datetime) -> Outcome:
    """Somebody compared the meter on site: from now on the device measures. Needs a bound key and an installation."""
    state = await _hold(work, device_id)
    if state is None:
        return NotFound()
    if state == "revoked":
        return NotPossible("The device was revoked. Register it again with a new key to use it.")
    meter = await installed_meter(work, device_id, now)
    if meter is None:
        return NotPossible("No meter is on file for this device now. Record the installation first.")
    if not same_serial(read_off, meter.serial):
        return NotPossible(
            f"The meter on file has the serial number {meter.serial}, not {read_off}. Look at the meter again; if it is "
            "another one, record its installation first."
        )
    has_key = select(col(DeviceKeyRow.id)).where(col(DeviceKeyRow.device_id) == device_id).limit(1)
    if (await work.session.execute(has_key)).first() is None:
        return NotPossible("No key is bound to this device yet. Take its proof of possession, or bind its public key.")
    row = DeviceRow
    changed = (
        update(row)
        .where(col(row.identity_id) == device_id, col(row.serial_confirmed_at).is_(None))
        .values(serial_confirmed_at=now, state="active", approved_at=now)
        .returning(col(row.identity_id))
    )
    if (await work.session.execute(changed)).first() is not None:
        await _note(work, device_id, "confirm_serial", told, now)
    return Decided()


async def approve_for_issuance(
    work: Work, device_id: str, told: Told, now: datetime, *, waiver: str | None = None, rules: WeekRules | None = None
) -> Outcome:
    """Let what a device measures be minted, and with it its source. `waiver` is the reason for doing without the plausible week."""
    if await _hold(work, device_id) is None:
        return NotFound()
    facts = await facts_of(work, device_id, now, rules or WeekRules())
    assert facts is not None
    verdict = judge_approval(facts, now, waiver)
    if isinstance(verdict, NotYet):
        return NotPossible("It cannot be approved yet: " + "; ".join(verdict.missing) + ".")
    await _save(work, device_id, verdict.steps, told, now)
    if facts.source is not None:
        row = EnergySourceRow
        first = update(row).where(col(row.identity_id) == facts.source.id, col(row.approved_at).is_(None))
        await work.session.execute(first.values(approved_at=now))
    return Decided()


@dataclass(frozen=True, slots=True)
class Declaration:
    """Somebody's word that a source's energy is certified nowhere else. Raises ValueError."""

    text: str
    signatory: str
    declared_at: datetime

    def __post_init__(self) -> None:
        if not self.text.strip() or not self.signatory.strip():
            raise ValueError("a declaration needs its text and the name of the one who signed it")
        as_utc(self.declared_at)


async def declare_source(work: Work, source_id: str, word: Declaration, told: Told, now: datetime) -> None:
    """Keep a declaration about a source; the same one again is no change. IntegrityError for an unknown source."""
    declaration = named_id("decl", source_id, word.text, word.signatory, word.declared_at.isoformat())
    found = select(col(SourceDeclarationRow.id)).where(col(SourceDeclarationRow.id) == declaration)
    if (await work.session.execute(found)).first() is not None:
        return
    await work.session.execute(
        insert(SourceDeclarationRow).values(
            id=declaration,
            source_id=source_id,
            text=word.text,
            signatory=word.signatory,
            declared_at=word.declared_at,
            recorded_at=now,
            recorded_by=told.actor,
        )
    )
    await _note(work, source_id, "declare_source", told, now)


async def _save(work: Work, device_id: str, steps: list[Step] | tuple[Step, ...], told: Told, now: datetime) -> None:
    for step in steps:
        # A step that a person takes carries his reason; the others carry the fact.
        why = (
            f"{step.why}, since {step.since:%Y-%m-%d %H:%M:%S} UTC" if not told.reason else f"{step.why}: {told.reason}"
        )
        key = named_id("step", device_id, step.event.value)
        await _note(work, device_id, f"onboarding:{step.stage}", Told(told.actor, why, key), now)
    if steps:
        row = DeviceRow
        changed = update(row).where(col(row.identity_id) == device_id).values(onboarding=steps[-1].stage.value)
        await work.session.execute(changed)


async def _note(work: Work, subject: str, command: str, told: Told, now: datetime) -> None:
    key = told.idempotency_key or named_id("cmd", subject, command, now.isoformat())
    await audit.record(
        work, actor=told.actor, command=command, subject=subject, reason=told.reason, idempotency_key=key, now=now
    )
    await outbox.announce(work, "device", subject, now)


async def _hold(work: Work, device_id: str) -> str | None:
    """The state, held until the unit of work ends: of two decisions under way at once the second sees the first."""
    row = DeviceRow
    held = select(col(row.state)).where(col(row.identity_id) == device_id).with_for_update(key_share=True)
    return (await work.session.execute(held)).scalar_one_or_none()

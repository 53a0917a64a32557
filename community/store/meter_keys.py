"""The key of a meter's own telegrams, changed by its grid operator: the new one counts from an instant on, the old one stays."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import insert, select
from sqlmodel import col

from community.clock import as_utc
from community.ids import named_id
from community.store import audit, outbox
from community.store.decisions import Decided, NotFound, NotPossible, Outcome
from community.store.onboarding import Told
from community.store.sealed_columns import ColumnSeal, meter_key_purpose
from community.store.tables.metering import MeterKeyChangeRow, MeterRow
from community.store.unit_of_work import Work

METER_KEY_SIZE = 16


@dataclass(frozen=True, slots=True)
class MeterKeyChange:
    """Telegrams of the meter `serial` are enciphered with `key` from `valid_from` on. Raises ValueError."""

    serial: str
    key: bytes = field(repr=False)
    valid_from: datetime

    def __post_init__(self) -> None:
        if len(self.key) != METER_KEY_SIZE:
            raise ValueError(f"a meter key has {METER_KEY_SIZE} bytes, not {len(self.key)}")
        as_utc(self.valid_from)


async def change_meter_key(
    work: Work, change: MeterKeyChange, told: Told, column_key: ColumnSeal, now: datetime
) -> Outcome:
    """Record a change of a meter's key. The same one again is no change."""
    serial, key, valid_from = change.serial, change.key, change.valid_from
    held = select(col(MeterRow.id)).where(col(MeterRow.serial) == serial).with_for_update(key_share=True)
    meter = (await work.session.execute(held)).scalar_one_or_none()
    if meter is None:
        return NotFound()
    change_id = named_id("mk", meter, valid_from.isoformat())
    row = MeterKeyChangeRow
    known = select(col(row.key_sealed)).where(col(row.id) == change_id)
    sealed = (await work.session.execute(known)).scalar_one_or_none()
    if sealed is not None:
        if column_key.unseal(sealed, meter_key_purpose(change_id)) == key:
            return Decided()
        return NotPossible(f"Another key is recorded for meter {serial} from {valid_from.isoformat()} on. It stays.")
    await work.session.execute(
        insert(row).values(
            id=change_id,
            meter_id=meter,
            key_sealed=column_key.seal(key, meter_key_purpose(change_id)),
            valid_from=valid_from,
            recorded_at=now,
            recorded_by=told.actor,
        )
    )
    await audit.record(
        work,
        actor=told.actor,
        command="change_meter_key",
        subject=meter,
        reason=f"from {valid_from.isoformat()} on: {told.reason}",
        idempotency_key=told.idempotency_key,
        now=now,
    )
    await outbox.announce(work, "meter", meter, now)
    return Decided()

"""What intake writes in batches refers to what is there, and what it refers to stays: on both databases, each in its way."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from community.store.unit_of_work import Store
from tests.conformance.ingest.intakes import running_intake
from tests.support.sending_device import NOON, NOON_SLOT, SendingDevice, register

ORPHANS = {
    "device dev-none": "seen_message (device_id, generation, counter) VALUES ('dev-none', 0, 1)",
    "frame none": """statement (digest, device_id, device_key_id, keyno, ctr, format, signed, first_at, span,
        reading_count, frame_digest, recorded_at)
        VALUES ('s', 'dev-plant', 'key-plant', 0, 0, 'ecw1', :p, :t, 1, 1, 'none', :t)""",
    "statement none": """measurement (id, register_id, installation_id, device_id, at, register_wh, off_s, status,
        evidence_mode, statement_digest, leaf_index, recorded_at)
        VALUES ('m', 'meter-plant-1-0:2.8.0', 'inst-plant', 'dev-plant', :t, 1, 0, 1, 'DEVICE', 'none', 0, :t)""",
    "measurement m": """interval_energy (metering_point_id, starts_at, revision, energy_wh, quality,
        from_measurement_id, to_measurement_id, recorded_at)
        VALUES ('mp_plant', :t, 1, 0, 'measured', 'm1', 'm2', :t)""",
}


async def _write(store: Store, statement: str) -> None:
    async with store.begin() as work:
        values = {"p": b"x", "t": "2026-03-02T12:00:00.000000Z" if work.is_sqlite else NOON}
        await work.session.execute(
            text(statement), {name: value for name, value in values.items() if f":{name}" in statement}
        )


@pytest.mark.parametrize("what", ORPHANS)
async def test_nothing_refers_to_what_is_not_there(store: Store, what: str) -> None:
    await register(store, SendingDevice())
    with pytest.raises(IntegrityError, match="FOREIGN KEY" if store.dialect == "sqlite" else f"there is no {what}"):
        await _write(store, f"INSERT INTO {ORPHANS[what]}")


async def test_what_readings_refer_to_stays(store: Store) -> None:
    device = SendingDevice()
    await register(store, device)
    async with running_intake(store) as running:
        await running.send(device.frame((NOON_SLOT, 1_000), (NOON_SLOT + 1, 1_100)))
    for change in (
        "DELETE FROM register WHERE id = 'meter-plant-1-0:2.8.0'",
        "UPDATE installation SET id = 'other' WHERE id = 'inst-plant'",
        "DELETE FROM installation WHERE id = 'inst-plant'",
        "UPDATE device_key SET id = 'other' WHERE id = 'key-plant'",
        "DELETE FROM device WHERE identity_id = 'dev-plant'",
        "UPDATE metering_point SET id = 'other' WHERE id = 'mp_plant'",
    ):
        with pytest.raises(IntegrityError, match="FOREIGN KEY" if store.dialect == "sqlite" else r"refers to|refer"):
            await _write(store, change)
    await _write(store, "UPDATE installation SET factor = factor WHERE id = 'inst-plant'")

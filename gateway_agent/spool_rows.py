"""Readings as rows of the spool, both ways, and the counts that people are shown."""

import json
from datetime import UTC, datetime
from typing import Any

from gateway_agent.reading import RawRegister, ReadingFlag, RegisterReading

COLUMNS = (
    "slot, off_s, status, registers, meter_serial, resolution_wh, frame, flags, raw, frame_sha256, invocation_counter,"
    " meter_at_s, gateway_at_s, clock_synchronised"
)

PUT = f"""
INSERT INTO reading ({COLUMNS}, state, development_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (slot) DO UPDATE SET state = excluded.state, status = excluded.status, flags = excluded.flags
WHERE reading.state = 'held'
"""  # noqa: S608
"""What waited may be accepted or refused; what was accepted stays as it is."""

COUNTS = """
SELECT (SELECT count(*) FROM reading),
    (SELECT count(*) FROM reading WHERE ctr IS NULL AND state = 'accepted'),
    (SELECT count(*) FROM statement),
    (SELECT count(*) FROM statement WHERE state <> 'acknowledged'),
    (SELECT count(*) FROM payload WHERE state = 'waiting'),
    (SELECT count(*) FROM reading WHERE state = 'held'),
    (SELECT count(*) FROM reading WHERE state = 'refused'),
    (SELECT min(first) FROM (SELECT min(slot) AS first FROM reading WHERE ctr IS NULL AND state <> 'refused'
        UNION ALL SELECT min(first_slot) FROM statement WHERE state <> 'acknowledged')),
    (SELECT count(*) FROM event)
"""


def row_of(reading: RegisterReading, state: str, development_key: bool) -> tuple[Any, ...]:
    """The values of PUT."""
    return (
        reading.slot,
        reading.off_s,
        reading.status,
        json.dumps(reading.registers),
        reading.meter_serial,
        reading.resolution_wh,
        reading.frame,
        int(reading.flags),
        json.dumps([[each.value, each.scaler, each.unit] for each in reading.raw]),
        reading.frame_sha256,
        reading.invocation_counter,
        _seconds(reading.meter_at),
        _seconds(reading.gateway_at),
        reading.clock_synchronised,
        state,
        development_key,
    )


def reading_of(row: tuple[Any, ...]) -> RegisterReading:
    """The reading in a row of COLUMNS."""
    slot, off_s, status, registers, serial, resolution_wh, frame, flags, raw, digest, counter, meter, gateway, ok = row
    return RegisterReading(
        slot,
        off_s,
        status,
        tuple(json.loads(registers)),
        serial,
        resolution_wh,
        frame,
        flags=ReadingFlag(flags),
        raw=tuple(RawRegister(*each) for each in json.loads(raw)),
        frame_sha256=digest,
        invocation_counter=counter,
        meter_at=_instant(meter),
        gateway_at=_instant(gateway),
        clock_synchronised=None if ok is None else bool(ok),
    )


def _seconds(instant: datetime | None) -> int | None:
    return None if instant is None else int(instant.timestamp())


def _instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)

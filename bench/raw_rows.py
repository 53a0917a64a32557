"""What a database takes if it is given nothing but ready-made rows: the floor under whatever judges them first."""

import time
from datetime import datetime, timedelta

from bench.sending_devices import EXPORT, BenchDevice
from community.clock import slot_at, slot_start
from community.store import frames, intervals, measurements, statements
from community.store.frames import Frame
from community.store.measurements import measurement_id
from community.store.statements import StoredStatement
from community.store.unit_of_work import Store

TOGETHER = 2_000
"""Readings a unit of work, about as many as intake commits together."""
PAYLOAD_EMPTY, PAYLOAD_READING = 190, 12
"""Bytes of a message and of each reading in it (wire-format 2.5)."""
SIGNED_SIZE, LEAF_SIZE, HASH_SIZE = 165, 30, 32


async def raw_rate(store: Store, senders: list[BenchDevice], size: int, count: int, now: datetime) -> float:
    """Readings a second of `count` statements of `size` readings, with their frames and intervals, by one writer."""
    first_slot = slot_at(now - timedelta(days=30))
    batch = max(1, TOGETHER // size)
    spent_s = 0.0
    for begin in range(0, count, batch):
        rows = [_rows(senders, number, size, first_slot, now) for number in range(begin, min(begin + batch, count))]
        began = time.perf_counter()
        async with store.begin() as work:
            await frames.add_frames(work, [frame for frame, *_ in rows])
            await statements.add_statements(work, [statement for _, statement, *_ in rows], now)
            await measurements.add_measurement_rows(work, [one for *_, readings, _ in rows for one in readings])
            await intervals.add_interval_rows(work, [one for *_, found in rows for one in found])
        spent_s += time.perf_counter() - began
    return count * size / spent_s


_Rows = tuple[tuple[Frame, str], StoredStatement, list[tuple[object, ...]], list[tuple[object, ...]]]


def _rows(senders: list[BenchDevice], number: int, size: int, first_slot: int, now: datetime) -> _Rows:
    device, turn = senders[number % len(senders)], number // len(senders)
    name, digest, begin = f"{device.number:06d}", f"{number:064x}", first_slot + turn * size
    register = f"meter-{name}-{EXPORT}"
    payload = digest.encode() + bytes(PAYLOAD_EMPTY + PAYLOAD_READING * size)
    at = slot_start(begin)
    statement = StoredStatement(
        digest, f"dev_{name}", f"key_{name}", 0, turn, "ecw1", bytes(SIGNED_SIZE), at, size, size, digest,
        bytes(HASH_SIZE * size),
    )  # fmt: skip
    values = [(begin + at - first_slot) * 100 for at in range(size)]
    # one more before the first: the interval that leads to this statement begins at the last reading of the one before
    ids = [
        measurement_id(register, slot, (slot - first_slot) * 100, 0, 1, "DEVICE")
        for slot in range(begin - 1, begin + size)
    ]
    readings: list[tuple[object, ...]] = [
        (
            ids[at + 1], register, f"inst_{name}", f"dev_{name}", slot_start(begin + at), values[at], 0, 1, "DEVICE",
            digest, at, bytes(LEAF_SIZE), now,
        )
        for at in range(size)
    ]  # fmt: skip
    energies: list[tuple[object, ...]] = [
        (f"mp_{name}", slot_start(begin + at - 1), 1, 100, "measured", ids[at], ids[at + 1], now)
        for at in range(0 if turn else 1, size)
    ]
    return (Frame(digest, "device_broker", device.eui, payload, None, now), "admitted"), statement, readings, energies

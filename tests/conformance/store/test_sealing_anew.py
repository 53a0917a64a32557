"""Every secret is sealed anew under a new key, row by row, with both keys alive; a killed run is taken up again."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from community.store import devices
from community.store.column_key_file import add_column_key, load_column_keys
from community.store.sealed_columns import ColumnKey, ColumnKeys
from community.store.sealed_rotation import SEALED_COLUMNS, SealedUnder, reseal_some, sealed_under
from community.store.unit_of_work import Store
from tests.support.sending_device import INSTALLED, NOON
from tests.support.stores import new_sqlite_url, opened

OLD, NEW = ColumnKey(bytes(range(32))), ColumnKey(bytes(range(1, 33)))


async def _fill(store: Store, key: ColumnKey, count: int) -> None:
    async with store.begin() as work:
        for number in range(count):
            eui, meter_key = f"70b3d57ed001{number:04x}", bytes([number % 256]) * 16
            device = devices.NewDevice(f"dev_{number}", "d", eui, "ecw1", 1, bytes([number % 256]) * 32)
            await devices.add_device(work, device, key, INSTALLED)
            await devices.add_meter(work, devices.Meter(f"met_{number}", f"S{number}", "m", "m", {}, meter_key), key)


async def _all_open(store: Store, keys: ColumnKeys, count: int) -> None:
    async with store.read() as work:
        for number in range(count):
            found = await devices.load_device(work, f"70b3d57ed001{number:04x}", keys)
            assert found is not None and found.secret == bytes([number % 256]) * 32


async def test_rows_move_to_the_new_key_one_by_one_and_open_all_the_time(store: Store) -> None:
    await _fill(store, OLD, 3)
    both = ColumnKeys((NEW, OLD))
    counts: list[int] = []
    for column in SEALED_COLUMNS:
        while True:
            async with store.begin() as work:
                counts.append(await reseal_some(work, both, column, 2))
            await _all_open(store, both, 3)
            if not counts[-1]:
                break
    assert counts == [2, 1, 0, 2, 1, 0, 0]  # devices, meters, and no meter whose key was changed
    async with store.read() as work:
        assert await sealed_under(work) == [
            SealedUnder("device secrets", NEW.id.hex(), 3),
            SealedUnder("meter keys", NEW.id.hex(), 3),
        ]
    await _all_open(store, ColumnKeys((NEW,)), 3)


async def _command(folder: Path, *words: str) -> asyncio.subprocess.Process:
    environment = {
        **os.environ,
        "INGEST_DATABASE_URL": f"sqlite:///{folder}/community.db",
        "INGEST_COLUMN_KEY_FILE": str(folder / "column.key"),
        "PYTHONUNBUFFERED": "1",
    }
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "ingest", *words),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_a_rotation_killed_on_its_way_is_ended_by_the_next(tmp_path: Path) -> None:
    count = 30
    old = add_column_key(tmp_path / "column.key")
    async with opened(await new_sqlite_url(tmp_path)) as store:
        await _fill(store, old, count)
        add_column_key(tmp_path / "column.key")
        keys = load_column_keys(tmp_path / "column.key")

        killed = await _command(tmp_path, "secrets", "rotate")
        assert killed.stdout is not None
        assert b"sealed anew" in await asyncio.wait_for(killed.stdout.readline(), 60)
        killed.send_signal(signal.SIGKILL)
        await killed.communicate()
        async with store.read() as work:
            half_way = await sealed_under(work)
        assert sum(one.count for one in half_way) == 2 * count
        await _all_open(store, keys, count)

        again = await _command(tmp_path, "secrets", "rotate", "--json")
        said, complaints = await again.communicate()
        assert again.returncode == 0, complaints
        answer = json.loads(said)
        assert answer["left"] == 0 and 0 < answer["resealed"] < 2 * count
        await _all_open(store, ColumnKeys((keys.current,)), count)
        async with store.begin() as work:
            device = devices.NewDevice("dev_new", "d", "70b3d57ed0020000", "ecw1", 1, bytes(32))
            await devices.add_device(work, device, keys, NOON)
            assert {one.key_id for one in await sealed_under(work)} == {keys.current.id.hex()}

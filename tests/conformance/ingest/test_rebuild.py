"""`ingest rebuild` derives everything again from the frames, and finds every row that was edited, added or taken away."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from community.store.unit_of_work import Store
from ingest.__main__ import main
from ingest.judging import Judge
from ingest.rebuild import Rebuilt, rebuild
from tests.conformance.ingest.intakes import running_intake
from tests.support.sending_device import EXPORT, NOON_SLOT, SendingDevice, register
from tests.support.stores import COLUMN_KEY, new_sqlite_url, opened

TRIGGERS = {"measurement": ("measurement_no_update", "measurement_no_delete"), "interval_energy": ("interval_energy_no_update", "interval_energy_no_delete")}  # fmt: skip


async def fill(store: Store) -> None:
    """Two plants: in order, late, repeated, refused, with a gap, and a frame that came before its device was known."""
    first, second, late = (SendingDevice(eui=f"70b3d57ed00000{number:02x}") for number in range(3))
    await register(store, first, name="first")
    await register(store, second, name="second", factor=40, registers={EXPORT: 10_000})
    async with running_intake(store) as intake:

        async def send(payload: bytes, eui: str) -> str:
            intake.clock.instant += timedelta(milliseconds=1)  # no two arrive at the same instant
            return (await intake.send(payload, eui)).verdict

        frames = [first.frame((NOON_SLOT + n, 1000 + n), (NOON_SLOT + n + 1, 1001 + n)) for n in range(0, 8, 2)]
        for payload in (frames[0], frames[2], frames[1], frames[2], b"no frame", frames[3]):
            await send(payload, first.eui)
        await send(first.frame((NOON_SLOT + 9, 10**8)), first.eui)
        await send(second.frame((NOON_SLOT, 9_990), (NOON_SLOT + 1, 5), (NOON_SLOT + 3, 20)), second.eui)
        early = late.frame((NOON_SLOT, 7), (NOON_SLOT + 1, 9))
        await send(early, late.eui)
        await register(store, late, name="late")
        assert await send(early, late.eui) == "admitted"


async def rebuilt(store: Store) -> Rebuilt:
    return await rebuild(store, Judge(COLUMN_KEY))


async def edit(store: Store, table: str, statement: str) -> None:
    """Change what the database refuses to change: by taking its guard away."""
    async with store.begin() as work:
        if work.is_sqlite:
            for trigger in TRIGGERS[table]:
                await work.session.execute(text(f"DROP TRIGGER {trigger}"))
            await work.session.execute(text("PRAGMA defer_foreign_keys = ON"))
        else:
            await work.session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        await work.session.execute(text(statement))


async def test_what_was_derived_is_derived_again(store: Store) -> None:
    await fill(store)
    progress: list[tuple[int, int]] = []
    found = await rebuild(store, Judge(COLUMN_KEY), lambda done, of: progress.append((done, of)))
    assert found.differences == []
    assert (found.different, found.frames, found.readings, found.intervals) == (0, 7, 13, 9)
    assert progress[-1] == (7, 7)


@pytest.mark.parametrize(
    ("table", "statement", "says"),
    [
        ("measurement", "UPDATE measurement SET register_wh = register_wh + 1 WHERE register_wh = 1003", "register_wh is 1004 on the books, 1003 by its frames"),
        ("interval_energy", "UPDATE interval_energy SET energy_wh = 8 WHERE energy_wh = 2", "energy_wh is 8 on the books, 2 by its frames"),
        ("interval_energy", "DELETE FROM interval_energy WHERE energy_wh = 2", "not on the books; its frames give 2 Wh"),
        ("interval_energy", "UPDATE interval_energy SET derivation = 0 WHERE energy_wh = 2", "derived by version 0"),
    ],
)  # fmt: skip
async def test_what_was_changed_is_named(store: Store, table: str, statement: str, says: str) -> None:
    await fill(store)
    await edit(store, table, statement)
    found = await rebuilt(store)
    assert found.different == 1
    assert says in str(found.differences[0])


async def test_what_no_frame_gives_is_named(sqlite_store: Store) -> None:
    await fill(sqlite_store)
    async with sqlite_store.begin() as work:
        await work.session.execute(
            text(
                "INSERT INTO interval_energy (metering_point_id, starts_at, revision, energy_wh, quality,"
                " from_measurement_id, to_measurement_id, recorded_at) SELECT metering_point_id,"
                " '2026-03-09T12:00:00.000000Z', 1, 500, quality, from_measurement_id, to_measurement_id, recorded_at"
                " FROM interval_energy LIMIT 1"
            )
        )
    (difference,) = (await rebuilt(sqlite_store)).differences
    assert "at 2026-03-09 12:00 UTC: on the books, but no frame gives it" in str(difference)


@pytest.fixture
def as_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """Run the command on the books at a URL."""
    (tmp_path / "column.key").write_text(COLUMN_KEY.key.hex())

    def run(url: str) -> int:
        monkeypatch.setenv("INGEST_DATABASE_URL", url)
        monkeypatch.setenv("INGEST_COLUMN_KEY_FILE", str(tmp_path / "column.key"))
        return main(["rebuild"])

    return run


def test_the_command_ends_with_what_it_found(
    tmp_path: Path, as_process: Callable[[str], int], capsys: pytest.CaptureFixture[str]
) -> None:

    async def prepared(change: bool) -> str:
        url = f"sqlite:///{tmp_path}/community.db" if change else await new_sqlite_url(tmp_path)
        async with opened(url) as store:
            if change:
                await edit(store, "measurement", "UPDATE measurement SET status = 3 WHERE register_wh = 1003")
            else:
                await fill(store)
        return url

    url = asyncio.run(prepared(change=False))
    assert as_process(url) == 0
    assert "all as the frames say" in capsys.readouterr().out
    asyncio.run(prepared(change=True))
    assert as_process(url) == 1
    said = capsys.readouterr().out
    assert "reading of meter-first-1-0:2.8.0 at 2026-03-02 12:45 UTC: status is 3 on the books, 1 by its frames" in said
    assert "1 difference" in said

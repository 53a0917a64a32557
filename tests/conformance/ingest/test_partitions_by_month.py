"""The partitions of docs/scale.md, made by the words that stand there: intake goes on, and every month defends itself."""

import re
from datetime import UTC, datetime

import pytest

from community.clock import slot_at
from community.store.unit_of_work import Store
from tests.architecture.repository import ROOT
from tests.conformance.ingest.intakes import running_intake
from tests.support.sending_device import SendingDevice, register
from tests.support.stores import new_postgres_url, opened
from tools.private_postgres import PostgresUnavailable, PrivatePostgres

(SQL,) = re.findall(r"```sql\n(BEGIN;.*?COMMIT;)\n```", (ROOT / "docs" / "scale.md").read_text(), flags=re.DOTALL)
LAST_OF_NOVEMBER = datetime(2026, 11, 30, 23, tzinfo=UTC)
MONTHS = ["interval_energy_2026_12", "interval_energy_before_2026_12", "interval_energy_later"]


async def test_books_are_partitioned_by_month_as_the_notes_say(postgres_server: PrivatePostgres) -> None:
    url, device = await new_postgres_url(postgres_server), SendingDevice()
    database, first = url.rsplit("/", 1)[1], slot_at(LAST_OF_NOVEMBER)
    async with opened(url) as store:
        await register(store, device)
        await take_in(store, device, (first, 1000), (first + 1, 1100), (first + 2, 1300))
    postgres_server.execute(SQL, database)
    january = slot_at(datetime(2027, 1, 1, tzinfo=UTC))
    async with opened(url) as store:
        await take_in(store, device, *((first + n, 1300 + 10 * n) for n in (3, 4, 5, 6)))
        await take_in(store, device, (january, 5000), (january + 1, 5100))
    summed = postgres_server.execute("SELECT sum(energy_wh) FROM interval_energy", database)
    assert int(summed) == 100 + 200 + 30 + 10 + 10 + 10 + 100
    counted = "SELECT tableoid::regclass, count(*) FROM interval_energy GROUP BY 1 ORDER BY 1::text"
    rows = dict(line.split("|") for line in postgres_server.execute(counted, database).splitlines())
    assert rows == {month: str(count) for month, count in zip(MONTHS, (2, 4, 1), strict=True)}
    for month in MONTHS:
        for table in ("interval_energy", month):
            change = f"UPDATE {table} SET energy_wh = 0 WHERE id = (SELECT min(id) FROM {month})"
            refused(postgres_server, database, change, "never changed")
        refused(
            postgres_server, database, f"INSERT INTO interval_energy SELECT * FROM {month} LIMIT 1", "duplicate key"
        )
        columns = "metering_point_id, starts_at, revision, energy_wh, quality, from_measurement_id, to_measurement_id"
        values = "metering_point_id, starts_at, revision + 1, energy_wh, quality, 'nobody', 'nobody'"
        stranger = (
            f"INSERT INTO interval_energy ({columns}, recorded_at) SELECT {values}, recorded_at FROM {month} LIMIT 1"
        )
        refused(postgres_server, database, stranger, "measurement")


async def take_in(store: Store, device: SendingDevice, *readings: tuple[int, int]) -> None:
    async with running_intake(store) as intake:
        intake.clock.instant = datetime(2027, 1, 2, tzinfo=UTC)
        await intake.send(device.frame(*readings))
        assert await intake.refused() == []


def refused(server: PrivatePostgres, database: str, statement: str, why: str) -> None:
    with pytest.raises(PostgresUnavailable, match=f"ERROR: .*{why}"):
        server.execute(statement, database)

"""Of many devices heard of only those that miss something are looked at one by one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from community.store.evidence_gaps import devices_with_gaps, whole_up_to
from community.store.unit_of_work import Store, Work
from ingest.judging import Judge
from ingest.repairs import LOOKED_AT_AGAIN, Repairs, Ways
from tests.conformance.ingest.intakes import running_intake
from tests.support.sending_device import NOON_SLOT, SendingDevice, register
from tests.support.stores import COLUMN_KEY


class CountingStore(Store):
    """Counts the units of work that may write."""

    begun = 0

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Work]:
        self.begun += 1
        async with super().begin() as work:
            yield work


async def test_only_who_misses_something_costs_a_unit_of_work(store: Store) -> None:
    devices = [SendingDevice(eui=f"70b3d57ed00000{number:02x}") for number in range(6)]
    for number, device in enumerate(devices):
        await register(store, device, name=f"plant-{number}")
    counting = CountingStore(store.engine)
    async with running_intake(store) as running:
        judge = Judge(COLUMN_KEY)
        repairs = Repairs(counting, judge.load, judge.folds, Ways(), running.clock)

        async def send(device: SendingDevice, ctr: int) -> None:
            slot = NOON_SLOT + ctr
            payload = device.frame((slot, 1_000 + 10 * ctr), ctr=ctr)
            await repairs.committed([await running.send(payload, device.eui)])

        for device in devices:
            for ctr in (0, 1, 2) if device is not devices[3] else (0, 2):
                await send(device, ctr)
        await repairs.look()
        assert counting.begun == 1
        async with store.read() as work:
            assert await devices_with_gaps(work) == [devices[3].eui]
            asked = [(device.eui, 0, None) for device in devices]
            whole = {(device.eui, 0): 2 for device in devices if device is not devices[3]}
            assert await whole_up_to(work, [*asked, ("70b3d57ed00000ff", 0, None)]) == whole
        running.clock.instant += LOOKED_AT_AGAIN + timedelta(minutes=1)
        await send(devices[3], 1)  # fills its hole: looked at once more, since a gap is on record
        await send(devices[4], 4)  # makes one
        await repairs.look()
        assert counting.begun == 3
        async with store.read() as work:
            assert await devices_with_gaps(work) == [devices[4].eui]
            assert await whole_up_to(work, [(devices[3].eui, 0, 0), (devices[5].eui, 0, 2)]) == {
                (devices[3].eui, 0): 2,
                (devices[5].eui, 0): 2,
            }

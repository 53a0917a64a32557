"""The health of a device is what the books say: seen, missing, refused, counters, clock; on both databases."""

from datetime import timedelta

from community.attestation.statement import SlotReading
from community.store.devices import end_installation
from community.store.unit_of_work import Store
from community.store.views.device_health import DeviceHealth, Missing, device_health
from tests.conformance.ingest.intakes import running_intake
from tests.support.sending_device import EUI, NOON, NOON_SLOT, SendingDevice, register

NOW = NOON + timedelta(hours=6)
OTHER = "70b3d57ed00000aa"


async def health(store: Store, eui: str = EUI) -> DeviceHealth:
    async with store.read() as work:
        (found,) = await device_health(work, NOW, [eui])
    return found


async def test_what_is_on_the_books_is_what_is_told(store: Store) -> None:
    device, silent = SendingDevice(), SendingDevice(eui=OTHER)
    await register(store, device)
    await register(store, silent, name="silent")
    async with store.begin() as work:
        await end_installation(work, "inst-silent", NOON - timedelta(days=1) + timedelta(minutes=15))
    async with running_intake(store) as intake:
        await intake.send(device.frame(*[(NOON_SLOT + number, 1000 + number) for number in range(23)]))
        message = device.frame((NOON_SLOT + 24, 2000), ctr=1)
        await intake.send(message)
        await intake.send(message[:-1] + bytes([message[-1] ^ 1]))  # does not open: altered
        unsigned = device.sign([SlotReading(NOON_SLOT + 23, 0, 1, (1500,))], ctr=2, key_of=SendingDevice())
        await intake.send(device.seal(unsigned))
        await intake.send(device.frame((NOON_SLOT + 20, 5), ctr=1))  # the counter was used: two statements with it
    found = await health(store)
    assert found.last_seen_at == NOW
    assert found.missing["24 h"] == Missing(96, 24) and found.missing["24 h"].per_mille == 750
    assert found.missing["7 d"] == Missing(672, 24) and found.missing["30 d"] == Missing(2880, 24)
    assert (found.signature_failures, found.counter_anomalies) == (2, 1)
    assert found.drift == timedelta(0) and not found.drifts
    quiet = await health(store, OTHER)
    assert (quiet.last_seen_at, quiet.drift, quiet.signature_failures) == (None, None, 0)
    assert quiet.missing["24 h"] == Missing(0, 0) and quiet.missing["24 h"].per_mille is None
    assert quiet.missing["7 d"].present == 0 and quiet.missing["7 d"].expected > 500
    async with store.read() as work:
        assert [one.eui for one in await device_health(work, NOW)] == [EUI, OTHER]


async def test_a_clock_that_is_late_shows(sqlite_store: Store) -> None:
    device = SendingDevice()
    await register(sqlite_store, device)
    async with running_intake(sqlite_store) as intake:
        for number in range(3):  # each comes 100 to 140 s after its instant
            intake.clock.instant = NOW - timedelta(minutes=15 * number) + timedelta(seconds=100 + 20 * number)
            await intake.send(device.frame((NOON_SLOT + 24 - number, 1000 - number)))
    found = await health(sqlite_store)
    assert found.drift == timedelta(seconds=100) and found.drifts

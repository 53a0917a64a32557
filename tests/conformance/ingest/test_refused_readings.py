"""Single readings that are refused: failed ones, those refused when a frame comes again, and telegrams without the one that counts."""

from datetime import timedelta

from community.attestation.reasons import Reason
from community.attestation.statement import SlotReading
from community.store.unit_of_work import Store
from tests.conformance.ingest.intakes import running_intake
from tests.conformance.ingest.test_legacy_by_things_stack import send, uplink_json
from tests.support.legacy_gateway import GATEWAY, IMPORT, METER_KEY, QUARTER, legacy_payload
from tests.support.sending_device import NOON, NOON_SLOT, SendingDevice, register


async def test_what_is_refused_when_a_frame_comes_again_stays_open(store: Store) -> None:
    device = SendingDevice()
    async with running_intake(store) as intake:
        payload = device.frame((NOON_SLOT, 1000), (NOON_SLOT + 1, 9_000_000))
        assert (await intake.send(payload)).reason == Reason.UNKNOWN_DEVICE
        await register(store, device)
        again = await intake.send(payload)
        assert (again.verdict, again.readings_refused) == ("admitted", 1)
        states = {entry.reason: entry.resolved_at is not None for entry in await intake.refused()}
    assert states == {Reason.UNKNOWN_DEVICE: True, Reason.BEYOND_NAMEPLATE: False}


async def test_a_reading_that_failed_is_no_measurement(store: Store) -> None:
    device = SendingDevice()
    await register(store, device)
    async with running_intake(store) as intake:
        assert (await intake.send(device.frame((NOON_SLOT, 1000)))).verdict == "admitted"
        failed = device.seal(device.sign([SlotReading(NOON_SLOT + 1, 0, 0b100, (5000,))]))
        outcome = await intake.send(failed)
        assert (outcome.verdict, outcome.readings_refused) == ("admitted", 1)
        assert [entry.reason for entry in await intake.refused()] == [Reason.READING_FAILED]
        assert (await intake.send(device.frame((NOON_SLOT + 2, 1020)))).readings_refused == 0
        assert await intake.readings() == [(0, 1000), (2, 1020)]


async def test_a_telegram_without_the_register_that_counts_says_so(store: Store) -> None:
    counted = "1-0:15.8.0"
    await register(
        store, GATEWAY, name="flat", payload_format="legacy", meter_key=METER_KEY, settled_obis=counted,
        registers={IMPORT: 10**9, counted: 10**9},
    )  # fmt: skip
    async with running_intake(store) as intake:
        at = NOON + QUARTER + timedelta(seconds=1)
        outcome = await send(intake, uplink_json(legacy_payload(100, at, 5000), at))
        assert (outcome.verdict, outcome.readings_refused) == ("admitted", 1)
        (entry,) = await intake.refused()
        assert entry.reason == Reason.UNKNOWN_REGISTER and counted in entry.detail
        assert await intake.readings("flat", IMPORT) == [(1, 5000)]

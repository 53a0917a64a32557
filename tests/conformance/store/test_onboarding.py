"""Devices come into service and go out of it in the books, on both databases: who, when, why, and no mint before."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from community.attestation.possession import PossessionClaims, encode_possession
from community.attestation.reasons import Reason
from community.identity.identities import EnergySource
from community.onboarding.stages import Stage
from community.store import audit, devices, identities, onboarding, possession, revocations
from community.store.decisions import Decided, NotFound, NotPossible, Outcome
from community.store.devices import DeviceFile
from community.store.onboarding import Declaration, Told
from community.store.unit_of_work import Store, Work
from community.store.views import measurements as views
from community.store.views.scope import Scope
from tests.conformance.ingest.intakes import running_intake
from tests.support.sending_device import EUI, EXPORT, INSTALLED, NOON, NOON_SLOT, SendingDevice
from tests.support.stores import COLUMN_KEY

NOW = NOON + timedelta(hours=6)


def told(number: int = 1) -> Told:
    return Told("op_anna", "seen on site", f"command-{number:04}")


async def _record(store: Store, device: SendingDevice, *, name: str = "plant", trial: bool = False) -> None:
    """A device without key at a meter that is installed, with the source there."""
    async with store.begin() as work:
        await devices.add_metering_point(
            work, devices.MeteringPoint(f"mp_{name}", f"AT{name:0>31}", name, "production", EXPORT)
        )
        await devices.add_meter(
            work, devices.Meter(f"meter-{name}", f"SN-{name}", "Maker", "Model", {EXPORT: 10**9}), COLUMN_KEY
        )
        new = devices.NewDevice(f"dev-{name}", name, device.eui, "ecw1", 3, device.secret, trial=trial)
        await devices.add_device(work, new, COLUMN_KEY, INSTALLED)
        await devices.install(
            work, f"inst-{name}", metering_point_id=f"mp_{name}", meter_id=f"meter-{name}", device_id=f"dev-{name}",
            valid_from=INSTALLED, max_power_w=30_000,
        )  # fmt: skip
        source = EnergySource(
            f"src_{name}", name, "0x" + device.eui * 4, "pv", 30_000, 10, f"mp_{name}", 0, INSTALLED, approved_at=NOW,
            trial=trial,
        )  # fmt: skip
        await identities.add_energy_source(work, source, INSTALLED)


async def _file(store: Store, eui: str = EUI) -> DeviceFile:
    async with store.read() as work:
        found = await devices.load_device(work, eui, COLUMN_KEY)
    assert found is not None
    return found


async def _stage(store: Store, device: str = "dev-plant") -> str:
    async with store.read() as work:
        row = await work.session.execute(text("SELECT onboarding FROM device WHERE identity_id = :d"), {"d": device})
        return str(row.scalar_one())


@asynccontextmanager
async def deciding(store: Store) -> AsyncIterator[Work]:
    async with store.begin() as work:
        yield work


def _refused(outcome: Outcome, said: str) -> None:
    assert isinstance(outcome, NotPossible)
    assert said in outcome.sentence


async def test_from_the_record_to_approval(store: Store) -> None:
    device = SendingDevice(keyno=1)
    await _record(store, device)
    key = device.public_key
    async with deciding(store) as work:
        _refused(await onboarding.confirm_serial(work, "dev-plant", "SN-plant", told(), NOW), "No key is bound")
        _refused(await onboarding.approve_for_issuance(work, "dev-plant", told(), NOW), "no key is bound")
        assert await onboarding.bind_key(work, "dev-none", key, told(), NOW) == NotFound()
        with pytest.raises(ValueError, match="SEC1 point"):
            await onboarding.bind_key(work, "dev-plant", bytes(65), told(), NOW)
        assert (
            await onboarding.bind_key(work, "dev-plant", key, told(2), NOW, firmware="1.2", hardware="box") == Decided()
        )
        assert await onboarding.bind_key(work, "dev-plant", key, told(3), NOW) == Decided()  # again: no change
        other = SendingDevice().public_key
        _refused(await onboarding.bind_key(work, "dev-plant", other, told(4), NOW), "signed by both")
    assert await _stage(store) == Stage.KEY_BOUND
    async with running_intake(store) as intake:
        outcome = await intake.send(device.frame((NOON_SLOT, 1000), (NOON_SLOT + 1, 1100)))
        assert outcome.reason == Reason.DEVICE_NOT_ACTIVE  # proven, but nobody has looked at the meter
        async with deciding(store) as work:
            await onboarding.advance(work, "dev-plant", NOW)
        assert await _stage(store) == Stage.SIGNATURE_VERIFIED
        async with deciding(store) as work:
            _refused(await onboarding.confirm_serial(work, "dev-plant", "SN-other", told(5), NOW), "SN-plant")
            assert await onboarding.confirm_serial(work, "dev-plant", "sn plant", told(6), NOW) == Decided()
        assert (await _file(store)).state == "active"
        assert (await intake.send(device.frame((NOON_SLOT, 1000), (NOON_SLOT + 1, 1100), ctr=1))).verdict == "admitted"
    async with deciding(store) as work:
        _refused(await onboarding.approve_for_issuance(work, "dev-plant", told(7), NOW), "no declaration for source")
        word = Declaration("not registered for certificates elsewhere", "Anna Example", NOON)
        for _again in range(2):
            await onboarding.declare_source(work, "src_plant", word, told(8), NOW)
        _refused(await onboarding.approve_for_issuance(work, "dev-plant", told(9), NOW), "wait until")
        waiver = "measured beside the old meter"
        assert await onboarding.approve_for_issuance(work, "dev-plant", told(10), NOW, waiver=waiver) == Decided()
        assert await onboarding.approve_for_issuance(work, "dev-plant", told(11), NOW) == Decided()
        trail = [(entry.command, entry.actor) for entry in (await audit.entries(work, 50, None)).items][::-1]
    assert await _stage(store) == Stage.APPROVED
    assert trail == [
        ("bind_key", "op_anna"), ("onboarding:key_bound", "ingest"), ("onboarding:joined", "ingest"),
        ("onboarding:signature_verified", "ingest"), ("confirm_serial", "op_anna"), ("declare_source", "op_anna"),
        ("onboarding:plausible", "op_anna"), ("onboarding:approved", "op_anna"),
    ]  # fmt: skip


async def test_a_nonce_is_answered_once_and_in_time(store: Store) -> None:
    device = SendingDevice()
    await _record(store, device)

    def proof(nonce: bytes, by: SendingDevice = device) -> bytes:
        claims = PossessionClaims(nonce, bytes.fromhex(EUI), "1.2.0", "box rev B")
        return encode_possession(claims, device.public_key, by.raw_signature(claims.to_be_signed()))

    async def answer(token: bytes, at: timedelta = timedelta()) -> Outcome:
        async with store.begin() as work:
            return await possession.accept_possession(work, "dev-plant", token, device.public_key, told(), NOW + at)

    async with store.begin() as work:
        first = await possession.give_nonce(work, "dev-plant", NOW - timedelta(minutes=2))
        nonce = await possession.give_nonce(work, "dev-plant", NOW)
        assert await possession.give_nonce(work, "dev-plant", NOW + timedelta(seconds=59)) == nonce != first
    _refused(await answer(proof(first)), "another nonce")
    _refused(await answer(proof(nonce, SendingDevice())), "not by this key")
    _refused(await answer(proof(nonce), timedelta(minutes=11)), "Take a new one")
    for _again in range(2):  # the answer was lost: the same proof is accepted again and changes nothing
        assert await answer(proof(nonce)) == Decided()
    async with store.begin() as work:
        other = SendingDevice()
        claims = PossessionClaims(nonce, bytes.fromhex(EUI), "1", "1")
        token = encode_possession(claims, other.public_key, other.raw_signature(claims.to_be_signed()))
        used = await possession.accept_possession(work, "dev-plant", token, other.public_key, told(), NOW)
        _refused(used, "Take a new one")
    assert (await _file(store)).keys[0].public_key == device.public_key
    async with store.read() as work:
        row = await work.session.execute(text("SELECT firmware, hardware FROM device WHERE identity_id = 'dev-plant'"))
        assert tuple(row.one()) == ("1.2.0", "box rev B")
    async with store.begin() as work:
        unknown = await possession.accept_possession(work, "dev-none", b"", device.public_key, told(), NOW)
        assert unknown == NotFound()


async def test_the_database_keeps_trial_for_good_and_reads_a_register_at_one_place(store: Store) -> None:
    await _record(store, SendingDevice(), trial=True)
    for command in (
        "UPDATE device SET trial = false WHERE identity_id = 'dev-plant'",
        "UPDATE energy_source SET trial = false WHERE identity_id = 'src_plant'",
    ):
        with pytest.raises(DBAPIError, match="for good"):
            async with store.begin() as work:
                await work.session.execute(text(command))
    async with store.begin() as work:
        await devices.add_metering_point(work, devices.MeteringPoint("mp_2", "AT2", "again", "production", EXPORT))

    async def install_again() -> None:
        async with store.begin() as work:
            await devices.install(
                work, "inst-2", metering_point_id="mp_2", meter_id="meter-plant", device_id="dev-plant",
                valid_from=NOON, max_power_w=1,
            )  # fmt: skip

    with pytest.raises(IntegrityError, match="another metering point"):
        await install_again()
    async with store.begin() as work:  # the same meter's other register is another matter
        await devices.add_metering_point(
            work, devices.MeteringPoint("mp_3", "AT3", "own use", "consumption", "1-0:1.8.0")
        )
        await devices.install(
            work, "inst-3", metering_point_id="mp_3", meter_id="meter-plant", device_id="dev-plant",
            valid_from=NOON, max_power_w=1,
        )  # fmt: skip
        await onboarding.declare_source(work, "src_plant", Declaration("none elsewhere", "A", NOON), told(), NOW)
    for command in ("UPDATE source_declaration SET text = 'x'", "DELETE FROM source_declaration"):
        with pytest.raises(DBAPIError, match="never"):
            async with store.begin() as work:
                await work.session.execute(text(command))


async def test_a_revocation_in_the_past_lists_what_rests_on_the_key_and_changes_none_of_it(store: Store) -> None:
    device = SendingDevice(keyno=1)
    await _record(store, device)
    async with store.begin() as work:
        await onboarding.bind_key(work, "dev-plant", device.public_key, told(1), NOW)
        await onboarding.confirm_serial(work, "dev-plant", "SN-plant", told(2), NOW)
    async with running_intake(store) as intake:
        readings = [(NOON_SLOT + number, 1000 + 100 * number) for number in range(4)]
        await intake.send(device.frame(*readings))
        before = (await intake.readings(), await intake.intervals())
        since = NOON + timedelta(minutes=30)
        async with store.begin() as work:
            assert await revocations.revoke(work, "dev-none", since, told(3), NOW) == NotFound()
            _refused(await revocations.revoke(work, "dev-plant", since, told(4), NOW, keyno=7), "no key with number 7")
            ahead = NOW + timedelta(seconds=1)
            _refused(await revocations.revoke(work, "dev-plant", ahead, told(5), NOW), "in the past")
            assert await revocations.revoke(work, "dev-plant", since, told(6), NOW) == Decided()
            # later does not narrow it
            assert await revocations.revoke(work, "dev-plant", NOW, told(7), NOW) == Decided()
        async with store.read() as work:
            resting = await revocations.rests_on(work, "dev-plant")
        assert (await intake.readings(), await intake.intervals()) == before
        assert resting.measurements == 2
        assert [one.starts_at for one in resting.intervals] == [NOON + timedelta(minutes=15), since]
        assert resting.energy_wh == 200 and resting.issuances == ()
        async with store.read() as work:
            everything = Scope(everything=True)
            series = await views.series(work, everything, "mp_plant", NOON, NOON + timedelta(hours=1))
            page = await views.page(work, everything, "mp_plant", since=None, until=None, first=9, after=None)
        assert series.quality == ("measured", "suspect", "suspect", "missing")
        assert [one.suspect for one in page.items] == [True, True, False, False]
        late = await intake.send(device.frame((NOON_SLOT + 4, 1400)))
        assert late.reason == Reason.KEY_NOT_VALID
        assert (await intake.send(device.frame((NOON_SLOT + 1, 1100)))).reason == Reason.DEVICE_NOT_ACTIVE
    assert (await _file(store)).keys[0].revoked_from == since


def test_a_declaration_needs_words_and_a_name() -> None:
    for words, name in (("", "Anna"), ("none elsewhere", " ")):
        with pytest.raises(ValueError, match="needs its text"):
            Declaration(words, name, NOON)
    with pytest.raises(ValueError, match="time zone"):
        Declaration("none elsewhere", "Anna", NOON.replace(tzinfo=None))

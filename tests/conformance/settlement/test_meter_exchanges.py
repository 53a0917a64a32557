"""A source whose meter was exchanged goes on from the new meter's register; what the old one still counted is minted too."""

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from community.attestation.signatures import kid_of
from community.clients.evm import EvmNode
from community.errors import FatalError
from community.minting.epochs import SourceEpoch
from community.minting.issuances import IssuanceState
from community.reconciliation.breaks import BreakKind
from community.runtime.system_clock import SystemClock
from community.store import devices
from community.store.decisions import Decided
from community.store.devices import DeviceKey, Meter, NewDevice
from community.store.exchange_records import ExchangeRecord, record_exchange
from community.store.onboarding import Told
from community.store.tables.identity import DeviceKeyRow, DeviceRow
from community.store.tables.metering import InstallationRow
from community.store.tables.minting import IssuanceRow
from community.store.views.balances import balances
from community.store.views.scope import Scope
from contracts.abi import encode_configure
from settlement.epochs import Begun, begin, lines_of
from settlement.report import status_lines
from settlement.supplements import registry_entry
from tests.conformance.settlement.test_restored_backup import back_up, recovered, restore
from tests.conformance.settlement.test_settles_on_a_real_chain import Killed, pass_and_mine
from tests.support.plant_on_chain import HOLDERS, OPENING_WH
from tests.support.reconciled_world import add_intervals, reconciled
from tests.support.sending_device import EXPORT, INSTALLED, NOON, NOON_SLOT, SendingDevice
from tests.support.settlement_world import SettlementWorld, settlement_world
from tests.support.stores import COLUMN_KEY, opened

pytestmark = pytest.mark.timeout(120)
NEW_REGISTER = f"meter-new-{EXPORT}"
EXCHANGED_AT = NOON + timedelta(minutes=37, seconds=20)
REST_WH = 30


@dataclass
class Exchanged:
    """A plant of which 150 Wh are settled, and whose old meter counted 30 Wh more until it was taken out."""

    world: SettlementWorld
    device: SendingDevice
    installation_id: str

    async def read(self, *readings: tuple[int, int]) -> None:
        """Readings of the new meter, in Wh since the old one's opening."""
        await self.world.add_readings(
            *readings,
            plant="new",
            register_id=NEW_REGISTER,
            installation_id=self.installation_id,
            signed_as=("dev-new", f"key-new-{self.device.keyno}"),
        )

    async def begin(self) -> Begun:
        async with opened(self.world.store_url) as store:
            return await begin(store, "plant", "anna", "the old meter's rest", SystemClock().now())

    def pin(self, begun: Begun) -> None:
        """What the operators pin: the source as it goes on, and the rest."""
        sources = self.world.registry["sources"]
        sources[0] = registry_entry(begun.setup, begun.number)
        if begun.rest is not None and begun.rest.setup is not None:
            sources.append(registry_entry(begun.rest.setup))
            self.world.registry["attestations"] = [begun.rest.attestation]
        self.world.pin()

    def configure(self, begun: Begun) -> None:
        """What the registrar calls."""
        if begun.rest is not None and begun.rest.setup is not None:
            self.world.transact(self.world.issuer, encode_configure(begun.rest.setup))
        self.world.transact(self.world.issuer, encode_configure(begun.setup))


async def add_key(world: SettlementWorld, device: SendingDevice, since: timedelta) -> None:
    """The key that the new meter's device signs with from then on; the one before ends there."""
    public, valid_from = device.public_key, INSTALLED + since
    async with opened(world.store_url) as store, store.begin() as work:
        row = DeviceKeyRow
        await work.session.execute(
            update(row).where(col(row.device_id) == "dev-new", col(row.valid_to).is_(None)).values(valid_to=valid_from)
        )
        key = DeviceKey(f"key-new-{device.keyno}", device.keyno, public, kid_of(public).hex(), valid_from)
        await devices.add_device_key(work, "dev-new", key)


async def exchange(world: SettlementWorld) -> Exchanged:
    """Settle 150 Wh, then exchange meter and device; the new register begins where the old one once did."""
    await world.add_readings((0, 0), (1, 70), (2, 150))
    slots = [f"measurement-{NOON_SLOT + n}" for n in range(3)]
    await add_intervals(world, (0, 70, *slots[:2], "measured"), (1, 80, *slots[1:], "measured"))
    await world.settle_until(2)
    world.chain.rpc("evm_setNextBlockTimestamp", int(SystemClock().now().timestamp()))
    world.chain.mine()
    device = SendingDevice(eui="70b3d57ed00000ff")
    world.neighbours["new"] = device
    async with opened(world.store_url) as store, store.begin() as work:
        meter = Meter("meter-new", "SN-new", "Maker", "Model", {EXPORT: 10**9})
        await devices.add_meter(work, meter, COLUMN_KEY)
        new = NewDevice("dev-new", "New gateway", device.eui, "ecw1", device.profile, device.secret, "active")
        await devices.add_device(work, new, COLUMN_KEY, INSTALLED)
        await work.session.execute(update(DeviceRow).values(onboarding="approved"))
    await add_key(world, device, timedelta(0))
    registers = {EXPORT: (OPENING_WH + 150 + REST_WH, OPENING_WH)}
    protocol = hashlib.sha256(b"protocol of the exchange").hexdigest()
    record = ExchangeRecord(f"AT{'plant':0>31}"[:33], EXCHANGED_AT, "SN-new", registers, protocol, device.eui)
    told = Told("anna", "calibration", "exchange-1")
    async with opened(world.store_url) as store, store.begin() as work:
        assert await record_exchange(work, record, told, SystemClock().now()) == Decided()
        places = (await work.session.execute(select(col(InstallationRow.id)))).scalars()
        (new_place,) = [str(one) for one in places if one != "inst-plant"]
    return Exchanged(world, device, new_place)


async def test_after_an_exchange_the_new_register_is_settled_and_the_old_ones_rest_too(tmp_path: Path) -> None:
    """Killed between every two steps of the first settlement that follows; the books agree with the chain to the unit."""
    async with settlement_world(tmp_path) as world:
        exchanged = await exchange(world)
        with pytest.raises(FatalError, match="No reading of plant"):
            await exchanged.begin()
        await exchanged.read((3, 70))
        async with opened(world.store_url) as store:
            lines = await status_lines(store, world.terms, SystemClock())
        assert [line for line in lines if line.startswith("blocked plant:") and "python -m settlement epoch" in line]

        begun = await exchanged.begin()
        assert begun.is_new and begun.epoch == SourceEpoch(
            "plant", 1, NEW_REGISTER, OPENING_WH, EXCHANGED_AT, NOON + timedelta(minutes=30), OPENING_WH + 150, REST_WH,
            "0x" + hashlib.sha256(b"protocol of the exchange").hexdigest(),
        )  # fmt: skip
        again = await exchanged.begin()
        assert (again.epoch, again.is_new, again.setup) == (begun.epoch, False, begun.setup)
        assert begun.rest is not None and again.rest is not None
        assert (again.rest.attestation, again.rest.setup) == (begun.rest.attestation, begun.rest.setup)
        node = EvmNode(world.chain.url)
        said = await lines_of(begun, node, world.terms)
        await node.close()
        assert json.loads(said[2])["epoch"] == 1 and said[-1] == "0x" + encode_configure(begun.setup).hex()

        back_up(world, tmp_path / "backup.db")
        exchanged.pin(begun)
        async with world.running() as loop:
            await pass_and_mine(world, loop, 3)
        assert len(await world.issuances()) == 2, "the contract still counts by the old meter's device"
        exchanged.configure(begun)
        for name in ("intent_stored", "signature_stored", "sent_to_network", "receipt_seen"):

            def kill(at: str, name: str = name) -> None:
                if at == name:
                    raise Killed(at)

            async with world.running(kill) as loop:
                with pytest.raises(Killed):
                    await pass_and_mine(world, loop, 10)
        found = await world.settle_until(4)
        assert [one.state for one in found] == [IssuanceState.FINAL] * 4
        ways = [
            (one.epoch, one.from_wh - OPENING_WH, one.to_wh - OPENING_WH) for one in found if one.source_id == "plant"
        ]
        assert sorted(ways) == [(0, 0, 70), (0, 70, 150), (1, 0, 70)], "the new meter runs over the old one's values"
        assert len({one.id for one in found}) == 4
        assert world.supply() == (150 + REST_WH + 70) * 10**15 == sum(world.balance(holder) for holder in HOLDERS)

        restore(world, tmp_path / "backup.db")
        recovery = await recovered(world)
        assert (len(recovery.put_back), recovery.known, recovery.problems) == (2, 2, [])
        assert {one.id for one in await world.settle_until(4)} == {one.id for one in found}

        ends = (f"measurement-{NOON_SLOT + 2}", f"measurement-new-{NOON_SLOT + 3}")
        await add_intervals(world, (2, REST_WH + 70, *ends, "calculated"))
        run, breaks = await reconciled(world)
        assert breaks == [] and run.match_count == 4
        assert run.verified_wh == run.issued_wh == run.settled_wh == 250
        async with opened(world.store_url) as store, store.read() as work:
            views = await balances(work, Scope(everything=True), None)
        assert {one.earned_not_yet_minted for one in views} == {0}
        async with opened(world.store_url) as store, store.begin() as work:
            wrong = update(IssuanceRow).where(col(IssuanceRow.epoch) == 1).values(amount=71 * 10**15)
            await work.session.execute(wrong)
        _, breaks = await reconciled(world)
        assert [one.kind for one in breaks] == [BreakKind.AMOUNT_DIFFERS]


async def test_under_a_device_s_new_key_the_same_register_goes_on(tmp_path: Path) -> None:
    """No epoch of the books: the register is the same, and so are the names of its issuances."""
    async with settlement_world(tmp_path) as world:
        exchanged = await exchange(world)
        await exchanged.read((3, 70))
        begun = await exchanged.begin()
        exchanged.pin(begun)
        exchanged.configure(begun)
        await world.settle_until(4)

        exchanged.device = world.neighbours["new"] = SendingDevice(eui=exchanged.device.eui, keyno=1, ctr=9)
        await add_key(world, exchanged.device, NOON + timedelta(minutes=50) - INSTALLED)
        await exchanged.read((4, 110))
        async with world.running() as loop:
            await pass_and_mine(world, loop, 3)
        assert len(await world.issuances()) == 4, "another key than the committed one signs"
        rotated = await exchanged.begin()
        assert (rotated.epoch, rotated.number, rotated.setup.start_register_wh) == (None, 1, OPENING_WH + 70)
        exchanged.pin(rotated)
        exchanged.configure(rotated)
        found = await world.settle_until(5)
        assert (found[-2].epoch, found[-2].to_wh) == (1, OPENING_WH + 110) and world.supply() == 290 * 10**15


async def test_a_lower_register_needs_a_key_of_its_own_and_nothing_may_be_under_way(tmp_path: Path) -> None:
    async with settlement_world(tmp_path) as world:
        exchanged = await exchange(world)
        old = world.device
        async with opened(world.store_url) as store, store.begin() as work:
            row = DeviceKeyRow
            await work.session.execute(
                update(row).where(col(row.device_id) == "dev-new").values(public_key=old.public_key)
            )
        exchanged.device.key = old.key
        await exchanged.read((3, 70))
        with pytest.raises(FatalError, match="same key"):
            await exchanged.begin()
        async with opened(world.store_url) as store, store.begin() as work:
            last = update(IssuanceRow).where(col(IssuanceRow.to_wh) == OPENING_WH + 150)
            await work.session.execute(last.values(state="mined"))
        with pytest.raises(FatalError, match="is mined: wait until it is final"):
            await exchanged.begin()

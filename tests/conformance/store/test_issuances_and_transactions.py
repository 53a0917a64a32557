"""Issuances, nonces and attempts in both databases: repeats are harmless, and forbidden steps do not happen."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, update

from community.chain.transactions import AttemptState, ChainTransaction, Fees, Intent
from community.clock import slot_start
from community.errors import FatalError
from community.minting.issuances import Issuance, IssuancePart, IssuanceState, issuance_id
from community.minting.planning import SettledUpTo
from community.store import issuances, transactions
from community.store.outbox import changes_after
from community.store.sole_sender import AnotherSends, sole_sender
from community.store.tables.identity import DeviceKeyRow, DeviceRow, EnergySourceRow
from community.store.tables.measuring import FrameRow, MeasurementRow, StatementRow
from community.store.tables.metering import MeteringPointRow
from community.store.unit_of_work import Store
from community.units import BASE_UNITS_PER_WH, TokenAmount, WattHours
from tests.support.plant_on_chain import HOLDERS, OPENING_WH, SOURCE_REF, WEIGHTS
from tests.support.sending_device import INSTALLED, NOON, NOON_SLOT, SendingDevice, register
from tests.support.settlement_world import ShareConfig, write_source

NOW = datetime(2026, 3, 2, 20, tzinfo=UTC)
ACCOUNT, ISSUER = "0x" + "ac" * 20, "0x" + "15" * 20
FEES = Fees(100, 10)


async def prepare(
    store: Store, *registers: int, status: int = 1, device_on_trial: bool = False, source_on_trial: bool = False
) -> None:
    """The plant with one reading a quarter-hour after noon."""
    device = SendingDevice()
    key = device.public_key
    await register(store, device, trial=device_on_trial)
    await write_source(store, ShareConfig(key[1:33], key[33:], HOLDERS, WEIGHTS), trial=source_on_trial)
    async with store.begin() as work:
        frame = {"digest": "f", "source": "device_broker", "payload": b"", "received_at": NOW, "verdict": "admitted"}
        await work.session.execute(insert(FrameRow).values(**frame))
        await work.session.execute(
            insert(StatementRow).values(
                digest="s",
                device_id="dev-plant",
                device_key_id="key-plant",
                keyno=0,
                ctr=0,
                format="ecw1",
                signed=b"",
                first_at=NOON,
                span=1,
                reading_count=1,
                frame_digest="f",
                recorded_at=NOW,
            )
        )
        for after, wh in enumerate(registers, start=1):
            await work.session.execute(
                insert(MeasurementRow).values(
                    id=f"m{after}",
                    register_id="meter-plant-1-0:2.8.0",
                    installation_id="inst-plant",
                    device_id="dev-plant",
                    at=slot_start(NOON_SLOT + after),
                    register_wh=OPENING_WH + wh,
                    off_s=0,
                    status=status,
                    evidence_mode="DEVICE",
                    statement_digest="s",
                    leaf_index=0,
                    leaf_input=b"leaf",
                    leaf_path=b"path",
                    recorded_at=NOW,
                )
            )


def issuance(after: int = 1, from_wh: int = 0, to_wh: int = 100) -> Issuance:
    energy = to_wh - from_wh
    low, high = OPENING_WH + from_wh, OPENING_WH + to_wh
    return Issuance(
        id=issuance_id(1, ISSUER, "0x" + SOURCE_REF.hex(), low, high),
        chain_id=1,
        issuer=ISSUER,
        source_id="plant",
        from_wh=WattHours(low),
        to_wh=WattHours(high),
        period_start=slot_start(NOON_SLOT + after - 1),
        period_end=slot_start(NOON_SLOT + after),
        amount=TokenAmount(energy * BASE_UNITS_PER_WH),
        measurement_id=f"m{after}",
        share_table_id="shares-1",
        parts=(IssuancePart("member-a1", HOLDERS[0], 300, TokenAmount(energy * BASE_UNITS_PER_WH)),),
        planned_at=NOW,
    )


async def plan(store: Store, one: Issuance) -> ChainTransaction:
    intent = Intent(1, ACCOUNT, ISSUER, b"call", 100_000, FEES)
    async with store.begin() as work:
        await issuances.add_issuance(work, one)
        await issuances.move_issuance(work, one.id, IssuanceState.REQUESTED, NOW)
        return await transactions.reserve_transaction(work, [one.id], intent, NOW)


async def open_account(store: Store, chain_nonce: int) -> int:
    async with store.begin() as work:
        return await transactions.open_account(work, 1, ACCOUNT, chain_nonce)


async def test_an_issuance_is_read_as_it_was_written_and_announced(store: Store) -> None:
    await prepare(store, 100)
    async with store.begin() as work:
        await issuances.add_issuance(work, issuance())
    async with store.read() as work:
        assert await issuances.issuance_by_id(work, issuance().id) == issuance()
        assert await issuances.newest_issuance(work, "plant") == issuance()
        assert await issuances.issuances_in(work, {IssuanceState.PLANNED}) == [issuance()]
        assert await issuances.count_by_state(work) == {IssuanceState.PLANNED: 1}
        announced = [(change.topic, change.subject) for change in await changes_after(work, 0)]
    assert announced == [("share_table", "plant"), ("issuance", issuance().id)]


async def test_the_same_energy_is_never_decided_on_twice(store: Store) -> None:
    await prepare(store, 100, 200)
    async with store.begin() as work:
        await issuances.add_issuance(work, issuance())
    for other in (issuance(), issuance(after=2, to_wh=200)):
        with pytest.raises(issuances.DecidedMeanwhile):
            async with store.begin() as work:
                await issuances.add_issuance(work, other)


async def test_only_the_table_of_states_moves_an_issuance(store: Store) -> None:
    await prepare(store, 100)
    one = issuance().id

    async def move(state: IssuanceState, **facts: object) -> bool:
        async with store.begin() as work:
            return await issuances.move_issuance(work, one, state, NOW, **facts)

    async with store.begin() as work:
        await issuances.add_issuance(work, issuance())
    assert not await move(IssuanceState.FINAL)
    assert await move(IssuanceState.REQUESTED)
    assert not await move(IssuanceState.REQUESTED)
    assert await move(IssuanceState.SIGNED)
    assert await move(IssuanceState.BROADCAST)
    assert await move(IssuanceState.MINED, mined_block=7, tx_hash="0x01")
    assert await move(IssuanceState.FINAL, final_at=NOW)
    for state in IssuanceState:
        assert not await move(state)
    async with store.read() as work:
        found = await issuances.issuance_by_id(work, one)
    assert found is not None and (found.mined_block, found.tx_hash) == (7, "0x01")


async def test_nonces_are_given_out_once_and_without_holes(store: Store) -> None:
    await prepare(store, 100, 200)
    assert await open_account(store, 5) == 5
    first = await plan(store, issuance())
    second = await plan(store, issuance(2, 100, 200))
    assert (first.nonce, second.nonce) == (5, 6)
    assert first.newest.state is AttemptState.REQUESTED and first.newest.fees == FEES
    assert await open_account(store, 6) == 7
    with pytest.raises(FatalError, match="cannot be taken back"):
        async with store.begin() as work:
            await transactions.release_transaction(work, first)
    async with store.begin() as work:
        await transactions.release_transaction(work, second)
    assert await open_account(store, 5) == 6


async def test_concurrent_intents_get_different_nonces(store: Store) -> None:
    await prepare(store, *range(100, 600, 100))
    await open_account(store, 0)
    ones = [issuance(n, n * 100 - 100, n * 100) for n in range(1, 6)]
    planned = await asyncio.gather(*(plan(store, one) for one in ones))
    assert sorted(transaction.nonce for transaction in planned) == [0, 1, 2, 3, 4]


async def test_signed_bytes_are_written_once(store: Store) -> None:
    await prepare(store, 100)
    await open_account(store, 0)
    transaction = await plan(store, issuance())
    async with store.begin() as work:
        await transactions.store_signed(work, transaction.id, 1, b"first", "0x01", NOW)
        await transactions.store_signed(work, transaction.id, 1, b"second", "0x02", NOW)
        await transactions.add_attempt(work, transaction.id, 2, Fees(125, 13), NOW)
        await transactions.add_attempt(work, transaction.id, 2, Fees(999, 99), NOW)
        await transactions.mark_broadcast(work, transaction.id, 1, NOW)
        await transactions.mark_broadcast(work, transaction.id, 2, NOW)
    async with store.read() as work:
        found = await transactions.transaction_of(work, issuance().id)
    assert found is not None
    first, second = found.attempts
    assert (first.raw, first.tx_hash, first.state, first.broadcast_at) == (
        b"first",
        "0x01",
        AttemptState.BROADCAST,
        NOW,
    )
    assert (second.fees, second.state, second.raw) == (Fees(125, 13), AttemptState.REQUESTED, None)
    assert found.signed_attempts == (first,)
    with pytest.raises(FatalError, match="cannot be taken back"):
        async with store.begin() as work:
            await transactions.release_transaction(work, found)
    async with store.begin() as work:
        await transactions.drop_attempt(work, transaction.id, 1)
        await transactions.drop_attempt(work, transaction.id, 2)
        left = await transactions.transaction_of(work, issuance().id)
    assert left is not None and left.attempts == (first,)


async def test_a_chain_that_is_ahead_and_a_frozen_account_stop_everything(store: Store) -> None:
    await prepare(store, 100)
    assert await open_account(store, 3) == 3
    with pytest.raises(FatalError, match="4 transactions"):
        await open_account(store, 4)
    async with store.begin() as work:
        await transactions.freeze_account(work, 1, ACCOUNT)
    with pytest.raises(FatalError, match="frozen"):
        await open_account(store, 3)
    with pytest.raises(FatalError, match="frozen"):
        await plan(store, issuance())
    async with store.read() as work:
        assert await issuances.issuance_by_id(work, issuance().id) is None


async def readings(store: Store, after: datetime = NOON) -> list[int]:
    async with store.read() as work:
        found = await issuances.readings_after(work, "plant", SettledUpTo(WattHours(0), after))
    return [one.register_wh - OPENING_WH for one in found]


async def test_verified_readings_in_order(store: Store) -> None:
    await prepare(store, 100, 200, 300)
    assert await readings(store) == [100, 200, 300]
    assert await readings(store, NOON + timedelta(minutes=15)) == [200, 300]
    async with store.read() as work:
        evidence = await issuances.evidence_of(work, "m2")
        assert evidence is not None
        assert (evidence.leaf_input, evidence.leaf_path, evidence.format) == (b"leaf", b"path", "ecw1")
        assert await issuances.evidence_of(work, "none") is None


async def test_failed_readings_are_left_out(store: Store) -> None:
    await prepare(store, 100, status=2)
    assert await readings(store) == []


@pytest.mark.parametrize(
    "change",
    [
        update(EnergySourceRow).values(approved_at=None),
        update(EnergySourceRow).values(evidence_mode="ATTESTED"),
        update(DeviceRow).values(state="revoked"),
        update(DeviceRow).values(state="pending"),
        update(DeviceRow).values(onboarding="plausible"),
        update(DeviceKeyRow).values(revoked_from=INSTALLED + timedelta(days=1)),
        update(DeviceKeyRow).values(valid_to=INSTALLED + timedelta(days=1)),
        update(DeviceKeyRow).values(valid_from=NOW),
        update(MeteringPointRow).values(direction="consumption"),
        update(MeteringPointRow).values(settled_obis="1-0:1.8.0"),
    ],
    ids=[
        "not approved",
        "attested",
        "revoked",
        "pending",
        "not approved for issuance",
        "key revoked in the past",
        "key ended",
        "key later",
        "consumption",
        "other register",
    ],
)
async def test_energy_that_is_never_minted(store: Store, change: object) -> None:
    await prepare(store, 100)
    async with store.begin() as work:
        await work.session.execute(change)  # type: ignore[call-overload]
    assert await readings(store) == []


async def test_a_key_that_ends_leaves_the_readings_before(store: Store) -> None:
    await prepare(store, 100, 200, 300)
    async with store.begin() as work:
        await work.session.execute(update(DeviceKeyRow).values(valid_to=slot_start(NOON_SLOT + 2)))
    assert await readings(store) == [100]


async def test_there_is_one_sender(store: Store) -> None:
    async with sole_sender(store, ACCOUNT):
        other = Store.open(store.engine.url.render_as_string(hide_password=False))
        with pytest.raises(AnotherSends, match="one account has one sender"):
            async with sole_sender(other, ACCOUNT):
                raise AssertionError("two senders at once")
        await other.close()
    async with sole_sender(store, ACCOUNT):
        pass

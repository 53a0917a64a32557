"""The migrated schema is the one in code, and it defends itself, on SQLite and on PostgreSQL."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from community.errors import FatalError
from community.identity.coin_addresses import AccountRole, CoinChain, HdAccount
from community.identity.identities import EnergySource, IdentityKind, Member
from community.identity.shares import Share, ShareTable
from community.store import coin_addresses, devices, identities, outbox, schema, shares
from community.store.unit_of_work import Store
from tests.support.stores import COLUMN_KEY

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


async def _source(store: Store) -> EnergySource:
    source = EnergySource(
        id="src_1", name="Roof", source_ref="0x" + "ab" * 32, technology="pv", nameplate_w=30_000, share_total=10,
        metering_point_id="mp_1", opening_register_wh=0, opening_at=NOW,
    )  # fmt: skip
    async with store.begin() as work:
        await devices.add_metering_point(
            work, devices.MeteringPoint("mp_1", "AT001", "roof", "production", "1-0:2.8.0")
        )
        await identities.add_member(work, Member("mem_1", "Anna"), NOW)
        await identities.add_energy_source(work, source, NOW)
    return source


def _table(revision: int, start: datetime, end: datetime | None = None) -> ShareTable:
    share = Share("mem_1", "0x" + "11" * 20, 10)
    return ShareTable(f"tab_{revision}", "src_1", revision, 10, (share,), "0x" + "00" * 32, start, end)


async def test_the_migrated_schema_is_the_one_in_code(store: Store) -> None:
    async with store.engine.connect() as connection:
        assert await connection.run_sync(schema.differences) == []


async def test_a_database_without_schema_is_refused_with_what_to_do(tmp_path: object) -> None:
    with pytest.raises(FatalError, match="migrate"):
        await schema.require_current_schema(f"sqlite:///{tmp_path}/empty.db")


async def test_migrating_twice_changes_nothing(store_url: str) -> None:
    assert await schema.migrate(store_url) == schema.newest_revision()
    await schema.require_current_schema(store_url)


async def test_a_database_of_a_newer_version_is_left_alone(store_url: str, store: Store) -> None:
    async with store.begin() as work:
        await work.session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(FatalError, match=r"9999.*newer version"):
        await schema.migrate(store_url)


async def test_frames_can_neither_be_changed_nor_deleted(store: Store) -> None:
    async with store.begin() as work:
        await work.session.execute(
            text(
                "INSERT INTO frame (digest, source, payload, received_at, verdict) VALUES ('d', 'device_broker', :p, :t, 'admitted')"
            ),
            {"p": b"x", "t": "2026-11-22T08:00:00.000000Z" if work.is_sqlite else NOW},
        )
    for command in ("UPDATE frame SET verdict = 'rejected'", "DELETE FROM frame"):
        with pytest.raises(DBAPIError, match="never"):
            async with store.begin() as work:
                await work.session.execute(text(command))


async def test_share_tables_of_one_source_never_overlap(store: Store) -> None:
    await _source(store)
    async with store.begin() as work:
        await shares.add_share_table(work, _table(1, NOW), "test", NOW)
        await shares.add_share_table(work, _table(2, NOW + timedelta(hours=1)), "test", NOW)
    async with store.read() as work:
        first, second = await shares.share_tables(work, "src_1")
        assert (first.valid_to, second.valid_to) == (NOW + timedelta(hours=1), None)
        at_change = await shares.share_table_at(work, "src_1", NOW + timedelta(hours=1))
        assert at_change is not None and at_change.revision == 2
    with pytest.raises(IntegrityError):
        async with store.begin() as work:
            await shares.add_share_table(
                work, _table(3, NOW - timedelta(hours=1), NOW + timedelta(minutes=15)), "test", NOW
            )


async def test_an_address_index_is_given_out_once_even_to_many_at_a_time(store: Store) -> None:
    account = HdAccount("acc_1", CoinChain.EVM, AccountRole.MEMBER, "m/44'/60'/0'", "xpub")
    async with store.begin() as work:
        await coin_addresses.add_hd_account(work, account)
        for number in range(8):
            await identities.add_identity(work, f"mem_{number}", IdentityKind.MEMBER, "somebody", NOW)

    async def give(number: int) -> str:
        async with store.begin() as work:
            given = await coin_addresses.give_address(
                work, f"mem_{number}", CoinChain.EVM, AccountRole.MEMBER,
                lambda found, index: (f"0x{index:040x}", f"{found.path}/0/{index}"), NOW,
            )  # fmt: skip
        return given.address

    addresses = await asyncio.gather(*(give(number) for number in range(8)))
    assert sorted(addresses) == [f"0x{index:040x}" for index in range(8)]
    async with store.read() as work:
        assert len(await coin_addresses.addresses_at(work, CoinChain.EVM, NOW)) == 8
        assert await coin_addresses.addresses_at(work, CoinChain.EVM, NOW - timedelta(seconds=1)) == []


async def test_no_address_without_the_signers_account_key(store: Store) -> None:
    with pytest.raises(LookupError, match="signer xpub"):
        async with store.begin() as work:
            await coin_addresses.give_address(
                work, "mem_1", CoinChain.BITCOIN, AccountRole.MEMBER, lambda found, index: ("", ""), NOW
            )


async def test_device_secrets_are_ciphertext_in_the_database_and_come_back_opened(store: Store) -> None:
    secret, meter_key = bytes(range(32)), bytes(range(16))
    async with store.begin() as work:
        device = devices.NewDevice(
            "dev_1", "gateway", "70b3d57ed0000001", "ecw1", profile=1, secret=secret, state="active"
        )
        await devices.add_device(work, device, COLUMN_KEY, NOW)
        await devices.add_device_key(work, "dev_1", devices.DeviceKey("key_1", 1, b"\x04" + bytes(64), "00" * 8, NOW))
        await devices.add_metering_point(
            work, devices.MeteringPoint("mp_2", "AT002", "flat", "consumption", "1-0:1.8.0")
        )
        meter = devices.Meter("met_1", "S1", "Iskra", "AM550", {"1-0:1.8.0": None}, meter_key)
        await devices.add_meter(work, meter, COLUMN_KEY)
        await devices.install(
            work,
            "ins_1",
            metering_point_id="mp_2",
            meter_id="met_1",
            device_id="dev_1",
            valid_from=NOW,
            max_power_w=9000,
        )
    async with store.read() as work:
        found = await devices.load_device(work, "70b3d57ed0000001", COLUMN_KEY)
        assert found is not None and found.secret == secret and found.keys[0].kid == "00" * 8
        place = found.installation_at(NOW)
        assert (
            place is not None and place.meter_key == meter_key and place.registers["1-0:1.8.0"].id == "met_1-1-0:1.8.0"
        )
        assert found.installation_at(NOW - timedelta(seconds=1)) is None
        stored = (await work.session.execute(text("SELECT secret_sealed FROM device"))).scalar_one()
        assert secret not in bytes(stored)
        assert await devices.load_device(work, "ffffffffffffffff", COLUMN_KEY) is None


async def test_a_unit_of_work_that_raises_leaves_nothing(store: Store) -> None:
    async def fail_half_way() -> None:
        async with store.begin() as work:
            await outbox.announce(work, "block", "1", NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_half_way()
    async with store.read() as work:
        assert await outbox.latest_cursor(work) == 0


async def test_followers_see_every_change_once_in_order(store: Store) -> None:
    async def announce(number: int) -> None:
        async with store.begin() as work:
            await outbox.announce(work, "block", str(number), NOW)

    await asyncio.gather(*(announce(number) for number in range(10)))
    seen: list[str] = []
    cursor = 0
    async with store.read() as work:
        while changes := await outbox.changes_after(work, cursor, limit=3):
            cursor = changes[-1].id
            seen += [change.subject for change in changes]
        assert cursor == await outbox.latest_cursor(work)
    assert sorted(seen, key=int) == [str(number) for number in range(10)]

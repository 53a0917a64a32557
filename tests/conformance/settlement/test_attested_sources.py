"""A source whose device signs enciphered telegrams: the signer verifies them, the contract records their hash and mints."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from sqlalchemy import insert, update

from community.evidence.bundle_lines import read_bundle
from community.ids import digest_of
from community.metering.dlms.encode import MeterModel, PushMeter, encode_push_frame
from community.minting.issuances import IssuanceState
from community.store.tables.identity import EnergySourceRow
from community.store.tables.measuring import FrameRow, MeasurementRow, StatementRow
from contracts.abi import MODE_ATTESTED, SourceSetup, decode_settled, encode_configure
from tests.conformance.settlement.test_restored_backup import back_up, recovered, restore
from tests.support.evidence_world import bundle_lines, index
from tests.support.plant_on_chain import HOLDERS, NAMEPLATE_W, OPENING_WH, SOURCE_REF
from tests.support.sending_device import EXPORT, NOON
from tests.support.settlement_world import SettlementWorld, settlement_world
from tests.support.stores import opened
from verifier.checking import check_bundle
from verifier.findings import Verdict
from verifier.node import Node

pytestmark = pytest.mark.timeout(90)

METER_KEY = bytes(range(16))
METER = PushMeter(MeterModel.E450, b"LGZgr\x00\x00\x01", METER_KEY)
QUARTER = timedelta(minutes=15)


async def attest(world: SettlementWorld) -> None:
    """Make the plant a source of mode ATTESTED: on chain, in the books, and for the signer."""
    device = world.device
    setup = SourceSetup(
        SOURCE_REF, bytes.fromhex(device.eui), device.profile, 0, NAMEPLATE_W, OPENING_WH, int(NOON.timestamp()),
        MODE_ATTESTED, world.config,
    )  # fmt: skip
    world.transact(world.issuer, encode_configure(setup))
    world.registry["sources"][0]["legacy"] = {"meter_key": METER_KEY.hex(), "zone": "Europe/Vienna"}
    world.pin()
    async with opened(world.store_url) as store, store.begin() as work:
        await work.session.execute(update(EnergySourceRow).values(evidence_mode="ATTESTED"))


def payload(world: SettlementWorld, number: int, wh: int) -> bytes:
    """The meter's telegram of a quarter-hour, signed by the gateway."""
    frame = encode_push_frame(METER, number, NOON + number * QUARTER, {EXPORT: OPENING_WH + wh})
    r, s = decode_dss_signature(world.device.key.sign(frame, ec.ECDSA(hashes.SHA256())))
    return frame + hashlib.sha256(frame).digest() + r.to_bytes(32, "big") + s.to_bytes(32, "big")


async def add_telegram(world: SettlementWorld, number: int, wh: int, signed: bytes) -> None:
    """A reading as ingest keeps it."""
    digest, at = digest_of(signed), NOON + number * QUARTER
    async with opened(world.store_url) as store, store.begin() as work:
        frame = {"digest": digest, "source": "things_stack", "payload": signed, "verdict": "admitted"}
        await work.session.execute(insert(FrameRow).values(received_at=at, **frame))
        await work.session.execute(
            insert(StatementRow).values(
                digest=digest, device_id="dev-plant", device_key_id="key-plant", keyno=0, ctr=number, format="legacy",
                signed=signed, first_at=at, span=1, reading_count=1, frame_digest=digest, recorded_at=at,
            )
        )  # fmt: skip
        await work.session.execute(
            insert(MeasurementRow).values(
                id=f"attested-{number}", register_id=f"meter-plant-{EXPORT}", installation_id="inst-plant",
                device_id="dev-plant", at=at, register_wh=OPENING_WH + wh, off_s=0, status=1, evidence_mode="ATTESTED",
                statement_digest=digest, leaf_index=0, recorded_at=at,
            )
        )  # fmt: skip


async def test_an_attested_source_settles_through_the_same_pipeline(tmp_path: Path) -> None:
    async with settlement_world(tmp_path) as world:
        await attest(world)
        sent = []
        for number, wh in ((1, 300), (2, 300), (3, 700)):
            sent.append(payload(world, number, wh))
            await add_telegram(world, number, wh, sent[-1])
        found = await world.settle_until(2)
        assert [one.to_wh - OPENING_WH for one in found] == [300, 700]
        assert [world.balance(holder) for holder in HOLDERS] == [
            sum(column) for column in zip(*([part.amount for part in one.parts] for one in found), strict=True)
        ]
        assert world.supply() == 700 * 10**15 and world.mine_nonces() == 2
        receipt = world.chain.rpc("eth_getTransactionReceipt", found[0].tx_hash)
        (settled,) = [log for log in receipt["logs"] if log["address"].lower() == world.issuer]
        assert decode_settled(settled["topics"], settled["data"]).evidence == "0x" + hashlib.sha256(sent[0]).hexdigest()
        world.chain.mine(12)
        await index(world)
        report = check_bundle(read_bundle(await bundle_lines(world)), Node(world.chain.url))
        assert report.verdict is Verdict.NOT_CHECKED, "\n".join(report.lines())
        (said,) = [sentence for check in report.checks for sentence in check.unchecked]
        assert said.startswith("3 readings are inside meter frames that only the meter's key opens")


@pytest.mark.parametrize("asks_the_signer", [True, False])
async def test_what_a_backup_lacks_comes_back_once_its_payloads_do(tmp_path: Path, asks_the_signer: bool) -> None:
    """The call only names the payload's hash: recovery says what it needs, and puts back to the unit what was minted."""
    backup = tmp_path / "backup.db"
    async with settlement_world(tmp_path) as world:
        await attest(world)
        telegrams = {number: (wh, payload(world, number, wh)) for number, wh in ((1, 300), (2, 700), (3, 900))}
        await add_telegram(world, 1, *telegrams[1])
        await world.settle_until(1)
        back_up(world, backup)
        for number in (2, 3):
            await add_telegram(world, number, *telegrams[number])
        lost = await world.settle_until(3)
        restore(world, backup)
        signed = None if asks_the_signer else []
        lacking = await recovered(world, signed)
        assert (lacking.put_back, lacking.known, len(lacking.problems)) == ([], 1, 2)
        assert all("take in that payload again" in problem for problem in lacking.problems)
        for number in (3, 2):
            await add_telegram(world, number, *telegrams[number])
        found = await recovered(world, signed)
        assert (len(found.put_back), found.known, found.problems) == (2, 1, [])
        assert (await recovered(world, signed)).put_back == []
        back = await world.settle_until(3)
        assert [(one.id, one.parts, one.tx_hash) for one in back] == [(one.id, one.parts, one.tx_hash) for one in lost]
        await add_telegram(world, 4, 1000, payload(world, 4, 1000))
        await world.settle_until(4)
        assert world.supply() == 1000 * 10**15 and world.mine_nonces() == 4


async def test_another_payload_at_the_same_instant_brings_nothing_back(tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    async with settlement_world(tmp_path) as world:
        await attest(world)
        back_up(world, backup)
        await add_telegram(world, 1, 300, payload(world, 1, 300))
        await world.settle_until(1)
        restore(world, backup)
        await add_telegram(world, 1, 301, payload(world, 1, 301))
        found = await recovered(world)
        assert found.put_back == [] and "proves 1000300 Wh" in found.problems[0]


async def test_a_telegram_that_says_less_is_refused_by_the_signer(tmp_path: Path) -> None:
    """The contract must believe what is attested: only the signer's own look into the telegram stops a stolen backend."""
    async with settlement_world(tmp_path) as world:
        await attest(world)
        await add_telegram(world, 1, 5000, payload(world, 1, 300))
        (stopped,) = await world.settle_until(1, IssuanceState.STOPPED)
        assert "The payload says" in (stopped.failure or "")
        assert (world.supply(), world.mine_nonces()) == (0, 0)

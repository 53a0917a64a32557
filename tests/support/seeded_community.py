"""A plausible community in a fresh store: four members and the treasury, one plant, two flats, two days of readings.

Rows are written through the tables, so that the API's tests need none of the other processes. All figures follow from
`ENERGY_WH`; what a test expects can be computed from the same constants.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlmodel import SQLModel, col

from community.clock import QUARTER_HOUR, slot_at, slot_start
from community.store import api_keys, outbox
from community.store.tables import chain, identity, measuring, metering, minting, reconciling
from community.store.unit_of_work import Store, Work
from community.store.upserts import insert_all, upsert
from community.units import BASE_UNITS_PER_WH

CHAIN_ID = 31337
TOKEN = "0x" + "e7" * 20
ISSUER = "0x" + "15" * 20
SOURCE_REF = "0x" + "5c" * 32
SHARES = {"mem_anna": 300, "mem_bernd": 200, "mem_clara": 150, "mem_david": 100, "mem_treasury": 250}
NAMES = {
    "mem_anna": "Anna Berger",
    "mem_bernd": "Bernd Huber",
    "mem_clara": "Clara Novak",
    "mem_david": "David Winkler",
    "mem_treasury": "Treasury",
}
SOURCE, PV_POINT = "src_sued", "mp_pv"
FLATS = {"mp_top1": ("ecu_top1", "Top 1", "mem_anna"), "mp_top2": ("ecu_top2", "Top 2", "mem_bernd")}
DEVICES = {"mp_pv": "dev_pv", "mp_top1": "dev_top1", "mp_top2": "dev_top2"}
OPENING_WH = 1_234_000
OUT_OF_RANGE_EUI = "70b3d57ed0001fff"


def address_of(name: str) -> str:
    """A made-up EVM address that is the same every time."""
    return "0x" + hashlib.sha256(name.encode()).hexdigest()[:40]


def hash_of(*parts: object) -> str:
    """A made-up 32-byte hash."""
    return "0x" + hashlib.sha256(repr(parts).encode()).hexdigest()


def production_wh(at: datetime) -> int:
    """What 30 kWp give in the quarter-hour from `at`: a bell around noon with passing clouds."""
    hour = at.hour + at.minute / 60
    if not 6 <= hour < 19:
        return 0
    bell = 1 - ((hour - 12.5) / 6.5) ** 2
    cloud = 0.55 + 0.45 * (int(hashlib.sha256(at.isoformat().encode()).hexdigest()[:4], 16) / 65535)
    return int(5200 * bell * cloud)


def consumption_wh(point: str, at: datetime) -> int:
    """What a flat draws: little at night, breakfast and supper above."""
    noise = int(hashlib.sha256(f"{point}{at.isoformat()}".encode()).hexdigest()[:4], 16) % 60
    meal = 160 if at.hour in (7, 8, 18, 19, 20) else 0
    return 45 + noise + meal


def apportioned(energy_wh: int) -> dict[str, int]:
    """Base units by holder, as the contract splits them."""
    whole = energy_wh * BASE_UNITS_PER_WH
    total = sum(SHARES.values())
    parts = {holder: whole * count // total for holder, count in SHARES.items()}
    last = list(SHARES)[-1]
    parts[last] += whole - sum(parts.values())
    return parts


@dataclass(frozen=True, slots=True)
class Seeded:
    """What stands in the books, for expectations."""

    now: datetime
    first: datetime
    settled_wh: int
    final_wh: int
    verified_wh: int
    settlement_count: int
    issuance_ids: tuple[str, ...]


async def _insert(work: Work, row: type[SQLModel], rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), 200):
        await insert_all(work, row, rows[start : start + 200])


async def seed(
    store: Store, now: datetime | None = None, *, days: int = 2, unsettled: int = 3, unfinal: int = 4
) -> Seeded:
    """Fill the store up to `now`. The last `unsettled` quarter-hours with production are not issued yet."""
    now = slot_start(slot_at(now or datetime.now(UTC)))
    first = (now - timedelta(days=days - 1)).replace(hour=0, minute=0)
    async with store.begin() as work:
        await _identities(work, first)
        for number, point in enumerate(("mp_pv", *FLATS)):
            await _measurements(work, point, number, first, now)
        seeded = await _settlements(work, first, now, unsettled, unfinal)
        await _exceptions(work, first, now)
        await outbox.announce(work, "block", "1", now)
    return seeded


async def _identities(work: Work, at: datetime) -> None:
    at = at - timedelta(days=30)
    at = slot_start(slot_at(at))
    people = [{"id": key, "kind": "member", "name": name, "created_at": at} for key, name in NAMES.items()]
    units = [
        {"id": unit, "kind": "energy_consumption_unit", "name": name, "created_at": at}
        for unit, name, _ in FLATS.values()
    ]
    devices = [
        {"id": device, "kind": "device", "name": f"Gateway {point[3:]}", "created_at": at}
        for point, device in DEVICES.items()
    ] + [{"id": "dev_new", "kind": "device", "name": "Gateway in the cellar", "created_at": at}]
    plant = [{"id": SOURCE, "kind": "energy_source", "name": "Sonnendach Süd", "created_at": at}]
    await _insert(work, identity.IdentityRow, people + units + devices + plant)
    await _insert(
        work,
        identity.MemberRow,
        [{"identity_id": key, "is_treasury": key == "mem_treasury", "joined_at": at} for key in NAMES],
    )
    points = [
        {
            "id": PV_POINT,
            "code": "AT" + "0" * 28 + "301",
            "name": "Sonnendach Süd",
            "direction": "production",
            "settled_obis": "1-0:2.8.0",
        }
    ] + [
        {
            "id": point,
            "code": "AT" + "0" * 28 + f"40{n}",
            "name": name,
            "direction": "consumption",
            "settled_obis": "1-0:1.8.0",
        }
        for n, (point, (_, name, _)) in enumerate(FLATS.items())
    ]
    await _insert(work, metering.MeteringPointRow, points)
    source = {
        "identity_id": SOURCE,
        "source_ref": SOURCE_REF,
        "technology": "photovoltaics",
        "nameplate_w": 30_000,
        "share_total": sum(SHARES.values()),
        "metering_point_id": PV_POINT,
        "opening_register_wh": OPENING_WH,
        "opening_at": at,
        "approved_at": at,
    }
    await _insert(work, identity.EnergySourceRow, [source])
    await _insert(
        work,
        identity.EnergyConsumptionUnitRow,
        [
            {"identity_id": unit, "member_id": member, "metering_point_id": point}
            for point, (unit, _, member) in FLATS.items()
        ],
    )
    await _devices(work, at)
    await _addresses_and_shares(work, at)


async def _devices(work: Work, at: datetime) -> None:
    rows, keys, meters, registers, installations = [], [], [], [], []
    for number, device in enumerate((*DEVICES.values(), "dev_new")):
        pending = device == "dev_new"
        rows.append(
            {
                "identity_id": device,
                "eui": f"70b3d57ed000{number:04x}",
                "payload_format": "ecw1",
                "profile": 2 if number == 0 else 1,
                "state": "pending" if pending else "active",
                "approved_at": None if pending else at,
            }
        )
        keys.append(
            {
                "id": f"key_{device}",
                "device_id": device,
                "keyno": 1,
                "public_key": b"\x04" + hashlib.sha512(device.encode()).digest(),
                "kid": hashlib.sha256(device.encode()).hexdigest()[:16],
                "development_key": number == 0,
                "valid_from": at,
                "valid_to": None,
            }
        )
    models = (("Janitza", "UMG 604 Pro"), ("Iskraemeco", "AM550"), ("Landis+Gyr", "E450"))
    for (point, device), (maker, model) in zip(DEVICES.items(), models, strict=True):
        meters.append({"id": f"met_{point}", "serial": f"SN-{point}", "maker": maker, "model": model})
        obis = "1-0:2.8.0" if point == PV_POINT else "1-0:1.8.0"
        registers.append({"id": f"reg_{point}", "meter_id": f"met_{point}", "obis": obis})
        installations.append(
            {
                "id": f"inst_{point}",
                "metering_point_id": point,
                "meter_id": f"met_{point}",
                "device_id": device,
                "valid_from": at,
                "max_power_w": 30_000,
            }
        )
    await _insert(work, identity.DeviceRow, rows)
    await _insert(work, identity.DeviceKeyRow, keys)
    await _insert(work, metering.MeterRow, meters)
    await _insert(work, metering.RegisterRow, registers)
    await _insert(work, metering.InstallationRow, installations)


async def _addresses_and_shares(work: Work, at: datetime) -> None:
    await _insert(
        work,
        identity.CoinAddressRow,
        [
            {
                "id": f"adr_{member}",
                "identity_id": member,
                "chain": "polygon",
                "address": address_of(member),
                "valid_from": at,
                "recorded_at": at,
            }
            for member in NAMES
        ],
    )
    table = {
        "id": "sht_1",
        "source_id": SOURCE,
        "revision": 1,
        "share_total": sum(SHARES.values()),
        "config_hash": hash_of("config"),
        "valid_from": at,
        "recorded_at": at,
        "recorded_by": "seed",
    }
    await _insert(work, identity.ShareTableRow, [table])
    await _insert(
        work,
        identity.ShareRow,
        [
            {
                "share_table_id": "sht_1",
                "position": n,
                "holder_id": holder,
                "address": address_of(holder),
                "share_count": count,
            }
            for n, (holder, count) in enumerate(SHARES.items())
        ],
    )


Rows = dict[type[SQLModel], list[dict[str, Any]]]


async def add_measurement(work: Work, point: str, at: datetime, register_wh: int, recorded_at: datetime) -> str:
    """One reading with its frame and statement. Returns its id."""
    rows: Rows = defaultdict(list)
    number = _measure(rows, point, at, register_wh, recorded_at)
    for row, values in rows.items():
        await _insert(work, row, values)
    return number


def _measure(rows: Rows, point: str, at: datetime, register_wh: int, recorded_at: datetime) -> str:
    device, name = DEVICES[point], f"{point}_{at:%Y%m%d%H%M}"
    digest = hashlib.sha256(name.encode()).hexdigest()
    frame = {
        "digest": digest,
        "source": "device_broker",
        "device_eui": f"70b3d57ed000{list(DEVICES.values()).index(device):04x}",
    }
    rows[measuring.FrameRow].append({**frame, "payload": b"frame", "received_at": recorded_at, "verdict": "admitted"})
    statement = {
        "digest": digest,
        "device_id": device,
        "device_key_id": f"key_{device}",
        "keyno": 1,
        "ctr": slot_at(at),
        "format": "ecw1",
        "signed": b"signed " + name.encode(),
        "first_at": at,
        "span": 1,
        "reading_count": 1,
        "frame_digest": digest,
        "recorded_at": recorded_at,
    }
    rows[measuring.StatementRow].append(statement)
    measurement = {
        "id": f"mea_{name}",
        "register_id": f"reg_{point}",
        "installation_id": f"inst_{point}",
        "device_id": device,
        "at": at,
        "register_wh": register_wh,
        "off_s": 2,
        "status": 0,
        "evidence_mode": "DEVICE",
        "statement_digest": digest,
        "leaf_index": 0,
        "recorded_at": recorded_at,
    }
    rows[measuring.MeasurementRow].append(measurement)
    return f"mea_{name}"


async def _measurements(work: Work, point: str, number: int, first: datetime, now: datetime) -> None:
    register_wh = OPENING_WH if point == PV_POINT else 500_000 * (number + 1)
    rows: Rows = defaultdict(list)
    before = _measure(rows, point, first, register_wh, first)
    at, intervals = first, rows[measuring.IntervalRow]
    while at < now:
        gap = point == "mp_top2" and at.hour == 3
        energy = production_wh(at) if point == PV_POINT else consumption_wh(point, at)
        register_wh += energy
        after = _measure(rows, point, at + QUARTER_HOUR, register_wh, at + QUARTER_HOUR)
        if not gap:
            intervals.append(
                {
                    "metering_point_id": point,
                    "starts_at": at,
                    "revision": 1,
                    "energy_wh": energy,
                    "quality": "measured",
                    "from_measurement_id": before,
                    "to_measurement_id": after,
                    "recorded_at": at + QUARTER_HOUR,
                }
            )
        at, before = at + QUARTER_HOUR, after
    for row in (measuring.FrameRow, measuring.StatementRow, measuring.MeasurementRow, measuring.IntervalRow):
        await _insert(work, row, rows[row])


async def _settlements(work: Work, first: datetime, now: datetime, unsettled: int, unfinal: int) -> Seeded:
    starts = []
    at = first
    while at < now:
        if production_wh(at):
            starts.append(at)
        at += QUARTER_HOUR
    settled = starts[: max(0, len(starts) - unsettled)]
    register_wh, final_wh, ids = OPENING_WH, OPENING_WH, []
    rows: dict[type[SQLModel], list[dict[str, Any]]] = {
        row: []
        for row in (
            chain.BlockRow,
            minting.IssuanceRow,
            minting.IssuancePartRow,
            minting.ChainTransactionRow,
            minting.TransactionAttemptRow,
            chain.SettledEventRow,
            chain.TransferRow,
        )
    }
    for number, start in enumerate(settled, start=1):
        final = number <= len(settled) - unfinal
        energy = production_wh(start)
        _settle(rows, number, start, register_wh, energy, final)
        ids.append(hash_of("issuance", number))
        register_wh += energy
        final_wh = register_wh if final else final_wh
    for row, values in rows.items():
        await _insert(work, row, values)
    verified_wh = OPENING_WH + sum(production_wh(start) for start in starts)
    await _books(work, now, register_wh - OPENING_WH, final_wh - OPENING_WH, len(settled), unfinal)
    return Seeded(
        now, first, register_wh - OPENING_WH, final_wh - OPENING_WH, verified_wh - OPENING_WH, len(settled), tuple(ids)
    )


def _settle(
    rows: dict[type[SQLModel], list[dict[str, Any]]],
    number: int,
    start: datetime,
    from_wh: int,
    energy: int,
    final: bool,
) -> None:
    end, block_hash, tx_hash = start + QUARTER_HOUR, hash_of("block", number), hash_of("tx", number)
    issuance_id, place = hash_of("issuance", number), {"chain_id": CHAIN_ID, "block_number": number}
    rows[chain.BlockRow].append(
        {
            "chain_id": CHAIN_ID,
            "number": number,
            "hash": block_hash,
            "parent_hash": hash_of("block", number - 1),
            "at": end,
            "digest": "d",
        }
    )
    rows[minting.IssuanceRow].append(
        {
            "id": issuance_id,
            "chain_id": CHAIN_ID,
            "issuer": ISSUER,
            "source_id": SOURCE,
            "from_wh": from_wh,
            "to_wh": from_wh + energy,
            "period_start": start,
            "period_end": end,
            "amount": energy * BASE_UNITS_PER_WH,
            "measurement_id": f"mea_{PV_POINT}_{end:%Y%m%d%H%M}",
            "share_table_id": "sht_1",
            "state": "final" if final else "mined",
            "planned_at": end,
            "mined_block": number,
            "tx_hash": tx_hash,
            "final_at": end if final else None,
        }
    )
    rows[minting.ChainTransactionRow].append(
        {
            "id": f"tx_{number}",
            "issuance_id": issuance_id,
            "chain_id": CHAIN_ID,
            "account": address_of("settler"),
            "nonce": number,
            "to_address": ISSUER,
            "calldata": b"call",
            "gas_limit": 400_000,
            "created_at": end,
        }
    )
    rows[minting.TransactionAttemptRow].append(
        {
            "transaction_id": f"tx_{number}",
            "number": 1,
            "max_fee_wei": 2 * 10**9,
            "tip_wei": 10**9,
            "state": "broadcast",
            "tx_hash": tx_hash,
            "requested_at": end,
            "signed_at": end,
            "broadcast_at": end,
        }
    )
    event = {**place, "block_hash": block_hash, "tx_hash": tx_hash}
    rows[chain.SettledEventRow].append(
        {
            **event,
            "log_index": 0,
            "issuer": ISSUER,
            "source_ref": SOURCE_REF,
            "seq": number,
            "from_wh": from_wh,
            "to_wh": from_wh + energy,
            "read_at": end,
            "minted_wh": energy,
            "mode": "DEVICE",
            "evidence": hash_of("evidence", number),
        }
    )
    for position, (holder, amount) in enumerate(apportioned(energy).items()):
        rows[minting.IssuancePartRow].append(
            {
                "issuance_id": issuance_id,
                "position": position,
                "holder_id": holder,
                "address": address_of(holder),
                "share_count": SHARES[holder],
                "amount": amount,
            }
        )
        rows[chain.TransferRow].append(
            {
                **event,
                "log_index": position + 1,
                "token": TOKEN,
                "sender": "0x" + "0" * 40,
                "recipient": address_of(holder),
                "amount": amount,
                "kind": "mint",
            }
        )


async def fold_balances(work: Work, finalised: int) -> None:
    """Write the balances that follow from the transfers in the books."""
    row = chain.TransferRow
    found = await work.session.execute(select(col(row.recipient), col(row.amount), col(row.block_number)))
    totals: dict[str, list[int]] = {}
    for recipient, amount, block in found:
        entry = totals.setdefault(recipient, [0, 0, 0])
        entry[0] += amount
        entry[1] += amount if block <= finalised else 0
        entry[2] = max(entry[2], block)
    for address, (amount, final, block) in totals.items():
        values = {"chain_id": CHAIN_ID, "token": TOKEN, "address": address}
        fold = {"amount": amount, "final_amount": final, "block_number": block}
        await upsert(work, chain.BalanceRow, {**values, **fold}, list(values))


async def settle_more(store: Store, seeded: Seeded, energy_wh: int = 1000) -> None:
    """One more settlement on chain, as the indexer would write and announce it."""
    number = seeded.settlement_count + 1
    rows: dict[type[SQLModel], list[dict[str, Any]]] = defaultdict(list)
    start = seeded.now - QUARTER_HOUR
    _settle(rows, number, start, OPENING_WH + seeded.settled_wh, energy_wh, final=False)
    async with store.begin() as work:
        for row, values in rows.items():
            await _insert(work, row, values)
        await fold_balances(work, seeded.settlement_count)
        await work.session.execute(
            update(chain.IndexCheckpointRow).values(head_number=number, finalised_number=number - 1)
        )
        for topic, subject in (
            ("balance", address_of("mem_anna")),
            ("issuance", hash_of("issuance", number)),
            ("block", str(number)),
        ):
            await outbox.announce(work, topic, subject, seeded.now)


async def _exceptions(work: Work, first: datetime, now: datetime) -> None:
    start = first.replace(hour=3)
    gap = {"metering_point_id": "mp_top2", "starts_at": start, "ends_at": start + 4 * QUARTER_HOUR, "opened_at": start}
    await _insert(work, measuring.GapRow, [{**gap, "id": "gap_1", "energy_wh": None, "state": "open"}])
    reasons = (
        (
            "bad_signature",
            "The statement's signature does not verify under key 1 of the device. Compare the device's key.",
        ),
        ("unknown_device", "No device with this EUI is registered. Register it, or remove its frames' source."),
        (
            "register_fell",
            "The register fell from 1 002 345 Wh to 1 001 010 Wh. Was the meter exchanged? Record the exchange.",
        ),
    )
    for number, (reason, detail) in enumerate(reasons):
        digest = hashlib.sha256(reason.encode()).hexdigest()
        known = reason != "unknown_device"
        frame = {
            "digest": digest,
            "source": "device_broker",
            "device_eui": "70b3d57ed0000001" if known else OUT_OF_RANGE_EUI,
        }
        at = now - timedelta(hours=3 * number + 1)
        await _insert(
            work, measuring.FrameRow, [{**frame, "payload": b"\x01\x02", "received_at": at, "verdict": "quarantined"}]
        )
        entry = {"id": f"qua_{number}", "frame_digest": digest, "device_id": "dev_top1" if known else None}
        await _insert(work, measuring.QuarantineRow, [{**entry, "reason": reason, "detail": detail, "recorded_at": at}])


async def add_break(store: Store, now: datetime) -> None:
    """An open break, announced."""
    row = {
        "id": "brk_1",
        "kind": "missing_on_chain",
        "severity": "high",
        "subject": hash_of("issuance", 1),
        "source_id": SOURCE,
        "detail": "The issuance was broadcast a day ago and is in no block. Look at the settlement process.",
        "expected": "1 settlement",
        "found": "none",
        "opened_run_id": "run_1",
        "opened_at": now,
    }
    async with store.begin() as work:
        await _insert(work, reconciling.BreakRow, [row])
        await outbox.announce(work, "break", "brk_1", now)


async def make_key(store: Store, role: str, identity_id: str | None = None) -> str:
    """An API key's text."""
    async with store.begin() as work:
        made = await api_keys.create(
            work, role=role, label=f"{role} of a test", identity_id=identity_id, now=datetime.now(UTC)
        )
    return made.text


async def _books(work: Work, now: datetime, settled_wh: int, final_wh: int, blocks: int, unfinal: int) -> None:
    checkpoint = {
        "chain_id": CHAIN_ID,
        "start_block": 0,
        "head_number": blocks,
        "head_hash": hash_of("block", blocks),
        "finalised_number": blocks - unfinal,
        "finalised_hash": hash_of("block", blocks - unfinal),
        "node_head_number": blocks,
        "updated_at": now,
    }
    await _insert(work, chain.IndexCheckpointRow, [checkpoint])
    await fold_balances(work, blocks - unfinal)
    await _insert(
        work,
        chain.SupplyRow,
        [
            {
                "chain_id": CHAIN_ID,
                "token": TOKEN,
                "minted": settled_wh * BASE_UNITS_PER_WH,
                "burned": 0,
                "final_minted": final_wh * BASE_UNITS_PER_WH,
                "final_burned": 0,
            }
        ],
    )
    run = {
        "id": "run_1",
        "started_at": now,
        "finalised_block": blocks - unfinal,
        "finalised_hash": hash_of("block", blocks - unfinal),
        "verified_wh": final_wh,
        "issued_wh": final_wh,
        "settled_wh": final_wh,
        "supply": final_wh * BASE_UNITS_PER_WH,
        "match_count": blocks - unfinal,
        "break_count": 0,
    }
    await _insert(work, reconciling.ReconciliationRunRow, [run])

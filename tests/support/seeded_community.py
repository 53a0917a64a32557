"""A plausible community in a fresh store: four members and the treasury, one plant, two flats, two days of readings.

Rows are written through the tables, so that the API's tests need none of the other processes. All figures follow from
`tests.support.seeded_figures`; what a test expects can be computed from the same constants.
"""

import hashlib
from collections import defaultdict
from datetime import UTC, datetime, timedelta

from community.clock import QUARTER_HOUR, slot_at, slot_start
from community.store import api_keys, outbox, persons
from community.store.tables import addresses, identity, measuring, metering
from community.store.unit_of_work import Store, Work
from contracts.abi import ShareConfig
from tests.support.seeded_chain import Seeded, settlements
from tests.support.seeded_evidence import evidence_of, key_of
from tests.support.seeded_figures import (
    DEVICES,
    FLATS,
    NAMES,
    OPENING_WH,
    OUT_OF_RANGE_EUI,
    PV_POINT,
    SHARES,
    SOURCE,
    SOURCE_REF,
    Rows,
    address_of,
    consumption_wh,
    hash_of,
    production_wh,
    write,
)


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
        seeded = await settlements(work, first, now, unsettled, unfinal)
        await _exceptions(work, first, now)
        await outbox.announce(work, "block", "1", now)
    return seeded


async def _identities(work: Work, at: datetime, committed: ShareConfig | None = None) -> None:
    """People, places and the plant; with `committed`, a table of shares and a device key that a chain knows."""
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
    await write(work, identity.IdentityRow, people + units + devices + plant)
    await write(
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
    await write(work, metering.MeteringPointRow, points)
    source = {
        "identity_id": SOURCE,
        "source_ref": SOURCE_REF,
        "technology": "photovoltaics",
        "nameplate_w": 30_000,
        "share_total": sum(committed.weights if committed else SHARES.values()),
        "metering_point_id": PV_POINT,
        "opening_register_wh": OPENING_WH,
        "opening_at": at,
        "approved_at": at,
    }
    await write(work, identity.EnergySourceRow, [source])
    await write(
        work,
        identity.EnergyConsumptionUnitRow,
        [
            {"identity_id": unit, "member_id": member, "metering_point_id": point}
            for point, (unit, _, member) in FLATS.items()
        ],
    )
    await _devices(work, at, committed)
    await _addresses_and_shares(work, at, committed)


async def _devices(work: Work, at: datetime, committed: ShareConfig | None) -> None:
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
                "public_key": b"\x04"
                + (
                    committed.key_x + committed.key_y
                    if committed and device == DEVICES[PV_POINT]
                    else key_of(device).public_key[1:]
                ),
                "kid": key_of(device).kid,
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
    await write(work, identity.DeviceRow, rows)
    await write(work, identity.DeviceKeyRow, keys)
    await write(work, metering.MeterRow, meters)
    await write(work, metering.RegisterRow, registers)
    await write(work, metering.InstallationRow, installations)


async def _addresses_and_shares(work: Work, at: datetime, committed: ShareConfig | None) -> None:
    held = [(holder, address_of(holder), count) for holder, count in SHARES.items()]
    if committed is not None:
        held = list(zip(NAMES, committed.holders, committed.weights, strict=False))
    await write(
        work,
        identity.CoinAddressRow,
        [
            {
                "id": f"adr_{member}",
                "identity_id": member,
                "chain": "evm",
                "address": address_of(member),
                "valid_from": at,
                "recorded_at": at,
            }
            for member in NAMES
        ],
    )
    await write(
        work,
        addresses.CoinAddressEventRow,
        [
            {"address_id": f"adr_{member}", "reason": "given", "holds": True, "effective_at": at, "recorded_at": at}
            for member in NAMES
        ],
    )
    table = {
        "id": "sht_1",
        "source_id": SOURCE,
        "revision": 1,
        "share_total": sum(count for _, _, count in held),
        "config_hash": "0x" + committed.hash().hex() if committed else hash_of("config"),
        "valid_from": at,
        "recorded_at": at,
        "recorded_by": "seed",
    }
    await write(work, identity.ShareTableRow, [table])
    await write(
        work,
        identity.ShareRow,
        [
            {
                "share_table_id": "sht_1",
                "position": n,
                "holder_id": holder,
                "address": address,
                "share_count": count,
            }
            for n, (holder, address, count) in enumerate(held)
        ],
    )


async def add_measurement(work: Work, point: str, at: datetime, register_wh: int, recorded_at: datetime) -> str:
    """One reading with its frame and statement. Returns its id."""
    rows: Rows = defaultdict(list)
    number = _measure(rows, point, at, register_wh, recorded_at)
    for row, values in rows.items():
        await write(work, row, values)
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
        "signed": evidence_of(device, frame["device_eui"], slot_at(at), register_wh),
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
        await write(work, row, rows[row])


async def _exceptions(work: Work, first: datetime, now: datetime) -> None:
    start = first.replace(hour=3)
    gap = {"metering_point_id": "mp_top2", "starts_at": start, "ends_at": start + 4 * QUARTER_HOUR, "opened_at": start}
    await write(work, measuring.GapRow, [{**gap, "id": "gap_1", "energy_wh": None, "state": "open"}])
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
        await write(
            work, measuring.FrameRow, [{**frame, "payload": b"\x01\x02", "received_at": at, "verdict": "quarantined"}]
        )
        entry = {"id": f"qua_{number}", "frame_digest": digest, "device_id": "dev_top1" if known else None}
        await write(work, measuring.QuarantineRow, [{**entry, "reason": reason, "detail": detail, "recorded_at": at}])


async def make_key(store: Store, role: str, identity_id: str | None = None, *, person: str | None = None) -> str:
    """An API key's text; with `person` it stands for the user of that name."""
    async with store.begin() as work:
        if person is not None:
            identity_id = await persons.user_named(work, person, datetime.now(UTC))
        made = await api_keys.create(
            work, role=role, label=f"{role} of a test", identity_id=identity_id, now=datetime.now(UTC)
        )
    return made.text

"""What the commands of `device` show: the list, one device, health, and what rests on a revoked key."""

from datetime import datetime

from community.errors import FatalError
from community.onboarding.plausibility_week import WeekRules
from community.onboarding.stages import NotYet, judge_approval
from community.runtime.system_clock import SystemClock
from community.runtime.terminal import Terminal, duration, grouped, plural
from community.store import audit
from community.store.devices import device_id_by_eui, load_device
from community.store.onboarding import Told
from community.store.onboarding_facts import facts_of
from community.store.revocations import rests_on
from community.store.unit_of_work import Work
from community.store.views.device_health import DeviceHealth, device_health
from ingest.books import Books, open_books
from ingest.cli import Options
from ingest.commands.deciding import eui_of


async def refuse_known(books: Books, eui: str) -> None:
    """Raise FatalError if the device is registered."""
    async with books.store.read() as work:
        known = await device_id_by_eui(work, eui)
    if known is not None:
        raise FatalError(f"Device {eui} is registered already, as {known}.")


async def note_added(work: Work, device_id: str, told: Told, now: datetime) -> None:
    """Keep who registered a device."""
    await audit.record(
        work,
        actor=told.actor,
        command="add_device",
        subject=device_id,
        reason=told.reason,
        idempotency_key=told.idempotency_key,
        now=now,
    )


async def show_list(_options: Options, out: Terminal) -> None:
    """Every device with its stage."""
    async with open_books() as books, books.store.read() as work:
        found = await device_health(work, SystemClock().now())
    out.table(
        ("device", "state", "onboarding", "last seen", "name"),
        [(one.eui, one.state, one.onboarding, _instant(one.last_seen_at), one.name) for one in found],
    )
    out.document(
        [
            {
                "device": one.device_id,
                "eui": one.eui,
                "name": one.name,
                "state": one.state,
                "onboarding": one.onboarding,
                "last_seen_at": one.last_seen_at,
            }
            for one in found
        ]
    )


async def show_one(options: Options, out: Terminal) -> None:
    """One device: keys, places, and what is missing for its approval."""
    eui, now = eui_of(options.eui), SystemClock().now()
    async with open_books() as books, books.store.read() as work:
        file = await load_device(work, eui, books.column_keys)
        if file is None:
            raise FatalError(f"There is no device {eui}. `python -m ingest device list` shows all.")
        facts = await facts_of(work, file.id, now, WeekRules())
    assert facts is not None
    verdict = judge_approval(facts, now)
    missing = verdict.missing if isinstance(verdict, NotYet) else ()
    out.rows(
        [
            ("device", f"{file.eui} ({file.id}), {file.name}"),
            ("state", f"{file.state}{', on trial' if facts.trial else ''}"),
            ("onboarding", facts.stage.value),
            *(
                ("key", f"{key.keyno}: {key.kid}, from {_instant(key.valid_from)} to {_instant(key.valid_to)}"
                 + (f", revoked from {_instant(key.revoked_from)}" if key.revoked_from else "")
                 + (", development key" if key.development_key else ""))
                for key in file.keys
            ),
            *(
                ("reads", f"meter {place.meter_serial} at {place.metering_point.code} from {_instant(place.valid_from)}")
                for place in file.installations
            ),
            *(("missing", sentence) for sentence in missing),
        ]
    )  # fmt: skip
    out.document(
        {
            "device": file.id,
            "eui": file.eui,
            "state": file.state,
            "trial": facts.trial,
            "onboarding": facts.stage.value,
            "keys": [{"keyno": key.keyno, "kid": key.kid, "revoked_from": key.revoked_from} for key in file.keys],
            "missing": list(missing),
        }
    )


async def show_health(options: Options, out: Terminal) -> None:
    """Last seen, missing readings, refused signatures, counters, clock."""
    wanted = [eui_of(eui) for eui in options.eui] or None
    async with open_books() as books, books.store.read() as work:
        found = await device_health(work, SystemClock().now(), wanted)
    spans = list(found[0].missing) if found else []
    out.table(
        ("device", "last seen", *(f"missing {span}" for span in spans), "signatures", "counters", "clock", "says"),
        [
            (
                one.eui,
                _instant(one.last_seen_at),
                *(_percent(one.missing[span].per_mille) for span in spans),
                str(one.signature_failures),
                str(one.counter_anomalies),
                _drift(one),
                _said(one),
            )
            for one in found
        ],
        right=tuple(range(2, 4 + len(spans))),
    )
    out.document(
        [
            {
                "device": one.device_id,
                "eui": one.eui,
                "last_seen_at": one.last_seen_at,
                "missing_per_mille": {span: one.missing[span].per_mille for span in one.missing},
                "signature_failures": one.signature_failures,
                "counter_anomalies": one.counter_anomalies,
                "drift_s": None if one.drift is None else one.drift.total_seconds(),
                "online": None if one.said is None else one.said.is_online,
                "firmware": None if one.said is None else one.said.firmware,
                "backlog": None if one.said is None else one.said.backlog,
            }
            for one in found
        ]
    )


async def show_resting(device_id: str, since: datetime, out: Terminal) -> None:
    """What rests on what was signed after a revocation."""
    async with open_books() as books, books.store.read() as work:
        resting = await rests_on(work, device_id)
    out.line(f"Nothing that was signed from {_instant(since)} on is believed.")
    out.line(
        f"{plural(resting.measurements, 'reading')} are suspect; on them rest {plural(len(resting.intervals), 'interval')} "
        f"with {grouped(resting.energy_wh, 'Wh')} and {plural(len(resting.issuances), 'issuance')} of "
        f"{grouped(resting.issued_wh, 'Wh')}:"
    )
    for interval in resting.intervals:
        out.line(f"  interval {_instant(interval.starts_at)} at {interval.metering_point_id}: {interval.energy_wh} Wh")
    for issuance in resting.issuances:
        out.line(
            f"  issuance {issuance.id} of {issuance.source_id}: {issuance.from_wh} to {issuance.to_wh} Wh, "
            f"{issuance.state}{f', transaction {issuance.tx_hash}' if issuance.tx_hash else ''}"
        )
    out.document(
        {
            "device": device_id,
            "since": since.isoformat(),
            "measurements": resting.measurements,
            "intervals": [
                {
                    "metering_point": one.metering_point_id,
                    "starts_at": one.starts_at.isoformat(),
                    "energy_wh": one.energy_wh,
                    "revision": one.revision,
                }
                for one in resting.intervals
            ],
            "issuances": [
                {
                    "id": one.id,
                    "source": one.source_id,
                    "from_wh": one.from_wh,
                    "to_wh": one.to_wh,
                    "state": one.state,
                    "tx_hash": one.tx_hash,
                }
                for one in resting.issuances
            ],
        }
    )


def _instant(at: datetime | None) -> str:
    return "-" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def _percent(per_mille: int | None) -> str:
    return "-" if per_mille is None else f"{per_mille // 10}.{per_mille % 10} %"


def _said(one: DeviceHealth) -> str:
    if one.said is None:
        return "-"
    waits = "" if not one.said.backlog else f", {one.said.backlog} waiting"
    return f"{'online' if one.said.is_online else 'offline'}, {one.said.firmware or 'no version'}{waits}"


def _drift(one: DeviceHealth) -> str:
    if one.drift is None:
        return "-"
    text = f"{'-' if one.drift.total_seconds() < 0 else ''}{duration(one.drift.total_seconds())}"
    return f"{text}: set it" if one.drifts else text

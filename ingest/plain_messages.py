"""The device broker's messages as they usually come, judged together: one look at the books, one write, no object a row.

Usual is: a new message whose proof holds and whose readings fit between those that are known of their registers, mostly after all of
them; one that came before; one that proves nothing. Whatever else comes is left to `judging`, which does one uplink at a time and knows every case; so does
every later message of the same device in the batch, so that a device's messages keep their order. Both ways lead to the
same rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from community.attestation.admission import Admitted, Proof, Rejected, prove_message
from community.attestation.codecs import codec_of
from community.attestation.profiles import registers_of
from community.attestation.reasons import Reason
from community.attestation.statement import ReadingStatus
from community.clock import slot_start
from community.ids import digest_of
from community.metering.appending import rises_of
from community.metering.intervals import Gap
from community.metering.plausibility import RegisterLimits
from community.store import frames, gaps, intervals, measurements, quarantine, statements
from community.store.devices import DeviceFile, Installation, Register
from community.store.frames import Frame, MessageWindow
from community.store.measurements import measurement_id
from community.store.quarantine import Refusal
from community.store.statements import StoredStatement
from community.store.unit_of_work import Work
from community.units import WattHours
from ingest import failpoints
from ingest.device_files import DeviceFiles
from ingest.failpoints import Failpoint
from ingest.outcomes import Outcome
from ingest.proofs import key_id, newest_keyno
from ingest.register_lines import KnownReading, RegisterLine, lines_of
from ingest.uplinks import Uplink

_READ_OK = int(ReadingStatus.READ_OK)  # the flag's own `&` costs more than all else that is asked of a reading
_UNREGISTERED = (Reason.UNKNOWN_DEVICE, Reason.UNKNOWN_KEY)


@dataclass(frozen=True, slots=True)
class PlainMessage:
    """An uplink of the device broker with what it proves by itself."""

    uplink: Uplink
    digest: str
    device: DeviceFile
    proof: Proof

    @property
    def statement_key(self) -> tuple[str, int, int]:
        verdict = self.proof.verdict
        if not isinstance(verdict, Admitted):
            raise TypeError("only a message that is proven has a statement")
        statement = verdict.signed.statement
        return self.device.id, statement.keyno, statement.ctr


@dataclass(slots=True)
class _Books:
    """What the books say about the messages of one batch, and what is to be added to them."""

    now: datetime
    verdicts: dict[str, str]
    windows: dict[tuple[str, int], MessageWindow]
    counters: set[tuple[str, int, int]]
    lines: dict[str, RegisterLine]
    frames: list[tuple[Frame, str]] = field(default_factory=list)
    statements: list[StoredStatement] = field(default_factory=list)
    marks: list[tuple[str, int, int]] = field(default_factory=list)
    forgotten: list[tuple[str, int, int]] = field(default_factory=list)
    measurements: list[tuple[object, ...]] = field(default_factory=list)
    intervals: list[tuple[object, ...]] = field(default_factory=list)
    gaps: list[tuple[str, Gap | tuple[datetime, datetime]]] = field(default_factory=list)
    """Gaps to open, and the ranges of those to close, in their order."""
    refused: list[tuple[str, str | None, Refusal]] = field(default_factory=list)


def prove(uplink: Uplink, files: DeviceFiles) -> PlainMessage | None:
    """The message in `uplink` with its proof: all that costs time and needs no database. None if it is none of these."""
    if uplink.source != "device_broker" or uplink.fault is not None:
        return None
    known = files.get(uplink.device_eui)
    if known is None or known.record is None or known.file.payload_format != "ecw1":
        return None
    return PlainMessage(
        uplink, uplink.digest, known.file, prove_message(uplink.payload, known.record, uplink.received_at)
    )


async def take_in_plain(
    work: Work, messages: Sequence[PlainMessage | None], now: datetime, failpoint: Failpoint = failpoints.none
) -> list[Outcome | None]:
    """Write what is usual among `messages` and return its outcomes; None stands where `judging` has to look.

    Raises RowRefused if the database refuses a row, StoreUnavailable.
    """
    books = await _look_up(work, [one for one in messages if one is not None], now)
    left: set[str] = set()
    outcomes: list[Outcome | None] = []
    for one in messages:
        outcome = None if one is None or one.device.id in left else _judge(one, books)
        if one is not None and outcome is None:
            left.add(one.device.id)
        outcomes.append(outcome)
    await _write(work, books, failpoint)
    return outcomes


async def _look_up(work: Work, messages: Sequence[PlainMessage], now: datetime) -> _Books:
    opened = [one for one in messages if one.proof.counter is not None]
    proven = [one for one in messages if isinstance(one.proof.verdict, Admitted)]
    counters = {(one.device.id, one.proof.generation, one.proof.counter or 0) for one in opened}
    asked = {
        (register.id, slot_start(verdict.readings[0].slot))
        for one in proven
        if isinstance(verdict := one.proof.verdict, Admitted)
        for place in one.device.installations
        for register in place.registers.values()
    }
    stored = await statements.statements_with_counters(work, sorted({one.statement_key for one in proven}))
    return _Books(
        now=now,
        verdicts=await frames.verdicts_of(work, sorted({one.digest for one in messages})),
        windows=await frames.message_windows(work, sorted(counters)),
        counters=set(stored),
        lines=lines_of(await measurements.points_around(work, sorted(asked))),
    )


def _judge(one: PlainMessage, books: _Books) -> Outcome | None:
    """The outcome of a usual message, its rows added to `books`; None, and nothing added, for any other."""
    proof, verdict = one.proof, one.proof.verdict
    came_before = one.digest in books.verdicts
    if proof.counter is not None:
        window = books.windows.get((one.device.id, proof.generation))
        if window is not None and window.has(proof.counter):
            if not came_before:
                return None
            keyno = verdict.signed.statement.keyno if isinstance(verdict, Admitted) else newest_keyno(one.device)
            return Outcome("duplicate", None, one.device, keyno, proof.generation)
    if came_before:
        return None
    if isinstance(verdict, Rejected):
        return _refuse(one, verdict, books)
    if isinstance(verdict, Admitted):
        return _admit(one, verdict, books)
    return None


def _refuse(one: PlainMessage, verdict: Rejected, books: _Books) -> Outcome:
    kept_as = "quarantined" if verdict.reason in _UNREGISTERED else "rejected"
    _keep(one, kept_as, books)
    books.refused.append((one.digest, one.device.id, Refusal(verdict.reason, verdict.detail)))
    return Outcome(kept_as, str(verdict.reason), one.device)


def _admit(one: PlainMessage, proven: Admitted, books: _Books) -> Outcome | None:
    statement = proven.signed.statement
    if one.statement_key in books.counters:
        return None
    place = _place_of(one.device, proven)
    columns = None if place is None else _columns(place, proven, books)
    if place is None or columns is None:
        return None
    _keep(one, "admitted", books)
    stored = StoredStatement(
        digest=digest_of(proven.evidence),
        device_id=one.device.id,
        device_key_id=key_id(one.device, statement.keyno),
        keyno=statement.keyno,
        ctr=statement.ctr,
        format="ecw1",
        signed=proven.evidence,
        first_at=slot_start(statement.first_slot),
        span=statement.span,
        reading_count=statement.count,
        frame_digest=one.digest,
        leaves=proven.leaves,
        codec=codec_of(),
    )
    books.statements.append(stored)
    books.counters.add(one.statement_key)
    _mark(one.device.id, proven.generation, proven.counter, books)
    _append(one, place, stored.digest, columns, books)
    points = frozenset((place.metering_point.id,))
    return Outcome("admitted", None, one.device, statement.keyno, proven.generation, points)


def _keep(one: PlainMessage, verdict: str, books: _Books) -> None:
    uplink = one.uplink
    books.verdicts[one.digest] = verdict
    frame = Frame(one.digest, uplink.source, uplink.device_eui, uplink.payload, uplink.envelope, uplink.received_at)
    books.frames.append((frame, verdict))


def _mark(device_id: str, generation: int, counter: int, books: _Books) -> None:
    window = books.windows.setdefault((device_id, generation), MessageWindow())
    window.mark(counter)
    books.marks.append((device_id, generation, counter))
    if window.newest == counter and counter % 64 == 0:
        books.forgotten.append((device_id, generation, counter))


def _place_of(device: DeviceFile, proven: Admitted) -> Installation | None:
    """The one installation that all readings belong to, if they were all read and do not meet an exchange."""
    first, last = proven.readings[0].slot, proven.readings[-1].slot
    begin, end = slot_start(first), slot_start(last)
    touched = [
        place
        for place in device.installations
        if place.valid_from <= end and (place.valid_to is None or begin <= place.valid_to)
    ]
    if len(touched) != 1 or not (touched[0].holds_at(begin) and touched[0].holds_at(end)):
        return None
    if not all(reading.status & _READ_OK for reading in proven.readings):
        return None
    return None if touched[0].final_wh else touched[0]


@dataclass(frozen=True, slots=True)
class _Column:
    """The readings of one register in a message, with what is known next to them."""

    obis: str
    register: Register
    values: list[int]
    rises: list[int]
    """By how many Wh each value stands above the one before it."""
    before: KnownReading | None
    after: KnownReading | None


def _columns(place: Installation, proven: Admitted, books: _Books) -> list[_Column] | None:
    slots = [reading.slot for reading in proven.readings]
    columns: list[_Column] = []
    for channel, obis in enumerate(registers_of(proven.signed.statement.profile)):
        register = place.registers.get(obis)
        if register is None:
            return None
        values = [reading.registers[channel] for reading in proven.readings]
        around = books.lines.setdefault(register.id, RegisterLine()).around(slots[0], slots[-1])
        if around is None or max(values) > measurements.REGISTER_MAX_WH:
            return None
        before, after = around
        if obis in place.initial_wh and (before is None or slot_start(before.slot) < place.valid_from):
            return None
        # The register counts behind the transformers: what the installation moves is the difference times the factor.
        limits = RegisterLimits(register.modulus_wh, -(-place.max_power_w // place.factor))
        rises = rises_of(None if before is None else (before.slot, before.wh), slots, values, limits)
        if rises is None:
            return None
        if after is not None and rises_of((slots[-1], values[-1]), [after.slot], [after.wh], limits) is None:
            return None
        columns.append(_Column(obis, register, values, rises, before, after))
    return columns


def _append(
    one: PlainMessage, place: Installation, statement_digest: str, columns: list[_Column], books: _Books
) -> None:
    proven = one.proof.verdict
    if not isinstance(proven, Admitted):
        raise TypeError("only readings that are proven are booked")
    readings = proven.readings
    slots = [reading.slot for reading in readings]
    instants = [slot_start(slot) for slot in slots]
    for column in columns:
        register, values = column.register, column.values
        ids = [
            measurement_id(register.id, reading.slot, wh, reading.off_s, reading.status, "DEVICE")
            for reading, wh in zip(readings, values, strict=True)
        ]
        books.measurements += [
            (id_, register.id, place.id, one.device.id, at, wh, reading.off_s, reading.status, "DEVICE",
             statement_digest, index, leaf, books.now)
            for index, (id_, at, wh, reading, leaf) in enumerate(
                zip(ids, instants, values, readings, proven.leaf_inputs, strict=True)
            )
        ]  # fmt: skip
        added = list(map(KnownReading, slots, values, ids))
        if column.obis == place.metering_point.settled_obis:
            _follow_up(place, column, added, books)
        books.lines[register.id].add(added)


def _follow_up(place: Installation, column: _Column, added: list[KnownReading], books: _Books) -> None:
    """The interval or the gap before each reading and after the last; before the very first of a register there is neither."""
    point, factor = place.metering_point.id, place.factor
    steps, rises = added, column.rises
    if column.after is not None:
        steps, rises = [*added, column.after], [*rises, column.after.wh - added[-1].wh]
        if column.before is not None:
            books.gaps.append((point, (slot_start(column.before.slot), slot_start(column.after.slot))))
    earlier, *steps = steps if column.before is None else [column.before, *steps]
    rises = rises[1:] if column.before is None else rises
    add, now = books.intervals.append, books.now
    for later, rise in zip(steps, rises, strict=True):
        at = slot_start(earlier.slot)
        if later.slot == earlier.slot + 1:
            add((point, at, 1, rise * factor, "measured", earlier.measurement_id, later.measurement_id, now))
        else:
            books.gaps.append((point, Gap(at, slot_start(later.slot), WattHours(rise * factor))))
        earlier = later


async def _write(work: Work, books: _Books, failpoint: Failpoint) -> None:
    await frames.add_frames(work, books.frames)
    failpoint("frames_written")
    await statements.add_statements(work, books.statements, books.now)
    failpoint("statements_written")
    await frames.mark_all_seen(work, books.marks)
    await frames.forget_below_windows(work, books.forgotten)
    failpoint("counters_written")
    await measurements.add_measurement_rows(work, books.measurements)
    failpoint("measurements_written")
    await intervals.add_interval_rows(work, books.intervals)
    failpoint("intervals_written")
    for point, gap in books.gaps:
        if isinstance(gap, Gap):
            await gaps.open_gap(work, point, gap, books.now)
        else:
            await gaps.close_gap(work, point, *gap, books.now)
    failpoint("gaps_written")
    await quarantine.quarantine_all(work, books.refused, books.now)
    failpoint("refusals_written")

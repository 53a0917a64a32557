"""Gaps of evidence with their history: the state may change, what happened stays."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import exists, func, insert, select
from sqlmodel import col

from community.attestation.evidence_gaps import EvidenceGap, GapChange, GapKind, GapState
from community.ids import named_id
from community.store.statements import contiguous_counters, newest_counters
from community.store.tables.identity import DeviceRow
from community.store.tables.radio import LoraProgressRow
from community.store.tables.repairing import EvidenceGapChangeRow, EvidenceGapRow
from community.store.unit_of_work import Work
from community.store.upserts import upsert

_ENDED = [state.value for state in GapState if state.ended]


async def gaps_not_closed(work: Work, device_id: str) -> list[EvidenceGap]:
    """The gaps of a device that were not filled, those that are lost included, oldest range first."""
    rows = await work.session.execute(
        select(EvidenceGapRow)
        .where(col(EvidenceGapRow.device_id) == device_id, col(EvidenceGapRow.state) != GapState.CLOSED.value)
        .order_by(col(EvidenceGapRow.kind), col(EvidenceGapRow.first))
    )
    return [
        EvidenceGap(GapKind(row.kind), row.first, row.last, GapState(row.state), row.since_at, row.asked)
        for row in rows.scalars()
    ]


async def gaps_not_ended(work: Work, device_id: str) -> list[EvidenceGap]:
    """The gaps of a device that may still be filled, oldest range first."""
    return [gap for gap in await gaps_not_closed(work, device_id) if not gap.state.ended]


async def lost_counters(work: Work, device_id: str) -> frozenset[int]:
    """The statements of a device that are lost."""
    return frozenset(
        ctr
        for gap in await gaps_not_closed(work, device_id)
        if gap.kind is GapKind.STATEMENTS and gap.state is GapState.LOST
        for ctr in range(gap.first, gap.last + 1)
    )


async def devices_with_gaps(work: Work) -> list[str]:
    """The EUIs of the devices with gaps that have not ended."""
    rows = await work.session.execute(
        select(col(DeviceRow.eui))
        .join(EvidenceGapRow, col(EvidenceGapRow.device_id) == col(DeviceRow.identity_id))
        .where(col(EvidenceGapRow.state).not_in(_ENDED))
        .distinct()
        .order_by(col(DeviceRow.eui))
    )
    return list(rows.scalars())


async def oldest_missing_slot(work: Work) -> int | None:
    """Where the oldest gap of slots that has not ended begins, of any device; None where there is none."""
    row = EvidenceGapRow
    found = select(func.min(col(row.first))).where(col(row.kind) == GapKind.SLOTS.value, col(row.state).not_in(_ENDED))
    return (await work.session.execute(found)).scalar_one()


async def whole_up_to(work: Work, asked: Sequence[tuple[str, int, int | None]]) -> dict[tuple[str, int], int]:
    """By (EUI, key number), of those who miss nothing: the counter of their newest statement.

    Left out is who has a gap on record or a hole in the statements of that key, who speaks over LoRaWAN, and who is not
    registered. The third part of each key is an earlier answer, from which to go on, or None.
    """
    gaps, radio = EvidenceGapRow, LoraProgressRow
    rows = await work.session.execute(
        select(col(DeviceRow.eui), col(DeviceRow.identity_id)).where(
            col(DeviceRow.eui).in_({eui for eui, _, _ in asked}),
            ~exists().where(col(gaps.device_id) == col(DeviceRow.identity_id), col(gaps.state).not_in(_ENDED)),
            ~exists().where(col(radio.device_id) == col(DeviceRow.identity_id)),
        )
    )
    ids = {eui: device_id for eui, device_id in rows}  # noqa: C416 - rows are no pairs
    keys = [(ids[eui], keyno, known) for eui, keyno, known in asked if eui in ids]
    whole = await contiguous_counters(work, keys)
    newest = await newest_counters(work, [(device_id, keyno) for device_id, keyno, _ in keys])
    return {
        (eui, keyno): newest[ids[eui], keyno]
        for eui, keyno, _ in asked
        if eui in ids and newest.get((ids[eui], keyno), -1) == whole.get((ids[eui], keyno), -2)
    }


async def record_changes(work: Work, device_id: str, changes: Sequence[GapChange], now: datetime) -> None:
    """Record what changed: the new state of each gap, and a line of its history."""
    for change in changes:
        gap = change.gap
        gap_id = gap_id_of(device_id, gap)
        values = {
            "id": gap_id,
            "device_id": device_id,
            "kind": gap.kind.value,
            "first": gap.first,
            "last": gap.last,
            "state": gap.state.value,
            "since_at": gap.since_at,
            "asked": gap.asked,
            "changed_at": now,
        }
        await upsert(work, EvidenceGapRow, values, ["id"])
        await work.session.execute(
            insert(EvidenceGapChangeRow).values(gap_id=gap_id, at=now, state=gap.state.value, cause=change.cause)
        )


async def history_of(work: Work, gap_id: str) -> list[tuple[datetime, GapState, str]]:
    """(when, state from then on, why) of a gap, oldest first."""
    row = EvidenceGapChangeRow
    rows = await work.session.execute(
        select(col(row.at), col(row.state), col(row.cause)).where(col(row.gap_id) == gap_id).order_by(col(row.id))
    )
    return [(at, GapState(state), cause) for at, state, cause in rows]


def gap_id_of(device_id: str, gap: EvidenceGap) -> str:
    """One device misses one range once: these name the gap."""
    return named_id("egap", device_id, gap.kind.value, gap.first, gap.last)

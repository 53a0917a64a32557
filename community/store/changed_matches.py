"""The pairs that agree: what a run finds different from what is stored, kept on disk until the run is recorded."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlmodel import col

from community.reconciliation.results import Match
from community.store import outbox
from community.store.tables.minting import IssuanceRow
from community.store.tables.reconciling import MatchRow
from community.store.unit_of_work import Work
from community.store.upserts import upsert_all

_IN_MEMORY_MAX = 1 << 20
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class MatchChange:
    """A pair that is new or other than before. Without a `source_id` the issuance is in no pair any more."""

    issuance_id: str
    source_id: str | None = None
    tx_hash: str = ""
    block_number: int = 0
    log_index: int = 0
    energy_wh: int = 0
    amount: int = 0


class ChangeSpool:
    """Changes in the order they were found: a run over books that were never compared may have a million."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY_MAX, "w+")  # noqa: SIM115 - closed by `close`

    def add(self, changes: Iterable[MatchChange]) -> None:
        for one in changes:
            self._file.write(json.dumps(astuple(one)) + "\n")

    def __iter__(self) -> Iterator[MatchChange]:
        self._file.seek(0)
        for line in self._file:
            yield MatchChange(*json.loads(line))

    def close(self) -> None:
        self._file.close()


async def changes_in_window(
    work: Work, chain_id: int, source_id: str, from_wh: tuple[int, int], matches: Sequence[Match]
) -> list[MatchChange]:
    """How `matches`, all there are of a source's issuances in [from, upto) Wh, differ from those stored."""
    row, issuance = MatchRow, IssuanceRow
    statement = (
        select(col(row.issuance_id), col(row.tx_hash), col(row.block_number), col(row.log_index), col(row.amount))
        .join(issuance, col(issuance.id) == col(row.issuance_id))
        .where(
            col(row.chain_id) == chain_id,
            col(issuance.source_id) == source_id,
            col(issuance.from_wh) >= from_wh[0],
            col(issuance.from_wh) < from_wh[1],
        )
    )
    known = {found[0]: tuple(found[1:]) for found in await work.session.execute(statement)}
    changes = []
    for match in matches:
        event = match.event
        here = (event.tx_hash, event.block_number, event.log_index, match.amount)
        if known.pop(match.issuance_id, None) != here:
            changes.append(MatchChange(match.issuance_id, source_id, *here[:3], match.energy_wh, match.amount))
    return [*changes, *map(MatchChange, sorted(known))]


async def apply(work: Work, changes: Iterable[MatchChange], chain_id: int, run_id: str, now: datetime) -> None:
    """Make the stored pairs those of a run. Unchanged ones keep the run that found them first."""
    waiting: list[MatchChange] = []
    for change in changes:
        waiting.append(change)
        if len(waiting) == _AT_ONCE:
            await _write(work, waiting, chain_id, run_id, now)
            waiting = []
    await _write(work, waiting, chain_id, run_id, now)


async def _write(work: Work, changes: Sequence[MatchChange], chain_id: int, run_id: str, now: datetime) -> None:
    rows = [
        {
            "issuance_id": one.issuance_id,
            "source_id": one.source_id,
            "chain_id": chain_id,
            "tx_hash": one.tx_hash,
            "block_number": one.block_number,
            "log_index": one.log_index,
            "energy_wh": one.energy_wh,
            "amount": one.amount,
            "run_id": run_id,
            "matched_at": now,
        }
        for one in changes
        if one.source_id is not None
    ]
    await upsert_all(work, MatchRow, rows, ("issuance_id",))
    gone = [one.issuance_id for one in changes if one.source_id is None]
    await work.session.execute(delete(MatchRow).where(col(MatchRow.issuance_id).in_(gone)))
    await outbox.announce_all(work, "issuance", [one.issuance_id for one in changes], now)

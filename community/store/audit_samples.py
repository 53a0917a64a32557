"""Samples that auditors drew, and what they found: written once, added to, never changed (REC-9).

A sample is named by its seed, its size and what it was drawn from, so that the same draw is the same sample, and anybody
can draw again and see that nothing was chosen.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import col

from community.ids import named_id
from community.reconciliation.sampling import draw
from community.store.tables.reconciling import VERDICTS as VERDICTS  # noqa: PLC0414 - what a finding may say
from community.store.tables.reconciling import AuditFindingRow, AuditSampleItemRow, AuditSampleRow
from community.store.unit_of_work import Work
from community.store.upserts import insert_all, insert_if_absent


@dataclass(frozen=True, slots=True)
class Finding:
    """What somebody found of an issuance of a sample: `agrees`, `differs` or `unclear`, and why."""

    issuance_id: str
    verdict: str
    text: str
    found_by: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample in the order drawn, with all findings, oldest first. `population` is how many it was drawn from."""

    id: str
    seed: str
    population: int
    population_sha256: str
    drawn_by: str
    drawn_at: datetime
    issuance_ids: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def open_ids(self) -> tuple[str, ...]:
        """Those of which nothing was found yet."""
        found = {one.issuance_id for one in self.findings}
        return tuple(one for one in self.issuance_ids if one not in found)


async def draw_sample(
    work: Work, seed: str, population: Sequence[str], count: int, drawn_by: str, now: datetime
) -> str:
    """Draw and record; the sample's id. The same draw again records nothing. Raises ValueError as `draw`, and if empty."""
    drawn = draw(seed, population, count)
    if not drawn:
        raise ValueError("nothing agrees yet that a sample could be drawn from")
    digest = hashlib.sha256("".join(f"{one}\n" for one in sorted(population)).encode()).hexdigest()
    sample_id = named_id("smp", seed, len(drawn), digest)
    values = {
        "id": sample_id, "seed": seed, "population": len(population), "population_sha256": digest, "drawn_by": drawn_by,
        "drawn_at": now,
    }  # fmt: skip
    if await insert_if_absent(work, AuditSampleRow, values):
        items = [
            {"sample_id": sample_id, "position": place, "issuance_id": issuance_id}
            for place, issuance_id in enumerate(drawn)
        ]
        await insert_all(work, AuditSampleItemRow, items)
    return sample_id


async def add_finding(work: Work, sample_id: str, finding: Finding) -> bool:
    """Record what was found of one item. False if the sample does not hold it. Raises ValueError for another verdict."""
    if finding.verdict not in VERDICTS:
        raise ValueError(f"a finding says {', '.join(VERDICTS)}, not {finding.verdict}")
    if not finding.text.strip():
        raise ValueError("a finding says what was looked at: add a sentence")
    row = AuditSampleItemRow
    held = select(col(row.position)).where(col(row.sample_id) == sample_id, col(row.issuance_id) == finding.issuance_id)
    if (await work.session.execute(held)).first() is None:
        return False
    values = {
        "sample_id": sample_id, "issuance_id": finding.issuance_id, "verdict": finding.verdict, "text": finding.text,
        "found_by": finding.found_by, "recorded_at": finding.recorded_at,
    }  # fmt: skip
    await insert_all(work, AuditFindingRow, [values])
    return True


async def sample_by_id(work: Work, sample_id: str) -> Sample | None:
    """A recorded sample with its findings."""
    row = await work.session.get(AuditSampleRow, sample_id)
    if row is None:
        return None
    item, finding = AuditSampleItemRow, AuditFindingRow
    items = select(col(item.issuance_id)).where(col(item.sample_id) == sample_id).order_by(col(item.position))
    found = select(finding).where(col(finding.sample_id) == sample_id).order_by(col(finding.id))
    return Sample(
        row.id, row.seed, row.population, row.population_sha256, row.drawn_by, row.drawn_at,
        tuple((await work.session.execute(items)).scalars()),
        tuple(
            Finding(one.issuance_id, one.verdict, one.text, one.found_by, one.recorded_at)
            for one in (await work.session.execute(found)).scalars()
        ),
    )  # fmt: skip


async def sample_ids(work: Work, limit: int = 100) -> list[tuple[str, datetime, int]]:
    """(id, drawn at, findings so far) of the recorded samples, newest first."""
    row, finding = AuditSampleRow, AuditFindingRow
    found = select(func.count()).where(col(finding.sample_id) == col(row.id)).correlate(row).scalar_subquery()
    statement = (
        select(col(row.id), col(row.drawn_at), found).order_by(col(row.drawn_at).desc(), col(row.id)).limit(limit)
    )
    return [(sample_id, drawn_at, count) for sample_id, drawn_at, count in await work.session.execute(statement)]

"""Answers of the reconciliation's commands: the same content as text for people and as values for JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from community.chain.blocks import BlockRef
from community.reconciliation.attribution import Attribution
from community.reconciliation.facts import Facts
from community.reconciliation.results import Outcome
from community.reconciliation.statements import HolderStatement, SourceStatement
from community.store.audit_samples import Sample
from community.store.balance_sweeps import Sweep
from community.store.break_proofs import Cell, Proof
from community.store.reconciliation import RunSummary
from community.store.stored_breaks import BreakEntry, StoredBreak
from community.units import TokenAmount, kwh_text
from indexer.both_sides import AsOf

_MINUTE = "%Y-%m-%d %H:%M"
_AMOUNTS = frozenset(
    {
        "amount", "final_amount", "minted", "burned", "final_minted", "final_burned", "supply", "opening", "received",
        "sent", "retired", "closing", "residual",
    }
)  # fmt: skip
"""Names of base units: JSON readers lose integers beyond 2^53, so these become decimal strings."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command says, to a person and to a program."""

    text: str
    values: dict[str, Any]


def of_run(
    run: RunSummary | None,
    found: Sequence[StoredBreak],
    sweep: Sweep | None,
    attributions: Sequence[Attribution],
    now: datetime,
) -> Answer:
    """The last run, the open breaks, how far the balances were compared, and what was only guessed."""
    if run is None:
        return Answer("No reconciliation has run yet. Run `python -m indexer reconcile run`.", {"run": None})
    lines = [
        f"Reconciled {run.started_at:{_MINUTE}:%S} UTC at final block {run.finalised.number} ({run.id})",
        f"  verified {run.verified_wh} Wh, in issuances {run.issued_wh} Wh, settled on chain {run.settled_wh} Wh",
        f"  supply {kwh_text(TokenAmount(run.supply))} KWH; {run.match_count} matches, {run.break_count} breaks"
        + (f", {run.accepted_count} closed by people" if run.accepted_count else ""),
        f"  {_sweep_text(sweep)}",
    ]
    if attributions:
        loss = sum(one.residual for one in attributions)
        lines.append(
            f"  {len(attributions)} mints are attributed by their amounts alone, not verified; they lack "
            f"{kwh_text(TokenAmount(loss), 6)} KWH of the energy they fit"
        )
    if found:
        lines += ["", *(_break_text(one, now) for one in found)]
    else:
        lines.append("No break is open: meters, issuances and chain agree.")
    values = {
        "run": asdict(run),
        "sweep": None if sweep is None else asdict(sweep),
        "breaks": [asdict(one) | {"age_s": _age_s(one, now)} for one in found],
        "attributions": [asdict(one) | {"residual": one.residual} for one in attributions],
    }
    return Answer("\n".join(lines), _plain(values))


def of_past_run(as_of: AsOf, block: BlockRef, facts: Facts, result: Outcome) -> Answer:
    """What a run as of then finds. It is not stored."""
    when = f"as known at {facts.now:{_MINUTE}:%S} UTC"
    if as_of.valid_until is not None:
        when += f", of energy up to {as_of.valid_until:{_MINUTE}} UTC"
    lines = [
        f"Reconciled {when}, at final block {block.number}; nothing was stored",
        f"  verified {result.verified_wh} Wh, in issuances {result.issued_wh} Wh, settled on chain {result.settled_wh} Wh",
        f"  {result.match_count} matches, {len(result.breaks)} breaks, digest {result.digest}",
        *(f"{one.severity}: {one.kind}\n  {one.detail}" for one in result.breaks),
    ]
    values = {
        "known_at": facts.now, "valid_until": as_of.valid_until, "block": asdict(block),
        "digest": result.digest, "match_count": result.match_count, "verified_wh": result.verified_wh,
        "issued_wh": result.issued_wh, "settled_wh": result.settled_wh, "supply": facts.supply.outstanding,
        "breaks": [asdict(one) | {"detail": one.detail} for one in result.breaks],
    }  # fmt: skip
    return Answer("\n".join(lines), _plain(values))


def of_break(
    found: StoredBreak,
    proofs: Sequence[Proof],
    story: Sequence[BreakEntry],
    before: Sequence[StoredBreak],
    now: datetime,
) -> Answer:
    """One break: what happened, what to do, the rows that prove it, who did what about it."""
    lines = [
        _break_text(found, now),
        f"  expected: {found.expected or 'nothing in particular'}",
        f"  found:    {found.found or 'nothing'}",
        f"  owner: {found.owner or 'nobody'}; disposition: {found.disposition or 'none'}",
    ]
    for proof in proofs:
        lines += ["", proof.title + (" (the first rows)" if proof.more else ""), table(proof.columns, proof.rows)]
    lines += ["", "Its story"]
    lines += [f"  {entry.at:{_MINUTE}} UTC  {entry.actor}: {entry.action}. {entry.text}" for entry in story]
    earlier = [one for one in before if one.id != found.id]
    lines += [f"  It was open before: {one.id}, {one.opened_at:{_MINUTE}} UTC, {_end(one)}" for one in earlier]
    values = {
        "break": asdict(found) | {"age_s": _age_s(found, now)},
        "proofs": [
            {"title": proof.title, "more": proof.more, "rows": [dict(zip(proof.columns, row, strict=True)) for row in proof.rows]}
            for proof in proofs
        ],
        "story": [asdict(entry) for entry in story],
        "before": [one.id for one in earlier],
    }  # fmt: skip
    return Answer("\n".join(lines), _plain(values))


def of_statement(statement: HolderStatement | SourceStatement) -> Answer:
    """A statement of account, line by line."""
    period = f"{statement.starts_at:{_MINUTE}} to {statement.ends_at:{_MINUTE}} UTC"
    head = (
        f"Statement of {statement.holder if isinstance(statement, HolderStatement) else statement.source_id}, {period}"
    )
    if isinstance(statement, HolderStatement):
        names = ["opening", "minted", "received", "sent", "retired", "closing"]
        lines = [(name, f"{kwh_text(TokenAmount(getattr(statement, name)), 18)} KWH") for name in names]
    else:
        names = ["opening_wh", "verified_wh", "issued_wh", "open_wh", "settled_wh", "minted_wh", "closing_wh"]
        lines = [(name.removesuffix("_wh"), f"{getattr(statement, name)} Wh") for name in names]
    text = "\n".join([head, *(f"  {name:<9} {amount:>40}" for name, amount in lines)])
    values = asdict(statement)
    if isinstance(statement, SourceStatement):
        values["open_wh"] = statement.open_wh
    return Answer(text, _plain(values))


def of_sample(
    seed: str, population: int, drawn: Sequence[str], proofs: Sequence[Sequence[Proof]], sample_id: str | None = None
) -> Answer:
    """The drawn settlements with all rows behind each. `sample_id` where the sample was recorded."""
    lines = [f"{len(drawn)} of {population} matched settlements, drawn by SHA-256(seed | 0x1f | issuance), seed {seed}"]
    if sample_id is not None:
        lines.append(
            f"Recorded as {sample_id}: `reconcile finding {sample_id} ISSUANCE VERDICT TEXT --by NAME` adds findings."
        )
    for issuance_id, tables in zip(drawn, proofs, strict=True):
        lines += ["", f"== {issuance_id}"]
        lines += [part for proof in tables for part in (proof.title, table(proof.columns, proof.rows))]
    items = [
        {
            "issuance": issuance_id,
            "proofs": [
                {"title": proof.title, "rows": [dict(zip(proof.columns, row, strict=True)) for row in proof.rows]}
                for proof in tables
            ],
        }
        for issuance_id, tables in zip(drawn, proofs, strict=True)
    ]
    values = {"seed": seed, "population": population, "items": items, "sample": sample_id}
    return Answer("\n".join(lines), _plain(values))


def of_samples(found: Sequence[tuple[str, datetime, int]]) -> Answer:
    """The recorded samples."""
    names = ("sample", "drawn_at", "findings")
    rows = [(sample_id, drawn_at, count) for sample_id, drawn_at, count in found]
    text = (
        table(names, rows) if rows else "No sample is recorded. `reconcile sample --seed HASH --by NAME` records one."
    )
    return Answer(text, _plain([dict(zip(names, row, strict=True)) for row in rows]))


def of_findings(sample: Sample) -> Answer:
    """A recorded sample and what was found."""
    lines = [
        (
            f"{sample.id}: {len(sample.issuance_ids)} of {sample.population} matched settlements, drawn by {sample.drawn_by} "
            f"at {sample.drawn_at.isoformat()} with seed {sample.seed}"
        ),
        f"population: SHA-256 {sample.population_sha256} over the sorted ids, one a line",
        f"{len(sample.open_ids)} without a finding: {', '.join(sample.open_ids) or 'none'}",
    ]
    names = ("issuance", "verdict", "text", "found_by", "recorded_at")
    rows = [(one.issuance_id, one.verdict, one.text, one.found_by, one.recorded_at) for one in sample.findings]
    if rows:
        lines += ["", table(names, rows)]
    return Answer("\n".join(lines), _plain(asdict(sample) | {"open_ids": sample.open_ids}))


def table(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Rows below their heads. One row stands upright: its columns are too many for a line."""
    shown = [[_cell(cell) for cell in row] for row in rows]
    if len(shown) == 1:
        width = max(len(name) for name in columns)
        return "\n".join(f"  {name:<{width}}  {cell}" for name, cell in zip(columns, shown[0], strict=True))
    widths = [max(len(line[n]) for line in [list(columns), *shown]) for n in range(len(columns))]
    lines = [list(columns), *shown]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _break_text(one: StoredBreak, now: datetime) -> str:
    owner = f", {one.owner}'s" if one.owner else ""
    return (
        f"{one.severity}: {one.kind} ({one.id}), {_end(one)} after {_age_text(_age_s(one, now))}{owner}\n  {one.detail}"
    )


def _end(one: StoredBreak) -> str:
    if one.closed_at is None:
        return "is open"
    return f"closed {one.closed_at:{_MINUTE}} UTC by {one.closed_by or 'agreement'}"


def _age_s(one: StoredBreak, now: datetime) -> int:
    return int(((one.closed_at or now) - one.opened_at).total_seconds())


def _age_text(seconds: int) -> str:
    return str(timedelta(seconds=max(0, seconds) // 60 * 60))[:-3]


def _sweep_text(sweep: Sweep | None) -> str:
    if sweep is None:
        return "balances were not compared with the token yet"
    if sweep.completed_at is None:
        return f"balances compared with the token: the first {sweep.asked_count} holders of the first sweep"
    return (
        f"every balance was compared with the token by {sweep.completed_at:{_MINUTE}} UTC (block {sweep.completed_block}); "
        f"{sweep.asked_count} more since"
    )


def _cell(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%dT%H:%M:%SZ}"
    return "-" if cell is None else str(cell)


def _plain(value: Any, name: str = "") -> Any:
    """`value` as JSON holds it."""
    if isinstance(value, dict):
        return {key: _plain(one, key) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one, name) for one in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if name in _AMOUNTS and isinstance(value, int) else value

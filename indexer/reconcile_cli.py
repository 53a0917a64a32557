"""`python -m indexer reconcile …`: what a person asks of the reconciliation, answered in tables or, with --json, for programs."""

import argparse
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from community.clients.evm import EvmNode
from community.clock import Clock, as_utc
from community.errors import FatalError
from community.reconciliation.sampling import draw
from community.reconciliation.statements import holder_statement, source_statement
from community.store import (
    audit_samples,
    balance_sweeps,
    break_proofs,
    breaks,
    chain_history,
    chain_index,
    reconciliation,
)
from community.store.unit_of_work import Store
from indexer import reconcile_texts as texts
from indexer.both_sides import AsOf, frame_as_of
from indexer.decode import Contracts
from indexer.reconcile import Reconciler
from indexer.reconcile_texts import Answer
from indexer.source_windows import Loader

WithNode = Callable[[Callable[[EvmNode], Awaitable[None]]], Awaitable[None]]
"""Does something with the first node that answers."""


class NoSuchBreak(FatalError):
    """The id belongs to no break."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a command works with."""

    reconciler: Reconciler
    clock: Clock
    with_node: WithNode

    @property
    def store(self) -> Store:
        return self.reconciler.store

    @property
    def chain_id(self) -> int:
        return self.reconciler.chain_id

    @property
    def contracts(self) -> Contracts:
        return self.reconciler.contracts


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions of `reconcile` and their options."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="JSON for programs; amounts are decimal strings")
    actions = parser.add_subparsers(dest="action", required=True)

    def action(name: str, text: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, help=text, description=text, parents=[shared])

    run = action("run", "compare now; with --known-at or --until as of then, which stores nothing and can be repeated")
    run.add_argument("--known-at", type=instant, metavar="TIME", help="what was known then (ISO 8601, with zone)")
    run.add_argument("--until", type=instant, metavar="TIME", help="only energy produced up to then")
    action("show", "the last run and the open breaks")
    explain = action("explain", "what a break means, what to do, the rows that prove it, and its story")
    explain.add_argument("break_id", metavar="BREAK", help="id of the break, brk_…")
    for name, text in (
        ("assign", "give a break an owner"),
        ("note", "add a comment to a break"),
        ("close", "close a break though both sides still differ; the reason stays on record"),
    ):
        command = action(name, text)
        command.add_argument("break_id", metavar="BREAK", help="id of the break, brk_…")
        command.add_argument("text", metavar={"assign": "OWNER", "note": "TEXT", "close": "REASON"}[name])
        command.add_argument("--by", required=True, metavar="NAME", help="who says so; stays on record")
    statement = action("statement", "opening, movements and closing of a holder or an energy source")
    whose = statement.add_mutually_exclusive_group(required=True)
    whose.add_argument("--holder", metavar="ID", help="id of an identity, or an address")
    whose.add_argument("--source", metavar="ID", help="id of an energy source")
    statement.add_argument("--from", dest="starts_at", type=instant, required=True, metavar="TIME")
    statement.add_argument("--to", dest="ends_at", type=instant, required=True, metavar="TIME")
    statement.add_argument("--known-at", type=instant, metavar="TIME", help="as it was known then; default: now")
    sample = action("sample", "draw matched settlements to look at, by a public seed that anybody can draw with again")
    sample.add_argument("--seed", required=True, help="what nobody knew before, such as the hash of a later block")
    sample.add_argument("-n", dest="count", type=int, default=30, help="how many (30)")
    sample.add_argument("--by", metavar="NAME", help="record the sample, drawn by NAME, so that findings can be added")
    samples = action("samples", "the recorded samples, or one with what was found")
    samples.add_argument("sample_id", nargs="?", metavar="SAMPLE", help="id of a sample, smp_…")
    finding = action("finding", "record what an auditor found of one item of a sample")
    finding.add_argument("sample_id", metavar="SAMPLE", help="id of a sample, smp_…")
    finding.add_argument("issuance_id", metavar="ISSUANCE", help="id of the issuance, 0x…")
    finding.add_argument("verdict", choices=audit_samples.VERDICTS, help="what was found")
    finding.add_argument("text", metavar="TEXT", help="what was looked at, and why it is so")
    finding.add_argument("--by", required=True, metavar="NAME", help="who found it; stays on record")


def instant(text: str) -> datetime:
    """An instant with its zone, or a date: its beginning in UTC. Raises ValueError."""
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if len(text) == 10 else as_utc(found)


async def answer(chosen: argparse.Namespace, here: Surroundings) -> Answer:
    """Carry out the chosen action. Raises CommunityError with what to do."""
    actions: dict[str, Callable[[argparse.Namespace, Surroundings], Awaitable[Answer]]] = {
        "run": _run, "show": _show, "explain": _explain, "assign": _assign, "note": _note, "close": _close,
        "statement": _statement, "sample": _sample,
        "samples": _samples, "finding": _finding,
    }  # fmt: skip
    return await actions[chosen.action](chosen, here)


async def _run(chosen: argparse.Namespace, here: Surroundings) -> Answer:
    if chosen.known_at is not None or chosen.until is not None:
        as_of = AsOf(chosen.known_at, chosen.until)
        block, facts, result = await here.reconciler.as_of(as_of)
        return texts.of_past_run(as_of, block, facts, result)
    await here.with_node(lambda node: _compare(here, node))
    return await _show(chosen, here)


async def _compare(here: Surroundings, node: EvmNode) -> None:
    await here.reconciler.run(node)


async def _show(_chosen: argparse.Namespace, here: Surroundings) -> Answer:
    chain_id, token = here.chain_id, here.contracts.token
    async with here.store.read() as work:
        run = await reconciliation.last_run(work)
        found = await breaks.open_breaks(work)
        sweep = await balance_sweeps.sweep_of(work, chain_id, token)
        attributions = await reconciliation.attributions(work, chain_id)
    return texts.of_run(run, found, sweep, attributions, here.clock.now())


async def _explain(chosen: argparse.Namespace, here: Surroundings) -> Answer:
    async with here.store.read() as work:
        found = await breaks.break_by_id(work, chosen.break_id)
        if found is None:
            raise _unknown(chosen.break_id)
        proofs = await break_proofs.proofs_of(work, found)
        story = await breaks.story_of(work, found.id)
        before = await breaks.history_of(work, found.kind, found.subject)
    return texts.of_break(found, proofs, story, before, here.clock.now())


async def _assign(chosen: argparse.Namespace, here: Surroundings) -> Answer:
    async with here.store.begin() as work:
        done = await breaks.assign(work, chosen.break_id, chosen.text, chosen.by, here.clock.now())
    return _done(chosen.break_id, done, f"{chosen.break_id} belongs to {chosen.text} now.")


async def _note(chosen: argparse.Namespace, here: Surroundings) -> Answer:
    async with here.store.begin() as work:
        done = await breaks.note(work, chosen.break_id, chosen.text, chosen.by, here.clock.now())
    return _done(chosen.break_id, done, f"Noted on {chosen.break_id}.")


async def _close(chosen: argparse.Namespace, here: Surroundings) -> Answer:
    try:
        async with here.store.begin() as work:
            done = await breaks.close(work, chosen.break_id, chosen.text, chosen.by, here.clock.now())
    except ValueError as error:
        raise FatalError(f"Not closed: {error}.") from error
    told = f"{chosen.break_id} is closed. It stays so as long as the finding is the same; one that changes opens anew."
    return _done(chosen.break_id, done, told)


def _done(break_id: str, done: bool, told: str) -> Answer:
    if not done:
        raise _unknown(break_id)
    return Answer(told, {"break": break_id, "done": True})


def _unknown(break_id: str) -> NoSuchBreak:
    return NoSuchBreak(
        f"There is no break {break_id}, or it is closed. `python -m indexer reconcile show` lists the open ones."
    )


async def _statement(chosen: argparse.Namespace, here: Surroundings) -> Answer:
    period = (chosen.starts_at, chosen.ends_at)
    if chosen.ends_at <= chosen.starts_at:
        raise FatalError("A statement's period must end after it begins: check --from and --to.")
    as_of = AsOf(chosen.known_at)
    try:
        async with here.store.read() as work:
            if chosen.source is not None:
                _, frame = await frame_as_of(
                    work, here.chain_id, here.contracts, here.reconciler.grace, as_of, here.clock.now()
                )
                facts = await Loader(work, here.chain_id, here.contracts, frame).whole_source(chosen.source)
                return texts.of_statement(source_statement(facts, chosen.source, *period))
            known = await chain_index.checkpoint(work, here.chain_id)
            addresses = await chain_history.addresses_of(work, chosen.holder)
            if known is None or not addresses:
                raise FatalError(f"{chosen.holder} has no address here, or nothing is indexed yet.")
            moved = await chain_history.transfers_of(
                work, here.chain_id, here.contracts.token, addresses, known.finalised.number
            )
        return texts.of_statement(holder_statement(chosen.holder, addresses, moved, *period))
    except ValueError as error:
        raise FatalError(f"No statement: {error}.") from error


async def _sample(chosen: argparse.Namespace, here: Surroundings) -> Answer:
    sample_id = None
    try:
        async with here.store.read() as work:
            matched: list[str] = await reconciliation.matched_issuances(work, here.chain_id)
            drawn = draw(chosen.seed, matched, chosen.count)
            proofs: list[Any] = [await break_proofs.proofs_of_issuance(work, issuance_id) for issuance_id in drawn]
        if chosen.by is not None:
            async with here.store.begin() as work:
                sample_id = await audit_samples.draw_sample(
                    work, chosen.seed, matched, chosen.count, chosen.by, here.clock.now()
                )
    except ValueError as error:
        raise FatalError(f"No sample: {error}.") from error
    return texts.of_sample(chosen.seed, len(matched), drawn, proofs, sample_id)


async def _samples(chosen: argparse.Namespace, here: Surroundings) -> Answer:
    async with here.store.read() as work:
        if chosen.sample_id is None:
            return texts.of_samples(await audit_samples.sample_ids(work))
        sample = await audit_samples.sample_by_id(work, chosen.sample_id)
    if sample is None:
        raise FatalError(f"There is no sample {chosen.sample_id}. `python -m indexer reconcile samples` lists them.")
    return texts.of_findings(sample)


async def _finding(chosen: argparse.Namespace, here: Surroundings) -> Answer:
    finding = audit_samples.Finding(
        chosen.issuance_id.lower(), chosen.verdict, chosen.text, chosen.by, here.clock.now()
    )
    try:
        async with here.store.begin() as work:
            done = await audit_samples.add_finding(work, chosen.sample_id, finding)
    except ValueError as error:
        raise FatalError(f"Not recorded: {error}.") from error
    if not done:
        raise FatalError(f"Sample {chosen.sample_id} does not hold {chosen.issuance_id}: look at `reconcile samples`.")
    return await _samples(chosen, here)

"""Samples of what agreed, drawn by a public seed, and what auditors found of each item."""

from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry

from api.errors import BAD_REQUEST, Refused
from api.graph.carrying_out import NOT_FOUND, CommandInput, Problem, carry_out, checked_text, not_possible
from api.graph.projection import Info, all_projected, given_id
from api.graph.tokens import Issuance, issuance_of
from community.store import audit_samples as store
from community.store import decisions, reconciliation
from community.store.unit_of_work import Work
from community.store.views import chain

COUNT_MAX = 500


@strawberry.enum
class AuditVerdict(Enum):
    """What an auditor found."""

    AGREES = "agrees"
    DIFFERS = "differs"
    UNCLEAR = "unclear"


@strawberry.type
class AuditFinding:
    """What somebody found of an item, and why. Never changed; who thinks otherwise later adds another."""

    verdict: str = strawberry.field(description="agrees, differs or unclear.")
    text: str = strawberry.field(description="What was looked at, and why it is so.")
    found_by: str = strawberry.field(description="Whose credential found it.")
    recorded_at: datetime


@strawberry.type
class AuditSampleItem:
    """One issuance of a sample."""

    findings: list[AuditFinding] = strawberry.field(
        description="What was found of it, oldest first; the last one counts."
    )
    issuance_id: strawberry.Private[str]

    @strawberry.field
    async def issuance(self, info: Info) -> Issuance | None:
        """The issuance; its evidence is at /evidence/issuances/."""
        return issuance_of(await info.context.loaders.issuance.load(self.issuance_id))


@strawberry.type
class AuditSample:
    """A sample of the settlements that agreed then. The same seed over the same ids is the same sample: anybody can draw again."""

    id: strawberry.ID
    seed: str = strawberry.field(description="What nobody knew before, such as the hash of a later block.")
    population: int = strawberry.field(description="How many it was drawn from.")
    population_sha256: str = strawberry.field(description="SHA-256 over their sorted ids, one a line.")
    drawn_by: str = strawberry.field(description="Whose credential drew it.")
    drawn_at: datetime = strawberry.field(description="When it was drawn.")
    items: list[AuditSampleItem] = strawberry.field(description="In the order drawn.")


@strawberry.type
class AuditSampleDrawn:
    """The sample as it stands."""

    sample: AuditSample = strawberry.field(description="It, with all findings so far.")


AuditSampleResult = Annotated[AuditSampleDrawn | Problem, strawberry.union("AuditSampleResult")]


def _sample(found: store.Sample) -> AuditSample:
    items = [
        AuditSampleItem(
            findings=all_projected(AuditFinding, [one for one in found.findings if one.issuance_id == issuance_id]),
            issuance_id=issuance_id,
        )
        for issuance_id in found.issuance_ids
    ]
    return AuditSample(
        id=strawberry.ID(found.id),
        seed=found.seed,
        population=found.population,
        population_sha256=found.population_sha256,
        drawn_by=found.drawn_by,
        drawn_at=found.drawn_at,
        items=items,
    )


@strawberry.type
class AuditSampleQueries:
    """Questions about samples."""

    @strawberry.field
    async def audit_samples(self, info: Info) -> list[AuditSample]:
        """Recorded samples with their findings, newest first, up to 100."""
        async with info.context.reading() as work:
            found = [await store.sample_by_id(work, sample_id) for sample_id, _, _ in await store.sample_ids(work)]
        return [_sample(one) for one in found if one is not None]


async def _result(info: Info, sample_id: str) -> AuditSampleDrawn | Problem:
    async with info.context.reading() as work:
        found = await store.sample_by_id(work, sample_id)
    return NOT_FOUND if found is None else AuditSampleDrawn(sample=_sample(found))


@strawberry.type
class AuditSampleCommands:
    """Drawing, and saying what was found."""

    @strawberry.mutation
    async def draw_audit_sample(self, info: Info, seed: str, count: int, command: CommandInput) -> AuditSampleResult:
        """Draw `count` of the settlements that agree, and record the sample."""
        given, drawn = checked_text("seed", seed), list[str]()
        if not 1 <= count <= COUNT_MAX:
            raise Refused(BAD_REQUEST, f"count is a whole number from 1 to {COUNT_MAX}.")
        now, actor = info.context.clock.now(), info.context.asker.credential

        async def matched(work: Work) -> list[str]:
            head = await chain.head(work)
            return [] if head is None else await reconciliation.matched_issuances(work, head.chain_id)

        async def decide(work: Work) -> decisions.Outcome:
            try:
                drawn.append(await store.draw_sample(work, given, await matched(work), count, actor, now))
            except ValueError as error:
                return decisions.NotPossible(f"No sample: {error}.")
            return decisions.Decided()

        problem = await carry_out(info, "draw_audit_sample", f"{count} {given}", command, decide)
        if problem is not None:
            return problem
        if drawn:
            return await _result(info, drawn[0])
        async with info.context.reading() as work:  # a repeat of the command: the newest sample of its seed
            for sample_id, _, _ in await store.sample_ids(work):
                found = await store.sample_by_id(work, sample_id)
                if found is not None and found.seed == given and len(found.issuance_ids) <= count:
                    return AuditSampleDrawn(sample=_sample(found))
        return not_possible("The sample was drawn before and is no longer among the newest. Ask for auditSamples.")

    @strawberry.mutation
    async def record_audit_finding(
        self,
        info: Info,
        sample_id: strawberry.ID,
        issuance_id: strawberry.ID,
        verdict: AuditVerdict,
        text: str,
        command: CommandInput,
    ) -> AuditSampleResult:
        """Record what was found of one item of a sample. It stands for good; a later one counts instead."""
        sample, issuance, now = given_id(sample_id), given_id(issuance_id), info.context.clock.now()
        finding = store.Finding(issuance, verdict.value, checked_text("text", text), info.context.asker.credential, now)

        async def decide(work: Work) -> decisions.Outcome:
            held = await store.add_finding(work, sample, finding)
            return decisions.Decided() if held else decisions.NotFound()

        problem = await carry_out(info, "record_audit_finding", f"{sample} {issuance}", command, decide)
        return problem or await _result(info, sample)

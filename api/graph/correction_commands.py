"""Corrections of what was minted: looked at first, recorded once, and made good by the issuer."""

from datetime import datetime
from typing import Annotated

import strawberry

from api.errors import BAD_REQUEST, Refused, forbidden
from api.graph.carrying_out import NOT_FOUND, CommandInput, Problem, carry_out, checked_text
from api.graph.identities import EnergySource, Member, load_as
from api.graph.projection import Info, all_projected, given_id, projected
from api.paging import Connection, connection
from api.scalars import PAGE_DEFAULT, Cursor, Hash, Hex, PageSize
from community.errors import FatalError
from community.minting.corrections import Correction as Recorded
from community.minting.corrections import CorrectionKind
from community.store import corrections as store
from community.store import decisions
from community.store.unit_of_work import Work
from community.store.views import corrections as views
from community.store.views import identities
from community.units import TokenAmount, WattHours
from contracts.abi import encode_correct

strawberry.enum(
    CorrectionKind,
    name="CorrectionKind",
    description="DEBT: too much was minted; SUPPLEMENT: too little, and no later reading will show it.",
)


@strawberry.type
class Correction:
    """A decision that a source's verified energy is less or more than its register says. Never changed."""

    id: strawberry.ID
    kind: CorrectionKind
    energy_wh: WattHours
    evidence: Hash
    reason: str
    recorded_at: datetime
    recorded_by: str
    source_id: strawberry.Private[str]

    @strawberry.field
    async def source(self, info: Info) -> EnergySource | None:
        """Whose production it corrects."""
        return await load_as(info, EnergySource, self.source_id)


def _correction(view: views.CorrectionView) -> Correction:
    return projected(Correction, view, kind=CorrectionKind(view.kind))


@strawberry.type
class SourceAccount:
    """One source's energy as it stands: verified = minted + open supplement - open debt."""

    verified_wh: WattHours
    minted_wh: WattHours
    supplement_wh: WattHours
    debt_wh: WattHours


@strawberry.type
class CorrectionEffect:
    """What one holder gets less of the next settlements (debt), or more (supplement), by the shares of now."""

    difference: TokenAmount
    holder_id: strawberry.Private[str]

    @strawberry.field
    async def holder(self, info: Info) -> Member | None:
        """Whose part it is."""
        return await load_as(info, Member, self.holder_id)


@strawberry.type
class CorrectionPreview:
    """A source's account before and after a correction that nobody has recorded yet."""

    before: SourceAccount
    after: SourceAccount
    effects: list[CorrectionEffect]


@strawberry.type
class CorrectionRecorded:
    """The correction. For a debt `calldata` is the call that the corrector's account makes of the issuer, once."""

    correction: Correction
    calldata: Hex | None


CorrectionResult = Annotated[CorrectionRecorded | Problem, strawberry.union("CorrectionResult")]


@strawberry.type
class CorrectionQueries:
    """Questions about corrections."""

    @strawberry.field
    async def corrections(
        self,
        info: Info,
        source_id: strawberry.ID | None = None,
        first: PageSize = PAGE_DEFAULT,
        after: Cursor | None = None,
    ) -> Connection[Correction]:
        """Corrections, newest first."""
        source = None if source_id is None else given_id(source_id)
        async with info.context.reading() as work:
            return connection(await views.page(work, source, first, after), _correction)

    @strawberry.field
    async def correction_preview(
        self, info: Info, source_id: strawberry.ID, kind: CorrectionKind, energy_wh: WattHours
    ) -> CorrectionPreview:
        """What a correction would do. Nothing is stored."""
        energy = _checked_energy(energy_wh)
        async with info.context.reading() as work:
            found = await views.preview(
                work, info.context.scope, given_id(source_id), kind, energy, info.context.clock.now()
            )
        if found is None:
            raise forbidden("energy source")
        return CorrectionPreview(
            before=projected(SourceAccount, found.before),
            after=projected(SourceAccount, found.after),
            effects=all_projected(CorrectionEffect, found.effects),
        )


def _checked_energy(energy_wh: WattHours) -> WattHours:
    if energy_wh < 1:
        raise Refused(BAD_REQUEST, "energyWh must be at least 1: a debt and a supplement are given unsigned.")
    return energy_wh


@strawberry.type
class CorrectionCommands:
    """Recording corrections."""

    @strawberry.mutation
    async def record_correction(
        self,
        info: Info,
        source_id: strawberry.ID,
        kind: CorrectionKind,
        energy_wh: WattHours,
        evidence: Hash,
        command: CommandInput,
    ) -> CorrectionResult:
        """Record a correction for the command's reason. `evidence` is the SHA-256 of the document that proves it."""
        subject, now, energy = given_id(source_id), info.context.clock.now(), _checked_energy(energy_wh)
        made = Recorded(
            subject, kind, energy, evidence, checked_text("reason", command.reason), info.context.asker.credential, now
        )

        async def decide(work: Work) -> decisions.Outcome:
            found = (await identities.by_ids(work, info.context.scope, [subject])).get(subject)
            if not isinstance(found, identities.EnergySourceView):
                return decisions.NotFound()
            await store.add_correction(work, made)
            known = await store.correction_with(work, subject, evidence)
            if known is None or (known.kind, known.energy_wh) != (made.kind, made.energy_wh):
                raise FatalError(
                    "This document corrects the source already, otherwise. A correction is never changed: if it was wrong, "
                    "record one the other way with a document that says why."
                )
            return decisions.Decided()

        problem = await carry_out(info, "record_correction", f"{subject} {made.id}", command, decide)
        if problem is not None:
            return problem
        async with info.context.reading() as work:
            view = (await views.by_ids(work, [made.id])).get(made.id)
            source = (await identities.by_ids(work, info.context.scope, [subject])).get(subject)
        if view is None or not isinstance(source, identities.EnergySourceView):
            return NOT_FOUND
        call = None
        if kind is CorrectionKind.DEBT:
            ref, proof = bytes.fromhex(source.source_ref[2:]), bytes.fromhex(evidence[2:])
            call = Hex(encode_correct(ref, energy, proof).hex())
        return CorrectionRecorded(correction=_correction(view), calldata=call)

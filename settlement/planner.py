"""The next issuance of a source: loads what is settled and what was read since, decides by the core, builds the call."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from community.attestation import merkle
from community.attestation.signatures import normalise_low_s
from community.attestation.statement import MalformedStatement, parse_cose_sign1
from community.identity.identities import EnergySource, EvidenceMode
from community.minting.apportionment import apportion
from community.minting.issuances import SETTLED_STATES, Issuance, IssuancePart, IssuanceState, issuance_id
from community.minting.planning import (
    Cadence,
    NothingToSettle,
    PlanBlocked,
    PlannedPeriod,
    SettledUpTo,
    VerifiedReading,
    plan_next,
)
from community.minting.proposals import Held, Proposal, judge_proposal
from community.store.issuances import StoredEvidence, evidence_of, is_settleable, readings_after
from community.store.proposals import objections_to
from community.store.unit_of_work import Work
from community.units import WattHours, base_units
from contracts.abi import (
    AttestedSettlement,
    SettleEvidence,
    ShareConfig,
    encode_preview_settle_attested,
    encode_settle,
    encode_settle_attested,
    preview_of,
)
from contracts.abi import address as contract_address
from settlement.at_hand import AtHand, at_hand
from settlement.paid_addresses import why_not_payable_by
from settlement.terms import SettlementTerms


@dataclass(frozen=True, slots=True)
class Settlement:
    """An issuance with what its call needs."""

    issuance: Issuance
    calldata: bytes
    preview_call: bytes
    follows_final: bool
    """Whether the source's issuance before this one is final, so that the chain's register must agree."""
    is_proposed: bool = False
    """Whether it was announced, so that an objection may still come before the intent is stored."""
    entry: tuple[bytes, SettleEvidence, ShareConfig] | None = None
    """Its entry in a call of `settleMany`; None where it needs a call of its own."""
    supplement: str | None = None
    """The correction that it mints, where it is a supplement."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """An issuance that is proposed first, because the source's policy gives time for objections."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Proposals that what they rest on no longer supports. `reason` is a sentence for people."""

    proposals: tuple[Proposal, ...]
    reason: str


Step = Settlement | Announcement | Overtaken | PlanBlocked | None


async def plan_settlement(
    work: Work,
    source: EnergySource,
    terms: SettlementTerms,
    now: datetime,
    base_fee_wei: int | None = None,
    known: AtHand | None = None,
) -> Step:
    """The next step of `source`; None while there is nothing to settle, or the issuance before is under way.

    `base_fee_wei` is the chain's present base fee, None where nobody asked: then no source counts as cheap to settle.
    `known` is what was looked up for several sources in this unit of work.
    """
    if source.approved_at is None:
        return None
    known = known or await at_hand(work, [source.id])
    newest, proposals = known.newest.get(source.id), known.proposals.get(source.id, ())
    overtaken = await _overtaken(work, source, proposals, known)
    if overtaken is not None:
        return overtaken
    is_free = newest is None or newest.state in SETTLED_STATES
    follows_final = newest is None or newest.state is IssuanceState.FINAL
    if proposals and is_free:
        due = await _due(work, proposals[0], source, terms, now, known)
        if due is not None:
            return await settlement_of(work, due, source, follows_final=follows_final, is_proposed=True)
    window = source.settlement.proposal_window
    if not window and (proposals or not is_free):
        return None
    planned = await _plan_after(work, source, terms, _end_of_plans(source, proposals, known), base_fee_wei, known)
    if not isinstance(planned, PlannedPeriod):
        return planned
    issuance = issuance_of(source, planned, terms, now)
    if window:
        return Announcement(Proposal.of(issuance, now + window))
    return await settlement_of(work, issuance, source, follows_final=follows_final, is_just_read=True)


async def plan_next_issuance(
    work: Work, source: EnergySource, terms: SettlementTerms, now: datetime, base_fee_wei: int | None = None
) -> Settlement | PlanBlocked | None:
    """What would be minted next if nothing were under way and no window had to pass: for a preview, nothing is decided."""
    known = await at_hand(work, [source.id])
    planned = await _plan_after(work, source, terms, _settled_up_to(source, known), base_fee_wei, known)
    if not isinstance(planned, PlannedPeriod):
        return planned
    return await settlement_of(work, issuance_of(source, planned, terms, now), source)


async def _plan_after(
    work: Work,
    source: EnergySource,
    terms: SettlementTerms,
    start: SettledUpTo,
    base_fee_wei: int | None,
    known: AtHand,
) -> PlannedPeriod | PlanBlocked | None:
    ceiling = source.settlement.base_fee_wei_max
    cheap = ceiling is not None and base_fee_wei is not None and base_fee_wei < ceiling
    cadence = Cadence(source.settlement.period, terms.zone, cheap)
    readings = await readings_after(work, source.id, start)
    planned = plan_next(cadence, start, readings, known.tables.get(source.id, ()), source.nameplate_w)
    if isinstance(planned, NothingToSettle):
        return None
    if isinstance(planned, PlannedPeriod):
        strangers = why_not_payable_by(known.address_events, planned.share_table, planned.reading.at)
        return planned if strangers is None else PlanBlocked(strangers)
    return planned


async def _overtaken(
    work: Work, source: EnergySource, proposals: Sequence[Proposal], known: AtHand
) -> Overtaken | None:
    """The first proposal that no longer holds, with all that follow it on the register."""
    tables = {table.id: table for table in known.tables.get(source.id, ())}
    epoch = known.epochs.get(source.id)
    for at, proposal in enumerate(proposals):
        if epoch is not None and proposal.epoch < epoch.number:
            return Overtaken(tuple(proposals[at:]), f"Another register counts from {epoch.opening_at.isoformat()} on.")
        ends_at = tables[proposal.share_table_id].valid_to
        if ends_at is not None and ends_at < proposal.period_end:
            return Overtaken(tuple(proposals[at:]), f"The shares change at {ends_at.isoformat()}, within its period.")
        if not await is_settleable(work, source.id, proposal.measurement_id):
            return Overtaken(tuple(proposals[at:]), f"Measurement {proposal.measurement_id} counts no longer.")
    return None


async def _due(
    work: Work, proposal: Proposal, source: EnergySource, terms: SettlementTerms, now: datetime, known: AtHand
) -> Issuance | None:
    """The issuance of a proposal whose window is over and to which no objection is open."""
    judged = judge_proposal(proposal, await objections_to(work, [proposal.id]), now)
    if isinstance(judged, Held):
        return None
    table = next(one for one in known.tables[source.id] if one.id == proposal.share_table_id)
    reading = VerifiedReading(proposal.measurement_id, proposal.period_end, proposal.to_wh, "")
    period = PlannedPeriod(proposal.from_wh, reading, proposal.period_start, table, proposal.epoch)
    return issuance_of(source, period, terms, now)


def _end_of_plans(source: EnergySource, proposals: Sequence[Proposal], known: AtHand) -> SettledUpTo:
    if not proposals:
        return _settled_up_to(source, known)
    last = proposals[-1]
    return SettledUpTo(last.to_wh, last.period_end, known.registers[last.measurement_id], last.epoch)


async def settled_up_to(work: Work, source: EnergySource) -> SettledUpTo:
    """Where the next issuance of a source begins: behind its newest one, or where its epoch opens."""
    return _settled_up_to(source, await at_hand(work, [source.id]))


def _settled_up_to(source: EnergySource, known: AtHand) -> SettledUpTo:
    newest, epoch = known.newest.get(source.id), known.epochs.get(source.id)
    if epoch is not None and (newest is None or newest.epoch < epoch.number):
        return epoch.opening
    if newest is None:
        return SettledUpTo(WattHours(source.opening_register_wh), source.opening_at)
    return SettledUpTo(newest.to_wh, newest.period_end, known.registers[newest.measurement_id], newest.epoch)


async def settlement_of(
    work: Work,
    issuance: Issuance,
    source: EnergySource,
    *,
    follows_final: bool = True,
    is_proposed: bool = False,
    is_just_read: bool = False,
) -> Settlement | PlanBlocked:
    """What the call of an issuance needs, from its stored evidence, which must still be valid.

    `is_just_read`: its measurement was found to be settleable in this unit of work.
    """
    if not is_just_read and not await is_settleable(work, source.id, issuance.measurement_id):
        return PlanBlocked(
            f"Measurement {issuance.measurement_id} counts no longer: its source, its device or the key that signed it "
            "was taken out of service."
        )
    source_id = bytes.fromhex(source.source_ref[2:])
    evidence = await evidence_of(work, issuance.measurement_id)
    wanted = "ecw1" if source.evidence_mode is EvidenceMode.DEVICE else "legacy"
    if evidence is None or evidence.format != wanted:
        kind = "device-signed statement" if wanted == "ecw1" else "payload signed by its device"
        return PlanBlocked(f"Measurement {issuance.measurement_id} has no {kind}: nothing proves it.")
    try:
        key = evidence.public_key
        holders = tuple(contract_address(part.address) for part in issuance.parts)
        config = ShareConfig(key[1:33], key[33:], holders, tuple(part.share_count for part in issuance.parts))
        entry = None
        if source.evidence_mode is EvidenceMode.DEVICE:
            entry = source_id, settle_evidence(evidence), config
            call = encode_settle(*entry)
            calls = call, preview_of(call)
        else:
            calls = _attested(issuance, source_id, evidence, config)
    except (MalformedStatement, ValueError) as error:
        return PlanBlocked(f"The evidence of measurement {issuance.measurement_id} cannot be used: {error}")
    return Settlement(issuance, *calls, follows_final, is_proposed, entry)


def _attested(
    issuance: Issuance, source_id: bytes, evidence: StoredEvidence, config: ShareConfig
) -> tuple[bytes, bytes]:
    """The calls for a reading whose evidence the contract cannot verify: it records the SHA-256 of what was signed."""
    read_at, digest = int(issuance.period_end.timestamp()), hashlib.sha256(evidence.signed).digest()
    settlement = AttestedSettlement(source_id, issuance.to_wh, read_at, digest, config)
    return encode_settle_attested(settlement), encode_preview_settle_attested(settlement)


def settle_evidence(stored: StoredEvidence) -> SettleEvidence:
    """The evidence as the contract takes it: s in its lower form. Raises MalformedStatement, ValueError."""
    signed = parse_cose_sign1(stored.signed)
    signature = normalise_low_s(signed.signature)
    size = merkle.HASH_SIZE
    path = tuple(stored.leaf_path[at : at + size] for at in range(0, len(stored.leaf_path), size))
    return SettleEvidence(
        statement=signed.to_be_signed(),
        r=signature[:32],
        s=signature[32:],
        leaf=stored.leaf_input,
        path=path,
        leaf_index=stored.leaf_index,
    )


def issuance_of(source: EnergySource, planned: PlannedPeriod, terms: SettlementTerms, now: datetime) -> Issuance:
    """The issuance of a planned period, with every holder's part."""
    shares = planned.share_table.shares
    amounts = apportion(planned.energy_wh, [share.count for share in shares])
    to_wh = planned.reading.register_wh
    return Issuance(
        id=issuance_id(terms.chain_id, terms.issuer, source.source_ref, planned.from_wh, to_wh, planned.epoch),
        chain_id=terms.chain_id,
        issuer=terms.issuer,
        source_id=source.id,
        from_wh=planned.from_wh,
        to_wh=to_wh,
        period_start=planned.period_start,
        period_end=planned.reading.at,
        amount=base_units(planned.energy_wh),
        measurement_id=planned.reading.measurement_id,
        share_table_id=planned.share_table.id,
        parts=tuple(
            IssuancePart(share.holder_id, share.address, share.count, amount)
            for share, amount in zip(shares, amounts, strict=True)
        ),
        planned_at=now,
        epoch=planned.epoch,
    )

"""The next issuance of a source: loads what is settled and what was read since, decides by the core, builds the call."""

from dataclasses import dataclass
from datetime import datetime

from community.attestation import merkle
from community.attestation.signatures import normalise_low_s
from community.attestation.statement import MalformedStatement, parse_cose_sign1
from community.identity.identities import EnergySource, EvidenceMode
from community.minting.apportionment import apportion
from community.minting.issuances import SETTLED_STATES, Issuance, IssuancePart, IssuanceState, issuance_id
from community.minting.planning import PlanBlocked, PlannedPeriod, SettledUpTo, plan_next
from community.store.issuances import (
    StoredEvidence,
    evidence_of,
    is_settleable,
    newest_issuance,
    readings_after,
    register_of,
)
from community.store.shares import share_tables
from community.store.unit_of_work import Work
from community.units import WattHours, base_units
from contracts.abi import SettleEvidence, ShareConfig
from contracts.abi import address as contract_address
from settlement.terms import SettlementTerms


@dataclass(frozen=True, slots=True)
class Settlement:
    """An issuance with what its call needs."""

    issuance: Issuance
    source_ref: bytes
    evidence: SettleEvidence
    config: ShareConfig
    follows_final: bool
    """Whether the source's issuance before this one is final, so that the chain's register must agree."""


async def plan_settlement(
    work: Work, source: EnergySource, terms: SettlementTerms, now: datetime
) -> Settlement | PlanBlocked | None:
    """The next settlement of `source`; None while there is nothing to settle, or the one before is under way."""
    if source.approved_at is None:
        return None
    newest = await newest_issuance(work, source.id)
    if newest is not None and newest.state not in SETTLED_STATES:
        return None
    settled = await settled_up_to(work, source, newest)
    readings = await readings_after(work, source.id, settled)
    tables = await share_tables(work, source.id)
    match plan_next(source.settlement_period, settled, readings, tables, source.nameplate_w):
        case PlannedPeriod() as planned:
            pass
        case PlanBlocked() as blocked:
            return blocked
        case _:
            return None
    if source.evidence_mode is not EvidenceMode.DEVICE:
        return PlanBlocked("Sources with attested evidence are settled by hand; only device-signed ones settle here.")
    issuance = _issuance(source, planned, terms, now)
    follows_final = newest is None or newest.state is IssuanceState.FINAL
    return await settlement_of(work, issuance, source, follows_final=follows_final)


async def settled_up_to(work: Work, source: EnergySource, newest: Issuance | None) -> SettledUpTo:
    """Where the next issuance of a source begins: behind its `newest` one, or at its opening."""
    if newest is None:
        return SettledUpTo(WattHours(source.opening_register_wh), source.opening_at)
    return SettledUpTo(newest.to_wh, newest.period_end, await register_of(work, newest.measurement_id))


async def settlement_of(
    work: Work, issuance: Issuance, source: EnergySource, *, follows_final: bool = True
) -> Settlement | PlanBlocked:
    """What the call of an issuance needs, from its stored evidence, which must still be valid."""
    if not await is_settleable(work, source.id, issuance.measurement_id):
        return PlanBlocked(
            f"Measurement {issuance.measurement_id} counts no longer: its source, its device or the key that signed it "
            "was taken out of service."
        )
    evidence = await evidence_of(work, issuance.measurement_id)
    if evidence is None or evidence.format != "ecw1":
        return PlanBlocked(f"Measurement {issuance.measurement_id} has no device-signed statement: nothing proves it.")
    try:
        proof = settle_evidence(evidence)
        key = evidence.public_key
        holders = tuple(contract_address(part.address) for part in issuance.parts)
        config = ShareConfig(key[1:33], key[33:], holders, tuple(part.share_count for part in issuance.parts))
    except (MalformedStatement, ValueError) as error:
        return PlanBlocked(f"The evidence of measurement {issuance.measurement_id} cannot be used: {error}")
    return Settlement(issuance, bytes.fromhex(source.source_ref[2:]), proof, config, follows_final)


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


def _issuance(source: EnergySource, planned: PlannedPeriod, terms: SettlementTerms, now: datetime) -> Issuance:
    shares = planned.share_table.shares
    amounts = apportion(planned.energy_wh, [share.count for share in shares])
    to_wh = planned.reading.register_wh
    return Issuance(
        id=issuance_id(terms.chain_id, terms.issuer, source.source_ref, planned.from_wh, to_wh),
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
    )

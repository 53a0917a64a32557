"""Supplements, minted: an attested settlement of its own for each, under the plant's supplementary source.

The evidence is the document whose SHA-256 was recorded with the correction. Two operators pin exactly that register value,
instant and digest in the signer's registry, so settlement alone can mint no supplement.
"""

from dataclasses import replace
from datetime import datetime

from community.identity.identities import EnergySource, EvidenceMode
from community.minting.issuances import SETTLED_STATES, Issuance
from community.minting.planning import PlanBlocked, PlannedPeriod, VerifiedReading, power_ceiling_wh
from community.minting.supplements import SupplementStep, supplement_steps
from community.store.issuances import evidence_of, newest_issuance
from community.store.shares import share_table_at
from community.store.supplements import issuances_of_supplements, parent_of, supplements_of
from community.store.unit_of_work import Work
from contracts.abi import (
    MODE_ATTESTED,
    AttestedSettlement,
    ShareConfig,
    SourceSetup,
    encode_preview_settle_attested,
    encode_settle_attested,
)
from contracts.abi import address as contract_address
from settlement.at_hand import AtHand
from settlement.paid_addresses import why_not_payable
from settlement.planner import Settlement, Step, issuance_of, plan_settlement, settlement_of
from settlement.terms import SettlementTerms

PROFILE, CHANNEL = 3, 0
"""What the supplementary source is registered with on chain: energy fed in, as of a plant's only register."""


async def next_step(
    work: Work,
    source: EnergySource,
    terms: SettlementTerms,
    now: datetime,
    base_fee_wei: int | None = None,
    known: AtHand | None = None,
) -> Step:
    """The next step of any source: see `plan_settlement`; of a supplementary one its next supplement."""
    parent = await _parent(work, source)
    if parent is None:
        return await plan_settlement(work, source, terms, now, base_fee_wei, known)
    return None if source.approved_at is None else await _plan_supplement(work, source, parent, terms, now)


async def call_of_issuance(work: Work, issuance: Issuance, source: EnergySource) -> Settlement | PlanBlocked:
    """What the call of an issuance in the books needs, from its stored evidence."""
    parent = await _parent(work, source)
    if parent is None:
        return await settlement_of(work, issuance, source)
    for step in await steps_of(work, source, parent):
        if step.to_wh == issuance.to_wh:
            return await _call(work, issuance, source, step)
    return PlanBlocked(f"No supplement of {parent.id} ends at {issuance.to_wh} Wh: the corrections were changed.")


async def steps_of(work: Work, source: EnergySource, parent: EnergySource) -> list[SupplementStep]:
    """Every supplement of a plant with its way of the supplementary register."""
    return supplement_steps(source.opening_at, await supplements_of(work, parent.id))


async def followed_by(work: Work, parent: EnergySource, recorded_at: datetime) -> Issuance | None:
    """The plant's issuance that its first supplement follows: whose device key the supplementary source is opened with.

    The newest when the supplement was recorded; a key that came later is another one than the one that was pinned.
    """
    then = await newest_issuance(work, parent.id, planned_by=recorded_at)
    return then or await newest_issuance(work, parent.id)


async def _parent(work: Work, source: EnergySource) -> EnergySource | None:
    return await parent_of(work, source.id) if source.evidence_mode is EvidenceMode.ATTESTED else None


async def _plan_supplement(
    work: Work, source: EnergySource, parent: EnergySource, terms: SettlementTerms, now: datetime
) -> Settlement | PlanBlocked | None:
    newest = await newest_issuance(work, source.id)
    if newest is not None and newest.state not in SETTLED_STATES:
        return None
    reached = source.opening_register_wh if newest is None else newest.to_wh
    issued = await issuances_of_supplements(work)
    step = next((one for one in await steps_of(work, source, parent) if one.correction.id not in issued), None)
    if step is None:
        return None
    if step.from_wh != reached:
        return PlanBlocked(f"Supplement {step.correction.id} begins at {step.from_wh} Wh, but {reached} Wh are minted.")
    seconds = int((step.read_at - step.begins_at).total_seconds())
    if step.to_wh - step.from_wh > power_ceiling_wh(source.nameplate_w, seconds):
        return PlanBlocked(
            f"Supplement {step.correction.id} is of more than {source.nameplate_w} W can make since the one before, "
            f"{step.begins_at.isoformat()}: the contract will not mint it. Have the registrar raise the nameplate power of "
            f"{source.source_ref} on chain and in the books."
        )
    settled = newest or await followed_by(work, parent, step.correction.recorded_at)
    table = await share_table_at(work, parent.id, step.correction.recorded_at)
    if settled is None or table is None:
        return PlanBlocked(f"{parent.id} has no settlement or no share table yet that its supplement could follow.")
    strangers = await why_not_payable(work, table, step.read_at)
    if strangers is not None:
        return PlanBlocked(strangers)
    reading = VerifiedReading(settled.measurement_id, step.read_at, step.to_wh, "")
    issuance = issuance_of(source, PlannedPeriod(step.from_wh, reading, step.begins_at, table), terms, now)
    return await _call(work, issuance, source, step)


async def _call(work: Work, issuance: Issuance, source: EnergySource, step: SupplementStep) -> Settlement | PlanBlocked:
    config = await config_of(work, issuance)
    if config is None:
        return PlanBlocked(f"Measurement {issuance.measurement_id} has no evidence that names the device's key.")
    settled = AttestedSettlement(
        bytes.fromhex(source.source_ref[2:]),
        issuance.to_wh,
        int(step.read_at.timestamp()),
        bytes.fromhex(step.correction.evidence[2:]),
        config,
    )
    call, preview = encode_settle_attested(settled), encode_preview_settle_attested(settled)
    return replace(Settlement(issuance, call, preview, follows_final=True), supplement=step.correction.id)


async def config_of(work: Work, issuance: Issuance) -> ShareConfig | None:
    """Key and shares as they are committed for an issuance: its reading's device key, and its holders in their order."""
    evidence = await evidence_of(work, issuance.measurement_id)
    if evidence is None:
        return None
    key, parts = evidence.public_key, issuance.parts
    holders = tuple(contract_address(part.address) for part in parts)
    return ShareConfig(key[1:33], key[33:], holders, tuple(part.share_count for part in parts))


def setup_of(source: EnergySource, config: ShareConfig) -> SourceSetup:
    """How the registrar configures a supplementary source: the plant's key and shares, a register of its own from 0 Wh."""
    ref = bytes.fromhex(source.source_ref[2:])
    return SourceSetup(
        source_id=ref,
        device_id=ref[:8],
        profile=PROFILE,
        channel=CHANNEL,
        max_watt=source.nameplate_w,
        start_register_wh=source.opening_register_wh,
        start_read_at=int(source.opening_at.timestamp()),
        mode=MODE_ATTESTED,
        config=config,
    )


def registry_entry(setup: SourceSetup, epoch: int = 0) -> dict[str, object]:
    """A source as the signer's registry has it (docs/signer.md)."""
    config = setup.config
    table = {"holders": list(config.holders), "weights": list(config.weights), "config_hash": config.hash().hex()}
    return {
        "source_ref": setup.source_id.hex(),
        "device_eui": setup.device_id.hex(),
        "device_public_key": "04" + config.key_x.hex() + config.key_y.hex(),
        "profile": setup.profile,
        "channel": setup.channel,
        "nameplate_w": setup.max_watt,
        "opening_register_wh": setup.start_register_wh,
        "opening_at": setup.start_read_at,
        "wh_per_day_max": setup.max_watt * 24,
        "share_tables": [table],
    } | ({"epoch": epoch} if epoch else {})


def attestation_of(source: EnergySource, step: SupplementStep) -> dict[str, object]:
    """What two operators pin among the registry's attestations, so that the signer signs the supplement."""
    return {
        "source_ref": source.source_ref[2:],
        "register_wh": step.to_wh,
        "read_at": int(step.read_at.timestamp()),
        "evidence": step.correction.evidence[2:],
    }

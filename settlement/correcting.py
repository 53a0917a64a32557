"""Recording a correction, and the call that the corrector's key makes of it. Settlement itself never holds that key."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from community.clients.evm import EvmNode
from community.errors import FatalError
from community.identity.identities import EnergySource
from community.minting.corrections import Correction, CorrectionKind, SourceAccount
from community.store.corrections import add_correction, correction_with, corrections
from community.store.identities import energy_sources
from community.store.issuances import newest_issuance, settled_and_minted
from community.store.supplements import open_supplement_source, supplement_source_of
from community.store.unit_of_work import Store, Work
from community.units import WattHours
from contracts.abi import SourceSetup, decode_source, encode_correct, encode_source
from settlement.supplements import attestation_of, config_of, followed_by, setup_of, steps_of
from settlement.terms import SettlementTerms


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an operator asks for. `document` are the bytes that prove it; their SHA-256 goes on chain."""

    source_id: str
    kind: CorrectionKind
    energy_wh: int
    document: bytes
    reason: str
    recorded_by: str


@dataclass(frozen=True, slots=True)
class Decided:
    """A recorded correction; `calldata` is the corrector's call of a debt, `supplement` what a supplement needs."""

    correction: Correction
    is_new: bool
    on_chain: bool
    calldata: bytes | None
    supplement: "Supplement | None" = None


@dataclass(frozen=True, slots=True)
class Supplement:
    """The source that a supplement is minted under, what operators pin for it, and how both contracts and signer know it.

    `setup` is None as long as the plant has no settlement whose key and shares it could take.
    """

    source: EnergySource
    attestation: dict[str, object]
    setup: SourceSetup | None


async def correct(store: Store, wanted: Wanted, now: datetime) -> Decided:
    """Record a correction once. Raises FatalError for an unknown source, or if the document corrects it otherwise already."""
    evidence = "0x" + hashlib.sha256(wanted.document).hexdigest()
    async with store.begin() as work:
        source = await _source(work, wanted.source_id)
        try:
            made = Correction(
                source.id,
                wanted.kind,
                WattHours(wanted.energy_wh),
                evidence,
                wanted.reason,
                wanted.recorded_by,
                now,
            )
        except ValueError as error:
            raise FatalError(f"This is no correction: {error}.") from error
        is_new = await add_correction(work, made)
        known = await correction_with(work, source.id, evidence)
        if known is None or (known.kind, known.energy_wh) != (made.kind, made.energy_wh):
            raise FatalError(
                f"This document corrects {source.id} already, otherwise. A correction is never changed: if it was wrong, "
                "record one the other way with a document that says why."
            )
        booked = next(one for one in await corrections(work, [source.id]) if one.correction.evidence == evidence)
        supplement = None if known.kind is CorrectionKind.DEBT else await supplement_for(work, source, known, now)
    return Decided(known, is_new, booked.on_chain, call_of(source, known), supplement)


async def supplement_for(work: Work, parent: EnergySource, known: Correction, now: datetime) -> Supplement:
    """What the minting of a supplement needs; its source is opened with the first one."""
    source = await open_supplement_source(work, parent, now)
    step = next(one for one in await steps_of(work, source, parent) if one.correction.id == known.id)
    followed = await newest_issuance(work, source.id) or await followed_by(work, parent, known.recorded_at)
    config = None if followed is None else await config_of(work, followed)
    return Supplement(source, attestation_of(source, step), None if config is None else setup_of(source, config))


def call_of(source: EnergySource, correction: Correction) -> bytes | None:
    """The call data of `correct` for a debt; a supplement has none."""
    if correction.kind is not CorrectionKind.DEBT:
        return None
    return encode_correct(
        bytes.fromhex(source.source_ref[2:]), correction.energy_wh, bytes.fromhex(correction.evidence[2:])
    )


async def account_of(store: Store, node: EvmNode, terms: SettlementTerms, source_id: str) -> SourceAccount:
    """A source's energy as it stands: V = M + open supplement - open debt. Raises RetryableError if the node is away.

    Debts that were recorded and are not yet on chain count as open, as those on chain do.
    """
    async with store.read() as work:
        source = await _source(work, source_id)
        settled_wh, minted_wh = await settled_and_minted(work, source.id)
        booked = [one.correction for one in await corrections(work, [source.id])]
        beside = await supplement_source_of(work, source.id)
        if beside is not None:
            supplemented_wh, minted_beside_wh = await settled_and_minted(work, beside.id)
        else:
            supplemented_wh, minted_beside_wh = 0, 0
    state = decode_source(await node.eth_call(terms.issuer, encode_source(bytes.fromhex(source.source_ref[2:]))))
    recorded_wh = sum(one.energy_wh for one in booked if one.kind is CorrectionKind.DEBT)
    recorded_beside_wh = sum(one.energy_wh for one in booked if one.kind is CorrectionKind.SUPPLEMENT)
    supplement_wh = recorded_beside_wh - supplemented_wh
    on_chain_wh = settled_wh - minted_wh + state.debt_wh
    debt_wh = state.debt_wh + max(0, recorded_wh - on_chain_wh)
    minted_wh += minted_beside_wh
    verified_wh = minted_wh + supplement_wh - debt_wh
    return SourceAccount(*(WattHours(value) for value in (verified_wh, minted_wh, supplement_wh, debt_wh)))


async def _source(work: Work, source_id: str) -> EnergySource:
    for source in await energy_sources(work):
        if source.id == source_id:
            return source
    raise FatalError(f"There is no energy source {source_id}. `python -m settlement status` names them.")

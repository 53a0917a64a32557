"""Letting a source go on from another register, or under another device key: what is recorded, pinned and configured.

Nobody here holds the registrar's key: the books close the old register, operators pin, the registrar configures.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from community.attestation.profiles import registers_of
from community.attestation.statement import MalformedStatement, parse_cose_sign1, parse_payload
from community.clients.evm import EvmNode
from community.errors import FatalError
from community.identity.identities import EnergySource, EvidenceMode
from community.minting.corrections import Correction, CorrectionKind
from community.minting.epochs import SourceEpoch, epoch_after
from community.minting.issuances import Issuance, IssuanceState
from community.minting.planning import SettledUpTo, VerifiedReading
from community.store.corrections import add_correction, correction_with
from community.store.epochs import add_epoch, hold_epochs, newest_epoch
from community.store.exchanges import RegisterExchange, exchanges_at
from community.store.identities import energy_sources
from community.store.issuances import evidence_of, newest_issuance, readings_after
from community.store.proposals import waiting_proposals
from community.store.recovery import PlaceOfSource, place_of_source
from community.store.shares import share_table_at
from community.store.unit_of_work import Store, Work
from community.units import WattHours
from contracts.abi import (
    MODE_ATTESTED,
    MODE_DEVICE,
    ShareConfig,
    SourceSetup,
    decode_bytes32,
    encode_config_hash,
    encode_configure,
)
from contracts.abi import address as contract_address
from settlement.correcting import Supplement, supplement_for
from settlement.planner import settled_up_to
from settlement.supplements import registry_entry
from settlement.terms import SettlementTerms

_PROFILES = {"1-0:1.8.0": (1, 0), "1-0:2.8.0": (3, 0)}
"""Profile and channel of the only register of a device whose payloads the contract does not read."""


@dataclass(frozen=True, slots=True)
class Begun:
    """Where a source goes on. `epoch` is None where the register goes on and only the device's key is another one.

    `rest` is what the old register's rest needs to be minted.
    """

    source: EnergySource
    number: int
    epoch: SourceEpoch | None
    is_new: bool
    setup: SourceSetup
    rest: Supplement | None


async def begin(store: Store, source_id: str, recorded_by: str, reason: str, now: datetime) -> Begun:
    """Record that another register counts from the exchange on file; without one, look how the source goes on.

    One unit of work: the old register is closed where it was settled, and what it still counted is a supplement. The same
    again gives the same. Raises FatalError with what must happen first.
    """
    async with store.begin() as work:
        source = next((one for one in await energy_sources(work) if one.id == source_id), None)
        if source is None:
            raise FatalError(f"There is no energy source {source_id}. `python -m settlement status` names them.")
        known = await newest_epoch(work, source.id)
        await hold_epochs(work, {source.id: 0 if known is None else known.number})
        newest = await newest_issuance(work, source.id)
        settled = await settled_up_to(work, source)
        exchange = await _exchange_after(work, source, settled, now)
        if exchange is None:
            return await _as_it_stands(work, source, known, settled, now)
        await _must_be_closed(work, source, newest, settled, exchange)
        reading = await _first_reading(work, source, settled, exchange.new_register_id)
        proof = f"0x{exchange.protocol_digest}"
        try:
            epoch = epoch_after(source.id, settled, exchange.exchange, exchange.new_register_id, proof)
        except ValueError as error:
            raise FatalError(f"The exchange of {source.id} begins no epoch: {error}.") from error
        setup = await _setup(work, source, epoch.opening, epoch.begins_at, reading)
        await _must_have_its_own_key(work, newest, epoch, setup.config)
        is_new = await add_epoch(work, epoch, recorded_by, now)
        rest = await _rest(work, source, epoch, recorded_by, reason, now)
        return Begun(source, epoch.number, epoch, is_new, setup, rest)


async def lines_of(begun: Begun, node: EvmNode, terms: SettlementTerms) -> list[str]:
    """What was recorded and what is left to do, for a person. Raises RetryableError if the node is away."""
    setup, epoch, lines = begun.setup, begun.epoch, []
    if epoch is None:
        lines.append(f"{begun.source.id} goes on at {setup.start_register_wh} Wh; no exchange waits to be followed")
    else:
        lines.append(
            f"{'recorded' if begun.is_new else 'known'}: epoch {epoch.number} of {begun.source.id} opens register "
            f"{epoch.register_id} at {epoch.opening_register_wh} Wh, {epoch.opening_at.isoformat()}; the one before closed at "
            f"{epoch.closing_register_wh} Wh and still counted {epoch.rest_wh} Wh, minted as a supplement"
        )
    on_chain = decode_bytes32(await node.eth_call(terms.issuer, encode_config_hash(setup.source_id)))
    if on_chain == setup.config.hash():
        return [*lines, "the contract has this key and these shares already: send nothing"]
    if begun.source.evidence_mode is EvidenceMode.ATTESTED:
        lines.append("give the entry below the new meter's key and zone, as `legacy`")
    return [
        *lines,
        "put this source into the signer's registry in place of its entry, and pin it",
        json.dumps(registry_entry(setup, begun.number)),
        f"then have the registrar's account call {terms.issuer} once with",
        "0x" + encode_configure(setup).hex(),
    ]


async def _exchange_after(
    work: Work, source: EnergySource, settled: SettledUpTo, now: datetime
) -> RegisterExchange | None:
    """The exchange that took the settled register away."""
    place = await _place(work, source, now)
    for one in await exchanges_at(work, source.metering_point_id, place.obis):
        if one.exchange.at > settled.at and settled.register_id in (None, one.old_register_id):
            return one
    return None


async def _place(work: Work, source: EnergySource, at: datetime) -> PlaceOfSource:
    place = await place_of_source(work, source.id, at)
    if place is None:
        raise FatalError(f"No meter is installed at {source.id} at {at.isoformat()}: enter the installation first.")
    return place


async def _as_it_stands(
    work: Work, source: EnergySource, known: SourceEpoch | None, settled: SettledUpTo, now: datetime
) -> Begun:
    """How a source goes on whose register was not exchanged since: by the epoch on record, or under a device's new key."""
    reading = await _first_reading(work, source, settled, settled.register_id)
    setup = await _setup(work, source, settled, settled.begins_at or settled.at, reading)
    number = 0 if known is None else known.number
    if known is None or settled != known.opening:
        return Begun(source, number, None, False, setup, None)
    owed = await correction_with(work, source.id, known.evidence) if known.rest_wh else None
    rest = None if owed is None else await supplement_for(work, source, owed, now)
    return Begun(source, number, known, False, setup, rest)


async def _must_be_closed(
    work: Work, source: EnergySource, newest: Issuance | None, settled: SettledUpTo, exchange: RegisterExchange
) -> None:
    """Raise FatalError while the old register may still be settled: its rest is reckoned from where it ended."""
    if newest is not None and newest.state is not IssuanceState.FINAL:
        raise FatalError(
            f"Issuance {newest.id} of {source.id} is {newest.state.value}: wait until it is final, then begin the new register."
        )
    if await waiting_proposals(work, [source.id]):
        raise FatalError(f"{source.id} has proposals that are not minted yet: wait for them, or object to them.")
    for reading in await readings_after(work, source.id, settled):
        if reading.register_id == exchange.old_register_id and reading.register_wh > settled.register_wh:
            raise FatalError(
                f"The old meter's reading of {reading.at.isoformat()} ({reading.register_wh} Wh) is not settled yet: let "
                "settlement run first. `python -m settlement status` says what it waits for."
            )


async def _first_reading(
    work: Work, source: EnergySource, settled: SettledUpTo, register_id: str | None
) -> VerifiedReading:
    """The reading that a source goes on with: it says which key signs and in which profile. Raises FatalError."""
    for reading in await readings_after(work, source.id, settled):
        if register_id in (None, reading.register_id):
            return reading
    raise FatalError(
        f"No reading of {source.id} after {settled.at.isoformat()} may be settled yet: the first one tells the device's key. "
        "Wait for it; `python -m settlement status` says which readings are left out."
    )


async def _setup(
    work: Work, source: EnergySource, opening: SettledUpTo, shares_at: datetime, reading: VerifiedReading
) -> SourceSetup:
    """How the registrar configures a source that goes on at `opening`. Raises FatalError."""
    evidence = await evidence_of(work, reading.measurement_id)
    table = await share_table_at(work, source.id, shares_at)
    if evidence is None or table is None:
        raise FatalError(f"{source.id} has no share table at {shares_at.isoformat()}, or no evidence: record one.")
    is_device = source.evidence_mode is EvidenceMode.DEVICE
    place = await _place(work, source, reading.at)
    try:
        if is_device:
            statement = parse_payload(parse_cose_sign1(evidence.signed).payload)
            profile, channel = statement.profile, registers_of(statement.profile).index(place.obis)
        else:
            profile, channel = _PROFILES[place.obis]
    except (MalformedStatement, ValueError, KeyError) as error:
        raise FatalError(f"The evidence of measurement {reading.measurement_id} cannot be used: {error}") from error
    key = evidence.public_key
    holders = tuple(contract_address(share.address) for share in table.shares)
    return SourceSetup(
        source_id=bytes.fromhex(source.source_ref[2:]),
        device_id=bytes.fromhex(place.device_eui),
        profile=profile,
        channel=channel,
        max_watt=source.nameplate_w,
        start_register_wh=opening.register_wh,
        start_read_at=int(opening.at.timestamp()),
        mode=MODE_DEVICE if is_device else MODE_ATTESTED,
        config=ShareConfig(key[1:33], key[33:], holders, tuple(share.count for share in table.shares)),
    )


async def _must_have_its_own_key(work: Work, newest: Issuance | None, epoch: SourceEpoch, config: ShareConfig) -> None:
    """Raise FatalError where the contract would refuse: under the same key no register begins lower."""
    before = None if newest is None else await evidence_of(work, newest.measurement_id)
    if before is None or epoch.opening_register_wh >= epoch.closing_register_wh:
        return
    if before.public_key == b"\x04" + config.key_x + config.key_y:
        raise FatalError(
            f"The new register begins at {epoch.opening_register_wh} Wh, below the {epoch.closing_register_wh} Wh that are "
            "settled, and the device signs with the same key: the contract takes that for a replay. Change the device's key "
            "(`python -m gateway_agent key rotate`), or install a device of its own for the new meter; then begin again."
        )


async def _rest(
    work: Work, source: EnergySource, epoch: SourceEpoch, recorded_by: str, reason: str, now: datetime
) -> Supplement | None:
    """Owe what the old register still counted after its last settlement: the exchange's document proves it."""
    if epoch.rest_wh == 0:
        return None
    rest = Correction(
        source.id, CorrectionKind.SUPPLEMENT, WattHours(epoch.rest_wh), epoch.evidence, reason, recorded_by, now
    )
    await add_correction(work, rest)
    owed = await correction_with(work, source.id, epoch.evidence)
    if owed is None or (owed.kind, owed.energy_wh) != (rest.kind, rest.energy_wh):
        raise FatalError(
            f"The document {epoch.evidence} corrects {source.id} already, by another amount than the {epoch.rest_wh} Wh that "
            "the old meter still counted: look at both before the new register begins."
        )
    return await supplement_for(work, source, owed, now)

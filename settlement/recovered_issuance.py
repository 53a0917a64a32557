"""An issuance rebuilt from the call that settles it: source, shares and the reading with its evidence are all in there."""

from dataclasses import dataclass
from datetime import UTC, datetime

from community.attestation.cbor import MalformedCbor, decode
from community.attestation.profiles import registers_of
from community.attestation.signatures import kid_of, verify_p256
from community.attestation.statement import (
    MalformedStatement,
    SignedStatement,
    parse_leaf_input,
    parse_payload,
    sig_structure,
)
from community.clock import slot_start
from community.identity.identities import EnergySource
from community.identity.shares import ShareTable
from community.ids import digest_of
from community.minting.apportionment import apportion
from community.minting.corrections import net_of_debt
from community.minting.epochs import SourceEpoch
from community.minting.issuances import Issuance, IssuancePart, IssuanceState, issuance_id
from community.store.corrections import correction_with
from community.store.epochs import epoch_at
from community.store.frames import Frame, keep_frame
from community.store.identities import energy_sources
from community.store.issuances import issuance_ending_at, newest_issuance
from community.store.measurements import Measurement, add_measurement
from community.store.recovery import NotRecovered, PlaceOfSource, key_id_of, measurement_at, place_of_source
from community.store.shares import share_tables
from community.store.statements import StoredStatement, add_statement
from community.store.supplements import parent_of
from community.store.unit_of_work import Work
from community.units import WattHours, base_units
from contracts.abi import (
    SELECTOR_SETTLE,
    SELECTOR_SETTLE_ATTESTED,
    SELECTOR_SETTLE_MANY,
    AttestedSettlement,
    SettledLog,
    SettleEvidence,
    ShareConfig,
    decode_settle,
    decode_settle_attested,
    decode_settle_many,
)
from settlement.supplements import followed_by
from settlement.terms import SettlementTerms

NO_DEBT = WattHours(0)


@dataclass(frozen=True, slots=True)
class DeviceCall:
    """One source settled by its device's statement: a call of `settle`, or an entry of `settleMany`."""

    source_id: bytes
    evidence: SettleEvidence
    config: ShareConfig


Part = DeviceCall | AttestedSettlement
"""What a call settles of one source."""


@dataclass(frozen=True, slots=True)
class Proven:
    """What a signed call settles of one source, the event it made if it is mined, and else the debt that it will meet, in Wh."""

    part: Part
    event: SettledLog | None
    debt_wh: WattHours = NO_DEBT


def parts_of(calldata: bytes) -> list[Part]:
    """What a call settles, source by source in its order. Raises NotRecovered."""
    try:
        match calldata[:4]:
            case selector if selector == SELECTOR_SETTLE:
                return [DeviceCall(*decode_settle(calldata))]
            case selector if selector == SELECTOR_SETTLE_MANY:
                return [DeviceCall(*entry) for entry in decode_settle_many(calldata)]
            case selector if selector == SELECTOR_SETTLE_ATTESTED:
                return [decode_settle_attested(calldata)]
            case other:
                raise NotRecovered(f"The call 0x{other.hex()} settles nothing.")
    except ValueError as error:
        raise NotRecovered(f"The call cannot be read: {error}") from error


async def rebuild(
    work: Work, terms: SettlementTerms, proven: Proven, mined: tuple[int, str] | None, now: datetime
) -> Issuance:
    """The issuance that a call settles; a reading that the books lack is put back first. Raises NotRecovered."""
    part = proven.part
    source = await _source(work, "0x" + part.source_id.hex())
    parent = await parent_of(work, source.id)
    table = await _shares(work, parent or source, part.config)
    at, to_wh, measurement_id = await _settled_reading(work, source, part, now)
    epoch = await epoch_at(work, source.id, at)
    from_wh, begins_at = await _begin(work, source, epoch, proven.event, to_wh)
    number = 0 if epoch is None else epoch.number
    minted_wh = net_of_debt(WattHours(to_wh - from_wh), proven.debt_wh).minted_wh
    if proven.event is not None:
        minted_wh = WattHours(proven.event.minted_wh)
    block, tx_hash = mined or (None, None)
    amounts = apportion(minted_wh, [share.count for share in table.shares])
    return Issuance(
        id=issuance_id(terms.chain_id, terms.issuer, source.source_ref, from_wh, to_wh, number),
        chain_id=terms.chain_id,
        issuer=terms.issuer,
        source_id=source.id,
        from_wh=from_wh,
        to_wh=to_wh,
        period_start=max(begins_at, table.valid_from),
        period_end=at,
        amount=base_units(minted_wh),
        measurement_id=measurement_id,
        share_table_id=table.id,
        parts=tuple(
            IssuancePart(share.holder_id, share.address, share.count, amount)
            for share, amount in zip(table.shares, amounts, strict=True)
        ),
        planned_at=now,
        state=IssuanceState.SIGNED if mined is None else IssuanceState.MINED,
        mined_block=block,
        tx_hash=tx_hash,
        epoch=number,
    )


async def _settled_reading(
    work: Work, source: EnergySource, part: Part, now: datetime
) -> tuple[datetime, WattHours, str]:
    """Instant, register value and id of the measurement that a call settles up to."""
    if isinstance(part, AttestedSettlement):
        at = datetime.fromtimestamp(part.read_at, UTC)
        parent = await parent_of(work, source.id)
        if parent is not None:
            return at, WattHours(part.register_wh), await _last_measurement(work, source, parent, at)
    else:
        try:
            at = slot_start(parse_leaf_input(part.evidence.leaf)[1].slot)
        except ValueError as error:
            raise NotRecovered(f"The reading in the call cannot be read: {error}") from error
    place = await place_of_source(work, source.id, at)
    if place is None:
        raise NotRecovered(f"No meter was installed at {source.id} at {at.isoformat()}: enter the installation first.")
    if isinstance(part, DeviceCall):
        return at, *await _reading(work, place, part, at, now)
    known = await measurement_at(work, place.register_id, at)
    if known is None or known[1] != part.register_wh:
        raise NotRecovered(
            f"The call only names the hash of the payload that proves {part.register_wh} Wh at {at.isoformat()}: let "
            "ingest take in that payload again from the inbox, the gateway or the network server, then recover once more."
        )
    return at, WattHours(known[1]), known[0]


async def _last_measurement(work: Work, source: EnergySource, parent: EnergySource, at: datetime) -> str:
    """The reading that a supplement of a plant followed."""
    newest = await newest_issuance(work, source.id) or await followed_by(work, parent, at)
    if newest is None:
        raise NotRecovered(
            f"A supplement of {parent.id} was signed before any settlement of it is back: recover again."
        )
    return newest.measurement_id


async def supplement_in(work: Work, part: Part) -> str | None:
    """The correction that a call mints as a supplement; None for any other settlement. Raises NotRecovered."""
    if isinstance(part, DeviceCall):
        return None
    source = await _source(work, "0x" + part.source_id.hex())
    parent = await parent_of(work, source.id)
    if parent is None:
        return None
    known = await correction_with(work, parent.id, "0x" + part.evidence.hex())
    if known is None:
        raise NotRecovered(
            f"The books lack the supplement of {parent.id} whose document has the SHA-256 {part.evidence.hex()}: record it "
            "again with `python -m settlement correct`, then recover once more."
        )
    return known.id


async def _source(work: Work, source_ref: str) -> EnergySource:
    for source in await energy_sources(work):
        if source.source_ref == source_ref:
            return source
    raise NotRecovered(f"The books know no energy source {source_ref}: enter it first.")


async def _shares(work: Work, source: EnergySource, config: ShareConfig) -> ShareTable:
    wanted = list(zip(config.holders, config.weights, strict=True))
    for table in await share_tables(work, source.id):
        if [(share.address, share.count) for share in table.shares] == wanted:
            return table
    raise NotRecovered(
        f"The books lack the share table of {source.id} with the hash 0x{config.hash().hex()}: enter it first."
    )


async def _begin(
    work: Work, source: EnergySource, epoch: SourceEpoch | None, event: SettledLog | None, to_wh: int
) -> tuple[WattHours, datetime]:
    """Where the issuance begins: as the chain says, or for one that is not mined behind the newest in the books."""
    number = 0 if epoch is None else epoch.number
    opening = (source.opening_register_wh, source.opening_at)
    if epoch is not None:
        opening = (epoch.opening_register_wh, epoch.begins_at)
    if event is not None:
        if event.to_wh != to_wh:
            raise NotRecovered(f"The event says {event.to_wh} Wh, the reading in the call {to_wh} Wh.")
        before = await issuance_ending_at(work, source.id, event.from_wh, number)
        if before is None and event.from_wh != opening[0]:
            raise NotRecovered(
                f"The chain goes on from {event.from_wh} Wh of {source.id}, where no issuance of the books ends and no epoch "
                "begins: record the meter's exchange and `python -m settlement epoch`, then recover once more."
            )
        return WattHours(event.from_wh), opening[1] if before is None else before.period_end
    newest = await newest_issuance(work, source.id)
    if newest is not None and newest.epoch == number and newest.to_wh >= to_wh:
        # it is in the books already, or was decided on there; where it begins then stands with it
        newest = await issuance_ending_at(work, source.id, to_wh, number)
        if newest is None:
            raise NotRecovered(f"The books have settled {source.id} beyond {to_wh} Wh without this call.")
        return newest.from_wh, newest.period_start
    if newest is None or newest.epoch != number:
        return WattHours(opening[0]), opening[1]
    return newest.to_wh, newest.period_end


async def _reading(
    work: Work, place: PlaceOfSource, part: DeviceCall, at: datetime, now: datetime
) -> tuple[WattHours, str]:
    """Register value and id of the measurement, which is put back with its evidence if the books lack it."""
    evidence, config = part.evidence, part.config
    try:
        reading = parse_leaf_input(evidence.leaf)[1]
        statement = parse_payload(decode(evidence.statement)[3])
        register_wh = reading.registers[registers_of(statement.profile).index(place.obis)]
    except (MalformedCbor, MalformedStatement, ValueError, IndexError, TypeError) as error:
        raise NotRecovered(f"The statement in the call cannot be used: {error}") from error
    known = await measurement_at(work, place.register_id, at)
    if known is not None:
        if known[1] != register_wh:
            raise NotRecovered(
                f"The books have {known[1]} Wh at {at.isoformat()}, the settled evidence says {register_wh} Wh."
            )
        return WattHours(register_wh), known[0]
    public_key, payload = b"\x04" + config.key_x + config.key_y, statement.payload()
    key_id = await key_id_of(work, place.device_id, public_key)
    signature = evidence.r + evidence.s
    if key_id is None or not verify_p256(public_key, sig_structure(payload), signature):
        raise NotRecovered(f"The statement is not by a key of device {place.device_id} that the books know.")
    signed = SignedStatement(statement, payload, signature, kid_of(public_key)).cose_sign1()
    digest = digest_of(signed)
    await keep_frame(
        work,
        Frame(digest, "device_broker", place.device_eui, signed, "from the call data of a settlement", now),
        "admitted",
    )
    await add_statement(
        work,
        StoredStatement(
            digest=digest,
            device_id=place.device_id,
            device_key_id=key_id,
            keyno=statement.keyno,
            ctr=statement.ctr,
            format="ecw1",
            signed=signed,
            first_at=slot_start(statement.first_slot),
            span=statement.span,
            reading_count=statement.count,
            frame_digest=digest,
        ),
        now,
    )
    measurement = Measurement(
        register_id=place.register_id,
        installation_id=place.installation_id,
        device_id=place.device_id,
        at=at,
        register_wh=register_wh,
        off_s=reading.off_s,
        status=reading.status,
        evidence_mode="DEVICE",
        statement_digest=digest,
        leaf_index=evidence.leaf_index,
        leaf_input=evidence.leaf,
        leaf_path=b"".join(evidence.path),
    )
    await add_measurement(work, measurement, now)
    return WattHours(register_wh), measurement.id

"""Evidence, verified a second time against the signer's own registry: nothing is taken from the backend's word. Pure.

A device's statement is checked as the contract checks it. What the contract cannot check (the enciphered telegram of a
device of the first format) is checked here: signature, deciphering, register and instant.
"""

import hashlib
from dataclasses import dataclass

from community.attestation import merkle
from community.attestation.cbor import MalformedCbor, decode
from community.attestation.legacy import BadLegacyPayload, legacy_readings, open_legacy
from community.attestation.profiles import registers_of
from community.attestation.signatures import verify_p256
from community.attestation.statement import (
    ReadingStatus,
    SlotReading,
    Statement,
    parse_leaf_input,
    parse_payload,
    sig_structure,
)
from community.clock import QUARTER_HOUR_S
from community.metering.dlms.unreadable import UnreadableTelegram
from contracts.abi import AttestedSettlement, SettleEvidence
from signer.refusal import Refusal
from signer.registry import PinnedAttestation, PinnedSource

SIGNED_SIZE_MAX = 43 + 255
"""The contract takes a payload of at most 255 bytes after the 43 of the Sig_structure's head."""
ATTESTED_SIZE_MAX = 4096
"""An enciphered telegram of the first format has about 300 bytes."""


@dataclass(frozen=True, slots=True)
class ProvenReading:
    """The register value (Wh) and instant (unix seconds) that the device signed."""

    register_wh: int
    read_at: int


def prove_signed(source: PinnedSource, evidence: SettleEvidence) -> ProvenReading:
    """The reading that the pinned device signed: signature, statement and place in it. Raises Refusal."""
    if not verify_p256(source.device_public_key, evidence.statement, evidence.r + evidence.s):
        raise Refusal("The device's signature over the statement does not verify with the pinned key.")
    statement = _statement(evidence.statement)
    if statement.device_id.hex() != source.device_eui or statement.profile != source.profile:
        raise Refusal(
            f"The statement is of device {statement.device_id.hex()} with profile {statement.profile}; pinned are "
            f"{source.device_eui} and {source.profile}."
        )
    reading = _reading(evidence.leaf)
    index = evidence.leaf_index
    earliest = statement.first_slot + index
    leaf_hash = merkle.leaf_hash(evidence.leaf)
    if not (
        merkle.verify_inclusion(leaf_hash, index, statement.count, evidence.path, statement.root)
        and earliest <= reading.slot <= earliest + statement.span - statement.count
    ):
        raise Refusal("The reading is not in the signed statement at this place.")
    if source.channel >= len(reading.registers):
        raise Refusal(f"The reading has no register at channel {source.channel}.")
    if not reading.status & ReadingStatus.READ_OK:
        raise Refusal("The reading is marked as failed.")
    return ProvenReading(reading.registers[source.channel], reading.slot * QUARTER_HOUR_S)


def prove_attested(
    source: PinnedSource,
    settlement: AttestedSettlement,
    evidence: bytes,
    attestations: frozenset[PinnedAttestation],
) -> ProvenReading:
    """The reading of a settlement that the contract does not verify, proven here. Raises Refusal.

    Either two operators pinned exactly this register value with its document, or `evidence` is a telegram that the
    pinned device signed and the pinned meter key opens, and it says so itself.
    """
    claimed = ProvenReading(settlement.register_wh, settlement.read_at)
    digest = settlement.evidence
    if PinnedAttestation(source.source_ref, claimed.register_wh, claimed.read_at, "0x" + digest.hex()) in attestations:
        return claimed
    if source.legacy is None:
        raise Refusal(
            f"Source {source.source_ref} settles by its device's signature. Another document needs the approval of two "
            "operators: pin it among the registry's attestations."
        )
    if not evidence or len(evidence) > ATTESTED_SIZE_MAX or hashlib.sha256(evidence).digest() != digest:
        raise Refusal("The request does not carry the payload whose SHA-256 the call names as its evidence.")
    try:
        parts = open_legacy(evidence, source.device_public_key)
        telegram = legacy_readings(parts.frame, source.legacy.meter_key, source.legacy.zone)
        meter_at = telegram.meter_time
    except (BadLegacyPayload, UnreadableTelegram) as error:
        raise Refusal(f"The payload proves nothing: {error}.") from error
    obis = registers_of(source.profile)[source.channel]
    register_wh, second = telegram.registers.get(obis), int(meter_at.timestamp())
    if register_wh != claimed.register_wh or claimed.read_at not in (second, second - second % QUARTER_HOUR_S):
        raise Refusal(
            f"The payload says {register_wh} Wh in register {obis} at {second}; the call says {claimed.register_wh} Wh at "
            f"{claimed.read_at}."
        )
    return claimed


def _statement(signed: bytes) -> Statement:
    """The statement under a COSE Sig_structure, which must be exactly ours.

    Its length is bounded before it is parsed: nesting that exhausts the stack does not fit into it.
    """
    if len(signed) > SIGNED_SIZE_MAX:
        raise Refusal(f"The signed bytes are {len(signed)} long; those of a statement are at most {SIGNED_SIZE_MAX}.")
    try:
        structure = decode(signed)
        payload = structure[3] if type(structure) is list and len(structure) == 4 else None
        if type(payload) is not bytes or sig_structure(payload) != signed:
            raise Refusal("The signed bytes are not those of a statement.")
        return parse_payload(payload)
    except (MalformedCbor, ValueError) as error:
        raise Refusal(f"The statement cannot be read: {error}.") from error


def _reading(leaf: bytes) -> SlotReading:
    try:
        return parse_leaf_input(leaf)[1]
    except ValueError as error:
        raise Refusal(f"The reading cannot be read: {error}.") from error

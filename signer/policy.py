"""What the signer signs: a settlement of a pinned source, proven again from the call data alone. Pure.

Nothing is taken from the backend's word. The device's signature, the reading's place in the statement and the share
table are checked here a second time, against the signer's own registry, so a stolen backend can neither mint nor divert.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from community.attestation import merkle
from community.attestation.cbor import MalformedCbor, decode
from community.attestation.signatures import verify_p256
from community.attestation.statement import (
    ReadingStatus,
    SlotReading,
    Statement,
    parse_leaf_input,
    parse_payload,
    sig_structure,
)
from community.chain.signature_requests import SignatureRequest
from community.clock import QUARTER_HOUR_S
from community.minting.issuances import issuance_id
from contracts.abi import SELECTOR_SETTLE, SettleEvidence, ShareConfig, decode_settle
from signer.registry import PinnedSource, Registry

AHEAD_S_MAX = 300
SIGNED_SIZE_MAX = 43 + 255
"""The contract takes a payload of at most 255 bytes after the 43 of the Sig_structure's head."""
DAY = timedelta(days=1)


class Refusal(Exception):
    """The request is not signed. The text is a sentence for the person who reads the reply and the audit."""


@dataclass(frozen=True, slots=True)
class LastSigned:
    """The register value and instant (unix seconds) of a source up to which this signer has signed."""

    register_wh: int
    read_at: int


@dataclass(frozen=True, slots=True)
class SettlementFacts:
    """What a request settles, read from its call data."""

    source: PinnedSource
    evidence: SettleEvidence
    config: ShareConfig

    @property
    def source_ref(self) -> str:
        return self.source.source_ref


@dataclass(frozen=True, slots=True)
class ProvenReading:
    """The register value and instant that the device signed."""

    register_wh: int
    read_at: int


def judge_call(request: SignatureRequest, account: str, registry: Registry) -> SettlementFacts:
    """Check everything about the transaction but its evidence. Raises Refusal."""
    if request.chain_id != registry.chain_id:
        raise Refusal(f"The request is for chain {request.chain_id}; this signer signs for {registry.chain_id} only.")
    if request.account != account:
        raise Refusal(f"This signer holds {account}, not {request.account}.")
    if request.to != registry.issuer:
        raise Refusal(f"The request calls {request.to}; this signer signs calls of the issuer {registry.issuer} only.")
    if request.data[:4] != SELECTOR_SETTLE:
        raise Refusal(f"The request calls function 0x{request.data[:4].hex()}; this signer signs settle only.")
    limits = registry.limits
    for what, wanted, ceiling in (
        ("gas", request.gas, limits.gas_max),
        ("wei of maximum fee", request.max_fee, limits.max_fee_wei_max),
        ("wei of tip", request.tip, limits.tip_wei_max),
    ):
        if wanted > ceiling:
            raise Refusal(f"The request allows {wanted} {what}; the ceiling is {ceiling}.")
    try:
        source_ref, evidence, config = decode_settle(request.data)
    except ValueError as error:
        raise Refusal(f"The call data cannot be read: {error}.") from error
    source = registry.sources.get("0x" + source_ref.hex())
    if source is None:
        raise Refusal(f"Source 0x{source_ref.hex()} is not pinned in this signer's registry.")
    return SettlementFacts(source, evidence, config)


def judge_evidence(facts: SettlementFacts) -> ProvenReading:
    """Verify shares, signature, statement and inclusion against the registry. Raises Refusal."""
    source, evidence = facts.source, facts.evidence
    if facts.config not in source.share_tables:
        raise Refusal(
            f"The share table (hash 0x{facts.config.hash().hex()}) is not pinned for source {source.source_ref}."
        )
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


def judge_energy(
    request: SignatureRequest,
    facts: SettlementFacts,
    reading: ProvenReading,
    last: LastSigned,
    wh_last_day: int,
    now: datetime,
) -> int:
    """The Wh that would be minted, if they follow the last signed ones and the plant can have made them. Raises Refusal.

    `wh_last_day` is what was signed for readings in the day before this one.
    """
    source = facts.source
    if reading.read_at > now.timestamp() + AHEAD_S_MAX:
        raise Refusal("The reading is from the future.")
    if reading.read_at <= last.read_at or reading.register_wh <= last.register_wh:
        raise Refusal(
            f"The reading ({reading.register_wh} Wh at {reading.read_at}) is not after the last one signed for this source "
            f"({last.register_wh} Wh at {last.read_at})."
        )
    expected = issuance_id(request.chain_id, request.to, source.source_ref, last.register_wh, reading.register_wh)
    if request.issuance_id != expected:
        raise Refusal(
            f"The issuance id does not name the energy from {last.register_wh} to {reading.register_wh} Wh that would be "
            "settled."
        )
    energy_wh = reading.register_wh - last.register_wh
    ceiling_wh = source.nameplate_w * (reading.read_at - last.read_at) // 3600 + 1
    if energy_wh > ceiling_wh:
        raise Refusal(
            f"{energy_wh} Wh are more than the {ceiling_wh} Wh that {source.nameplate_w} W can make in the time."
        )
    days = max(1, -(-(reading.read_at - last.read_at) // int(DAY.total_seconds())))
    if energy_wh + (wh_last_day if days == 1 else 0) > source.wh_per_day_max * days:
        raise Refusal(
            f"With {energy_wh} Wh more, source {source.source_ref} would exceed its {source.wh_per_day_max} Wh a day."
        )
    return energy_wh


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

"""From readings to evidence: which of them go under one signature, the signature, and the legacy payload."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from community.attestation.device_message import DeviceMessage, encode_up
from community.attestation.sealing import derive_salt_key, slot_salt
from community.attestation.signatures import kid_of
from community.attestation.statement import SignedStatement, SlotReading, build_statement, sig_structure
from gateway_agent.secure_element.signer import Signer

GROUP_SPAN_MAX = 96
"""A day: after an outage the waiting readings share signatures, one a day."""


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """Under which name and with which keys this gateway agent speaks."""

    eui: bytes
    secret: bytes = field(repr=False)
    key_generation: int
    keyno: int
    register_profile: int

    @property
    def eui_text(self) -> str:
        return self.eui.hex()


def group_waiting(readings: Sequence[SlotReading], span_max: int = GROUP_SPAN_MAX) -> list[list[SlotReading]]:
    """`readings` (oldest first) cut into groups that each span at most `span_max` slots. Gaps stay inside a group."""
    groups: list[list[SlotReading]] = []
    for reading in readings:
        if groups and reading.slot - groups[-1][0].slot < span_max:
            groups[-1].append(reading)
        else:
            groups.append([reading])
    return groups


def sign_statement(
    identity: DeviceIdentity, signer: Signer, ctr: int, readings: Sequence[SlotReading]
) -> DeviceMessage:
    """The signed statement with counter `ctr` over `readings`. Raises SignerUnavailable, SignerUnusable."""
    salt_of = partial(slot_salt, derive_salt_key(identity.secret, identity.eui))
    statement, _leaves = build_statement(
        identity.eui, identity.keyno, ctr, identity.register_profile, readings, salt_of
    )
    payload = statement.payload()
    signature = signer.sign_digest(hashlib.sha256(sig_structure(payload)).digest())
    signed = SignedStatement(statement, payload, signature, kid_of(signer.public_key()))
    return DeviceMessage(signed, tuple(readings))


def up_plaintext(message: DeviceMessage) -> bytes:
    """What is sealed and sent for `message`: kept in the spool, so that a repeat is the same to the bit."""
    return encode_up(message)


def legacy_payload(signer: Signer, frame: bytes) -> bytes:
    """frame | SHA-256(frame) | r | s, as the first trusted gateways sent it (wire-format 1.3). Raises as the signer."""
    digest = hashlib.sha256(frame).digest()
    return frame + digest + signer.sign_digest(digest)

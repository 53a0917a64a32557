"""A signer with its folder and registry, and well-formed requests to it, without a chain."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eth_account import Account

from community.attestation import merkle
from community.attestation.sealing import derive_salt_key, slot_salt
from community.attestation.signatures import normalise_low_s
from community.attestation.statement import SlotReading, leaf_inputs_of
from community.chain.signature_requests import SignatureReply, SignatureRequest
from community.minting.issuances import issuance_id
from contracts.abi import SettleEvidence, ShareConfig, encode_settle
from settlement.terms import GWEI
from signer.journal import Journal
from signer.pinning import follow
from signer.settler import KeystoreAccount
from signer.signing import Signer
from tests.support.anvil import DEVELOPMENT_KEYS
from tests.support.operators import pin_approved
from tests.support.plant_on_chain import HOLDERS, OPENING_WH, SOURCE_REF, WEIGHTS
from tests.support.sending_device import NOON, NOON_SLOT, SendingDevice
from tests.support.settlement_world import pinned_source

ISSUER = "0x" + "15" * 20
CHAIN_ID = 31337


@dataclass
class SigningPlant:
    """Opened on a folder; `ask` gives the signer's answer."""

    folder: Path
    device: SendingDevice = field(default_factory=SendingDevice)
    requester: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    registry: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.registry = {
            "chain_id": CHAIN_ID,
            "issuer": ISSUER,
            "limits": {"gas_max": 1_000_000, "max_fee_wei_max": 500 * GWEI, "tip_wei_max": 100 * GWEI},
            "requesters": {"settlement": self.requester.public_key().public_bytes_raw().hex()},
            "sources": [pinned_source(self.device, self.config())],
        }
        self.pin()
        self.journal = Journal(self.folder)
        self.account = KeystoreAccount(Account.from_key(DEVELOPMENT_KEYS[0]))
        self.signer = Signer(self.account, self.journal, follow(self.journal))
        self.now = NOON

    def pin(self) -> None:
        """Pin the registry as it stands in `registry`."""
        pin_approved(self.folder, self.registry)

    def config(self, weights: tuple[int, ...] = WEIGHTS) -> ShareConfig:
        """The share table, or one with other weights."""
        key = self.device.public_key
        return ShareConfig(key[1:33], key[33:], HOLDERS, weights)

    def evidence(self, readings: Sequence[SlotReading], index: int = 0, **signing: Any) -> SettleEvidence:
        """The evidence of one of `readings`, signed by the device."""
        signed = self.device.sign(readings, **signing).signed
        salt = partial(slot_salt, derive_salt_key(self.device.secret, bytes.fromhex(self.device.eui)))
        leaves = leaf_inputs_of(readings, salt)
        path = merkle.inclusion_path([merkle.leaf_hash(leaf) for leaf in leaves], index)
        signature = normalise_low_s(signed.signature)
        return SettleEvidence(signed.to_be_signed(), signature[:32], signature[32:], leaves[index], path, index)

    def request(
        self,
        to_wh: int = 500,
        *,
        from_wh: int = 0,
        after: int = 0,
        nonce: int = 0,
        evidence: SettleEvidence | None = None,
        config: ShareConfig | None = None,
        **changes: Any,
    ) -> SignatureRequest:
        """A request for the way from `from_wh` to `to_wh` (over the opening), read `after` quarter-hours after noon."""
        register = OPENING_WH + to_wh
        proof = evidence or self.evidence([SlotReading(NOON_SLOT + after, 0, 1, (register,))])
        issuer = changes.get("to", ISSUER)
        fields: dict[str, Any] = {
            "id": f"request-{nonce}-{to_wh}",
            "requester": "settlement",
            "issuance_id": issuance_id(CHAIN_ID, issuer, "0x" + SOURCE_REF.hex(), OPENING_WH + from_wh, register),
            "chain_id": CHAIN_ID,
            "account": self.signer.address,
            "nonce": nonce,
            "to": issuer,
            "data": encode_settle(SOURCE_REF, proof, config or self.config()),
            "gas": 300_000,
            "max_fee": 100 * GWEI,
            "tip": 30 * GWEI,
        }
        return SignatureRequest(**(fields | changes))

    def ask(self, request: SignatureRequest) -> SignatureReply:
        """The signer's answer to a request of an authenticated requester."""
        return self.signer.answer(request, self.now)

"""Making a registry the one that counts: two operators approve its exact text, offline, each with a key of his own.

The first registry is approved by two of the operators that it names itself (the key ceremony). Each later one names the
digest of the one before and is approved by two operators of *that* one, so nobody can slip in an old or a forged registry,
not even with the signer's disk in hand but without the operators' keys.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from community.errors import FatalError
from community.json_input import parse_json
from signer.journal import Journal
from signer.registry import OPERATORS_MIN, Registry, RegistryError, parse_registry

_DOMAIN = b"energy-community signer registry 1\n"
_FIELDS = {"operator", "registry", "signature"}


@dataclass(frozen=True, slots=True)
class Approval:
    """One operator's Ed25519 signature over the digest of a registry's text."""

    operator: str
    registry: str
    signature: bytes

    def text(self) -> str:
        """The approval as the JSON that travels from the operator to the signer."""
        fields = {"operator": self.operator, "registry": self.registry, "signature": self.signature.hex()}
        return json.dumps(fields, sort_keys=True)


def registry_digest(text: str) -> str:
    """SHA-256 (hex) of a registry's text as it is: what operators compare and sign."""
    return hashlib.sha256(text.encode()).hexdigest()


def approve(text: str, operator: str, key: Ed25519PrivateKey) -> Approval:
    """An operator's approval of a registry, which must be without fault and name him with this key.

    Raises RegistryError.
    """
    registry, digest = parse_registry(text), registry_digest(text)
    pinned = registry.operators.get(operator)
    if registry.previous is None and pinned != key.public_key().public_bytes_raw():
        raise RegistryError(f"The registry does not name {operator} with this key among its operators.")
    return Approval(operator, digest, key.sign(_DOMAIN + bytes.fromhex(digest)))


def parse_approval(text: str) -> Approval:
    """The approval in `text`. Raises RegistryError."""
    try:
        fields = parse_json(text, size_max=4096, depth_max=1)
        if (
            not isinstance(fields, dict)
            or set(fields) != _FIELDS
            or not all(isinstance(f, str) for f in fields.values())
        ):
            raise ValueError("it must have exactly operator, registry and signature")
        return Approval(fields["operator"], fields["registry"], bytes.fromhex(fields["signature"]))
    except ValueError as error:
        raise RegistryError(
            f"This is no approval of a registry: {error}. Make one with `signer registry approve`."
        ) from error


def pin(journal: Journal, text: str, approvals: Sequence[Approval], now: datetime) -> Registry:
    """Check `text` completely and make it the registry that counts, in one step. Raises RegistryError."""
    registry = parse_registry(text)
    with journal.entry():
        pinned = journal.pinned()
        check_successor(text, registry, approvals, pinned[-1][1] if pinned else None)
        kept = json.dumps([approval.text() for approval in approvals])
        journal.add_pinned(registry.revision, text, kept, now)
        journal.audit(
            now,
            outcome="registry_pinned",
            revision=registry.revision,
            digest=registry_digest(text),
            operators=sorted(approval.operator for approval in approvals),
        )
    return registry


def check_successor(text: str, registry: Registry, approvals: Sequence[Approval], before: str | None) -> None:
    """Raise RegistryError unless `text` follows the registry text `before` and two operators of that one approve it."""
    operators, expected = registry.operators, 1
    if before is not None:
        earlier = parse_registry(before)
        operators, expected = earlier.operators, earlier.revision + 1
    previous = None if before is None else registry_digest(before)
    if (registry.revision, registry.previous) != (expected, previous):
        raise RegistryError(
            f"The next registry must have revision {expected} and previous {previous or 'null'}: `signer registry draft` "
            "prints the one that counts with both filled in."
        )
    digest = registry_digest(text)
    agreed = {approval.operator for approval in approvals if _is_by(approval, operators, digest)}
    wrong = sorted({approval.operator for approval in approvals} - agreed)
    if wrong:
        raise RegistryError(
            f"The approval of {', '.join(wrong)} is not for this registry by an operator who may approve it."
        )
    if len(agreed) < OPERATORS_MIN:
        raise RegistryError(
            f"{len(agreed)} of {OPERATORS_MIN} operators approve registry {digest}. Each runs `signer registry approve` on his "
            f"own machine; they are {', '.join(sorted(operators))}."
        )


def check_chain(journal: Journal) -> Registry:
    """Verify every registry ever pinned, from the first on; the one that counts. Raises FatalError."""
    before: str | None = None
    registry: Registry | None = None
    for revision, text, kept in journal.pinned():
        registry = parse_registry(text)
        try:
            check_successor(text, registry, [parse_approval(one) for one in json.loads(kept)], before)
        except (RegistryError, ValueError) as error:
            raise FatalError(
                f"Registry {revision} in the journal is not approved: {error} Sign nothing; compare the journal with its backup."
            ) from error
        before = text
    if registry is None:
        raise RegistryError("No registry is pinned. Pin one with `python -m signer registry pin --file x.json`.")
    return registry


def follow(journal: Journal) -> Callable[[], Registry]:
    """Gives the registry that counts at each call: a new one, once pinned, counts at once, and is verified first."""
    known: tuple[tuple[int, str], Registry] | None = None

    def current() -> Registry:
        nonlocal known
        newest = journal.newest_pinned()
        if known is None or newest != known[0]:
            registry = check_chain(journal)
            known = ((registry.revision, newest[1] if newest else ""), registry)
        return known[1]

    return current


def _is_by(approval: Approval, operators: Mapping[str, bytes], digest: str) -> bool:
    key = operators.get(approval.operator)
    if key is None or approval.registry != digest:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(approval.signature, _DOMAIN + bytes.fromhex(digest))
    except (InvalidSignature, ValueError):
        return False
    return True

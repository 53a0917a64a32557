"""The device's private key in a PKCS#11 token: SoftHSM2, ATECC608 through cryptoauthlib, a TPM, a YubiHSM."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pkcs11 import Attribute, ObjectClass

from community.attestation.signatures import check_public_key, normalise_low_s
from community.clients.pkcs11_signing import TokenAway, TokenKey, TokenRefuses
from gateway_agent.secure_element.signer import SignerAttributes, SignerUnavailable, SignerUnusable, checked_digest

T = TypeVar("T")


class Pkcs11Signer:
    """Signs with the key labelled `key_label` in the token labelled `token_label`."""

    def __init__(self, module: Path, token_label: str, key_label: str, pin: str) -> None:
        self._key = TokenKey(
            module,
            token_label,
            key_label,
            pin,
            curve="secp256r1",
            how_to_create="make it with `key init`",
            where_pin_stands="the file that signer.pin_file names",
        )
        self._public_key: bytes | None = None

    def public_key(self) -> bytes:
        """The 65-byte point, read from the token once. Raises SignerUnavailable, SignerUnusable."""
        if self._public_key is None:
            self._public_key = check_public_key(_ours(self._key.point))
        return self._public_key

    def sign_digest(self, digest: bytes) -> bytes:
        """r | s with a low s over `digest`. Raises SignerUnavailable, SignerUnusable."""
        checked_digest(digest)
        return normalise_low_s(_ours(lambda: self._key.sign_digest(digest)))

    def attributes(self) -> SignerAttributes:
        """What the token says of the key. Raises SignerUnavailable, SignerUnusable."""

        def look(session: Any) -> SignerAttributes:
            key = self._key.find(session, ObjectClass.PRIVATE_KEY)
            return SignerAttributes(
                backend="pkcs11",
                label=f"{self._key.token_label}/{self._key.key_label}",
                extractable=bool(key[Attribute.EXTRACTABLE]),
                never_extractable=bool(key[Attribute.NEVER_EXTRACTABLE]),
                serial=session.token.serial.decode("ascii", "replace").strip("\x00 "),
            )

        return _ours(lambda: self._key.use(look))

    def create_key(self) -> bytes:
        """Make the key pair inside the token and return its public key. Raises SignerUnusable if the label is taken."""
        _ours(self._key.create)
        return self.public_key()


def _ours(work: Callable[[], T]) -> T:
    """`work`, its errors as those of this port."""
    try:
        return work()
    except TokenAway as error:
        raise SignerUnavailable(str(error)) from error
    except TokenRefuses as error:
        raise SignerUnusable(str(error)) from error

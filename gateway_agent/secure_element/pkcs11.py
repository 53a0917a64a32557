"""A private key in a PKCS#11 token: SoftHSM2, ATECC608 through cryptoauthlib, a TPM, a YubiHSM.

One session per signature: slow enough not to matter at one statement a quarter-hour. When the token does not answer, the
module is ended and begun anew, once: it then sees a token that was taken out and put back. The host hashes: neither
SoftHSM2 nor ATECC608 offers ECDSA together with SHA-256.
"""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

from community.attestation.signatures import check_public_key, normalise_low_s
from gateway_agent.secure_element.signer import SignerAttributes, SignerUnavailable, SignerUnusable, checked_digest

_OCTET_STRING_65 = b"\x04\x41"
T = TypeVar("T")
_LOCK = threading.RLock()
"""A module has one state, and a token one login, for the whole process."""
_TRANSIENT = (
    pkcs11.exceptions.DeviceRemoved,
    pkcs11.exceptions.DeviceError,
    pkcs11.exceptions.TokenNotPresent,
    pkcs11.exceptions.SessionHandleInvalid,
    pkcs11.exceptions.SessionClosed,
    pkcs11.exceptions.SessionCount,
    pkcs11.exceptions.NoSuchToken,
    pkcs11.exceptions.FunctionFailed,
    pkcs11.exceptions.GeneralError,
    pkcs11.exceptions.ObjectHandleInvalid,
    pkcs11.exceptions.KeyHandleInvalid,
    pkcs11.exceptions.UserNotLoggedIn,
    pkcs11.exceptions.TokenNotRecognised,
    pkcs11.exceptions.SlotIDInvalid,
)
"""The token went away, or came back as another one to the module."""


class Pkcs11Signer:
    """Signs with the key labelled `key_label` in the token labelled `token_label`."""

    def __init__(self, module: Path, token_label: str, key_label: str, pin: str) -> None:
        self._module = module
        self._token_label = token_label
        self._key_label = key_label
        self._pin = pin
        self._public_key: bytes | None = None

    def public_key(self) -> bytes:
        """The 65-byte point, read from the token once. Raises SignerUnavailable, SignerUnusable."""
        if self._public_key is None:
            point = self._do(lambda session: self._find(session, ObjectClass.PUBLIC_KEY)[Attribute.EC_POINT])
            self._public_key = check_public_key(_point_of(bytes(point)))
        return self._public_key

    def sign_digest(self, digest: bytes) -> bytes:
        """r | s with a low s over `digest`. Raises SignerUnavailable, SignerUnusable."""
        checked_digest(digest)

        def sign(session: Any) -> bytes:
            return bytes(self._find(session, ObjectClass.PRIVATE_KEY).sign(digest, mechanism=Mechanism.ECDSA))

        return normalise_low_s(self._do(sign))

    def attributes(self) -> SignerAttributes:
        """What the token says of the key. Raises SignerUnavailable, SignerUnusable."""

        def look(session: Any) -> SignerAttributes:
            key = self._find(session, ObjectClass.PRIVATE_KEY)
            return SignerAttributes(
                backend="pkcs11",
                label=f"{self._token_label}/{self._key_label}",
                extractable=bool(key[Attribute.EXTRACTABLE]),
                never_extractable=bool(key[Attribute.NEVER_EXTRACTABLE]),
                serial=session.token.serial.decode("ascii", "replace").strip("\x00 "),
            )

        return self._do(look)

    def create_key(self) -> bytes:
        """Make the key pair inside the token and return its public key. Raises SignerUnusable if the label is taken."""
        self._do(self._generate, rw=True)
        return self.public_key()

    def _generate(self, session: Any) -> None:
        if any(True for _ in session.get_objects({Attribute.LABEL: self._key_label})):
            raise SignerUnusable(f"The token {self._token_label!r} already holds a key {self._key_label!r}.")
        curve = session.create_domain_parameters(
            KeyType.EC, {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}, local=True
        )
        curve.generate_keypair(
            mechanism=Mechanism.EC_KEY_PAIR_GEN,
            store=True,
            label=self._key_label,
            private_template={
                Attribute.SENSITIVE: True,
                Attribute.EXTRACTABLE: False,
                Attribute.PRIVATE: True,
                Attribute.SIGN: True,
            },
        )

    def _do(self, work: Callable[[Any], T], *, rw: bool = False) -> T:
        """`work` in a session of its own; a second time after the module was begun anew, if the token did not answer."""
        with _LOCK:
            try:
                return self._attempt(work, rw=rw)
            except _TRANSIENT:
                self._begin_anew()
            try:
                return self._attempt(work, rw=rw)
            except _TRANSIENT as error:
                raise SignerUnavailable(
                    f"The token {self._token_label!r} does not answer ({type(error).__name__}). Is it plugged in?"
                ) from error

    def _attempt(self, work: Callable[[Any], T], *, rw: bool) -> T:
        try:
            with (
                pkcs11.lib(str(self._module))
                .get_token(token_label=self._token_label)
                .open(rw=rw, user_pin=self._pin) as session
            ):
                return work(session)
        except (pkcs11.exceptions.PinIncorrect, pkcs11.exceptions.PinInvalid, pkcs11.exceptions.PinLenRange):
            raise SignerUnusable(
                f"The PIN of the token {self._token_label!r} is wrong. It is not tried again: a token locks itself."
            ) from None
        except pkcs11.exceptions.PinLocked:
            raise SignerUnusable(
                f"The token {self._token_label!r} is locked after wrong PINs. Unlock it with its security officer's PIN,"
                " then correct the file that signer.pin_file names."
            ) from None
        except _TRANSIENT:
            raise
        except pkcs11.exceptions.PKCS11Error as error:
            raise SignerUnusable(
                f"The token {self._token_label!r} refuses ({type(error).__name__} {error}) with {self._module}."
            ) from error

    def _begin_anew(self) -> None:
        """Let the module forget what it knew of slots and sessions; the next use starts it again."""
        with contextlib.suppress(pkcs11.exceptions.PKCS11Error):
            pkcs11.lib(str(self._module)).finalize()

    def _find(self, session: Any, kind: ObjectClass) -> Any:
        try:
            return session.get_key(object_class=kind, key_type=KeyType.EC, label=self._key_label)
        except pkcs11.exceptions.NoSuchKey:
            raise SignerUnusable(
                f"The token {self._token_label!r} holds no key {self._key_label!r}; make it with `key init`."
            ) from None
        except pkcs11.exceptions.MultipleObjectsReturned:
            raise SignerUnusable(f"The token {self._token_label!r} holds several keys {self._key_label!r}.") from None


def _point_of(value: bytes) -> bytes:
    """CKA_EC_POINT is an OCTET STRING around the point (PKCS#11 v2.40, 2.3.3); some tokens give the bare point."""
    return value[2:] if value.startswith(_OCTET_STRING_65) and len(value) == 67 else value

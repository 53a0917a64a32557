"""One key in a PKCS#11 token: SoftHSM2, a YubiHSM, an ATECC608 through cryptoauthlib, a TPM.

One session per use: slow enough not to matter at one signature a quarter-hour. When the token does not answer, the module
is ended and begun anew, once: it then sees a token that was taken out and put back. The host hashes: neither SoftHSM2 nor
ATECC608 offers ECDSA together with a digest.
"""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

from community.errors import FatalError, RetryableError

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


class TokenAway(RetryableError):
    """The token does not answer."""


class TokenRefuses(FatalError):
    """The PIN is wrong, the key is not there, or the token cannot do what is asked."""


@dataclass(frozen=True, slots=True)
class TokenKey:
    """The EC key pair labelled `key_label` in the token labelled `token_label`.

    `curve` is an OpenSSL name, such as secp256r1; `how_to_create` and `where_pin_stands` complete sentences for people.
    Every method raises TokenAway and TokenRefuses.
    """

    module: Path
    token_label: str
    key_label: str
    pin: str = field(repr=False)
    curve: str
    how_to_create: str
    where_pin_stands: str

    def point(self) -> bytes:
        """The public key as a 65-byte point."""
        return _point_of(
            bytes(self.use(lambda session: self.find(session, ObjectClass.PUBLIC_KEY)[Attribute.EC_POINT]))
        )

    def sign_digest(self, digest: bytes) -> bytes:
        """r | s as the token gives it: of either s, and different each time."""

        def sign(session: Any) -> bytes:
            return bytes(self.find(session, ObjectClass.PRIVATE_KEY).sign(digest, mechanism=Mechanism.ECDSA))

        return self.use(sign)

    def create(self) -> bytes:
        """Make the key pair inside the token, never to leave it; the public key. TokenRefuses if the label is taken."""
        self.use(self._generate, rw=True)
        return self.point()

    def use(self, work: Callable[[Any], T], *, rw: bool = False) -> T:
        """`work` in a session of its own; a second time after the module was begun anew, if the token did not answer."""
        with _LOCK:
            try:
                return self._attempt(work, rw=rw)
            except _TRANSIENT:
                self._begin_anew()
            try:
                return self._attempt(work, rw=rw)
            except _TRANSIENT as error:
                raise TokenAway(
                    f"The token {self.token_label!r} does not answer ({type(error).__name__}). Is it plugged in?"
                ) from error

    def find(self, session: Any, kind: ObjectClass) -> Any:
        """One half of the key pair."""
        try:
            return session.get_key(object_class=kind, key_type=KeyType.EC, label=self.key_label)
        except pkcs11.exceptions.NoSuchKey:
            raise TokenRefuses(
                f"The token {self.token_label!r} holds no key {self.key_label!r}; {self.how_to_create}."
            ) from None
        except pkcs11.exceptions.MultipleObjectsReturned:
            raise TokenRefuses(f"The token {self.token_label!r} holds several keys {self.key_label!r}.") from None

    def _generate(self, session: Any) -> None:
        if any(True for _ in session.get_objects({Attribute.LABEL: self.key_label})):
            raise TokenRefuses(f"The token {self.token_label!r} already holds a key {self.key_label!r}.")
        parameters = {Attribute.EC_PARAMS: encode_named_curve_parameters(self.curve)}
        session.create_domain_parameters(KeyType.EC, parameters, local=True).generate_keypair(
            mechanism=Mechanism.EC_KEY_PAIR_GEN,
            store=True,
            label=self.key_label,
            private_template={
                Attribute.SENSITIVE: True,
                Attribute.EXTRACTABLE: False,
                Attribute.PRIVATE: True,
                Attribute.SIGN: True,
            },
        )

    def _attempt(self, work: Callable[[Any], T], *, rw: bool) -> T:
        try:
            with (
                pkcs11.lib(str(self.module))
                .get_token(token_label=self.token_label)
                .open(rw=rw, user_pin=self.pin) as session
            ):
                return work(session)
        except (pkcs11.exceptions.PinIncorrect, pkcs11.exceptions.PinInvalid, pkcs11.exceptions.PinLenRange):
            raise TokenRefuses(
                f"The PIN of the token {self.token_label!r} is wrong. It is not tried again: a token locks itself."
            ) from None
        except pkcs11.exceptions.PinLocked:
            raise TokenRefuses(
                f"The token {self.token_label!r} is locked after wrong PINs. Unlock it with its security officer's PIN,"
                f" then correct {self.where_pin_stands}."
            ) from None
        except _TRANSIENT:
            raise
        except RuntimeError as error:
            raise TokenRefuses(f"The PKCS#11 module {self.module} cannot be loaded: {error}") from error
        except pkcs11.exceptions.PKCS11Error as error:
            raise TokenRefuses(
                f"The token {self.token_label!r} refuses ({type(error).__name__} {error}) with {self.module}."
            ) from error

    def _begin_anew(self) -> None:
        """Let the module forget what it knew of slots and sessions; the next use starts it again."""
        with contextlib.suppress(pkcs11.exceptions.PKCS11Error):
            pkcs11.lib(str(self.module)).finalize()


def _point_of(value: bytes) -> bytes:
    """CKA_EC_POINT is an OCTET STRING around the point (PKCS#11 v2.40, 2.3.3); some tokens give the bare point."""
    return value[2:] if value.startswith(_OCTET_STRING_65) and len(value) == 67 else value

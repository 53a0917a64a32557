"""A key service in a PKCS#11 token (SoftHSM2, a network HSM, a YubiHSM): its AES key wraps the column keys.

The wrapping key is made in the token and cannot be read out. It is used at the start of a process only: the column keys
it unwraps stay in memory, so that a token that is away stops no running intake. AES-GCM (PKCS#11 v2.40, 2.12.2) with a
random nonce; the associated data say what is wrapped.
"""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pkcs11
from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, ObjectClass

from community.errors import FatalError, RetryableError

_NONCE_LENGTH = 12
_TAG_BITS = 128
_PURPOSE = b"energy-community column key, wrapped"
_LOCK = threading.Lock()
_AWAY = (
    pkcs11.exceptions.NoSuchToken,
    pkcs11.exceptions.DeviceRemoved,
    pkcs11.exceptions.DeviceError,
    pkcs11.exceptions.TokenNotPresent,
    pkcs11.exceptions.GeneralError,
    pkcs11.exceptions.FunctionFailed,
)

_NOT_OPENED = (
    pkcs11.exceptions.EncryptedDataInvalid,
    pkcs11.exceptions.EncryptedDataLenRange,
    pkcs11.exceptions.DataInvalid,
    pkcs11.exceptions.ArgumentsBad,
    # how SoftHSM2 says that the tag does not fit
    pkcs11.exceptions.GeneralError,
)
T = TypeVar("T")


class KeyServiceUnavailable(RetryableError):
    """The token does not answer. It may when it is plugged in, or its network is back."""


class KeyServiceUnusable(FatalError):
    """The token or its key cannot be used: a person must act."""


class Pkcs11KeyWrapper:
    """Wraps with the AES key labelled `key` in the token labelled `token`."""

    def __init__(self, module: Path, token: str, key: str, pin: str) -> None:
        self._module = module
        self._token = token
        self._key = key
        self._pin = pin

    def create_key(self) -> None:
        """Make the wrapping key in the token; it never leaves it. Raises KeyServiceUnusable if the label is taken."""
        with _LOCK:
            self._do(self._generate, rw=True)

    def wrap(self, key: bytes) -> bytes:
        """nonce | ciphertext with tag. Raises KeyServiceUnavailable, KeyServiceUnusable."""
        nonce = os.urandom(_NONCE_LENGTH)

        def work(session: Any) -> bytes:
            return bytes(
                self._find(session).encrypt(key, mechanism=Mechanism.AES_GCM, mechanism_param=_parameters(nonce))
            )

        with _LOCK:
            return nonce + self._do(work)

    def unwrap(self, wrapped: bytes) -> bytes:
        """The key in `wrapped`. Raises KeyServiceUnavailable, KeyServiceUnusable, also for one of another token."""
        nonce, body = wrapped[:_NONCE_LENGTH], wrapped[_NONCE_LENGTH:]

        def work(session: Any) -> bytes:
            key = self._find(session)
            try:
                return bytes(key.decrypt(body, mechanism=Mechanism.AES_GCM, mechanism_param=_parameters(nonce)))
            except _NOT_OPENED:
                raise KeyServiceUnusable(
                    f"The key {self._key!r} of the token {self._token!r} does not unwrap this column key: it was wrapped "
                    "by another token, or altered."
                ) from None

        with _LOCK:
            return self._do(work)

    def _generate(self, session: Any) -> None:
        if any(True for _ in session.get_objects({Attribute.LABEL: self._key})):
            raise KeyServiceUnusable(f"The token {self._token!r} already holds a key {self._key!r}.")
        session.generate_key(
            KeyType.AES,
            256,
            label=self._key,
            store=True,
            template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True},
        )

    def _find(self, session: Any) -> Any:
        try:
            key = session.get_key(object_class=ObjectClass.SECRET_KEY, key_type=KeyType.AES, label=self._key)
        except pkcs11.exceptions.NoSuchKey:
            raise KeyServiceUnusable(
                f"The token {self._token!r} holds no AES key {self._key!r}; make it with "
                "`python -m ingest secrets new-service-key`."
            ) from None
        except pkcs11.exceptions.MultipleObjectsReturned:
            raise KeyServiceUnusable(f"The token {self._token!r} holds several keys {self._key!r}.") from None
        if key[Attribute.EXTRACTABLE]:
            raise KeyServiceUnusable(
                f"The key {self._key!r} of the token {self._token!r} can be read out: make another."
            )
        return key

    def _do(self, work: Callable[[Any], T], *, rw: bool = False) -> T:
        try:
            token = pkcs11.lib(str(self._module)).get_token(token_label=self._token)
            with token.open(rw=rw, user_pin=self._pin) as session:
                return work(session)
        except _AWAY as error:
            raise KeyServiceUnavailable(
                f"The token {self._token!r} does not answer ({type(error).__name__}). Is it there, and is "
                f"{self._module} its module?"
            ) from error
        except (pkcs11.exceptions.PinIncorrect, pkcs11.exceptions.PinInvalid, pkcs11.exceptions.PinLenRange):
            raise KeyServiceUnusable(
                f"The PIN of the token {self._token!r} is wrong. It is not tried again: a token locks itself."
            ) from None
        except RuntimeError as error:
            raise KeyServiceUnusable(f"The PKCS#11 module {self._module} cannot be loaded: {error}") from error


def _parameters(nonce: bytes) -> GCMParams:
    return GCMParams(nonce, _PURPOSE, _TAG_BITS)

"""A token that is taken out and put back, one whose PIN is locked, and sessions that break: what the signer makes of it."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pkcs11
import pytest

from community.attestation.signatures import verify_p256_digest
from gateway_agent.secure_element.pkcs11 import Pkcs11Signer
from gateway_agent.secure_element.signer import SignerUnavailable, SignerUnusable, self_test
from tests.support.tokens import SoftToken

DIGEST = hashlib.sha256(b"statement").digest()


@contextmanager
def taken_out() -> Iterator[None]:
    """The directory in which SoftHSM2 keeps its tokens is somewhere else for a while."""
    lines = Path(os.environ["SOFTHSM2_CONF"]).read_text().splitlines()
    tokens = Path(next(line.split("=")[1].strip() for line in lines if line.startswith("directories.tokendir")))
    away = tokens.with_name("away")
    tokens.rename(away)
    try:
        yield
    finally:
        away.rename(tokens)


def test_a_token_taken_out_is_waited_for_and_signs_again_when_it_is_back(token: SoftToken) -> None:
    signer = Pkcs11Signer(token.module, token.label, "removed", token.pin)
    public_key = signer.create_key()
    for _ in range(3):
        with taken_out():
            for attempt in (lambda: signer.sign_digest(DIGEST), signer.attributes):
                with pytest.raises(SignerUnavailable, match="plugged in"):
                    attempt()
            assert signer.public_key() == public_key  # known from before
        assert verify_p256_digest(public_key, DIGEST, signer.sign_digest(DIGEST))
    self_test(signer, b"challenge", allow_insecure_key=False)


def test_a_signer_that_begins_without_its_token_finds_it_later(token: SoftToken) -> None:
    Pkcs11Signer(token.module, token.label, "later", token.pin).create_key()
    signer = Pkcs11Signer(token.module, token.label, "later", token.pin)
    with taken_out(), pytest.raises(SignerUnavailable):
        signer.public_key()
    assert verify_p256_digest(signer.public_key(), DIGEST, signer.sign_digest(DIGEST))


class FailingModule:
    """A PKCS#11 module whose sessions fail so many times with an error, then the real one."""

    def __init__(self, real: Any, error: type[Exception], times: int) -> None:
        self._real = real
        self._error = error
        self.times = times
        self.ended = 0

    def get_token(self, **wanted: str) -> Any:
        if self.times:
            self.times -= 1
            raise self._error
        return self._real.get_token(**wanted)

    def finalize(self) -> None:
        self.ended += 1


@pytest.mark.parametrize(
    "error",
    [
        pkcs11.exceptions.DeviceRemoved,
        pkcs11.exceptions.SessionHandleInvalid,
        pkcs11.exceptions.TokenNotPresent,
        pkcs11.exceptions.UserNotLoggedIn,
    ],
)
def test_a_broken_session_is_begun_anew_within_the_same_signature(
    token: SoftToken, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    key = f"anew-{error.__name__}"
    public_key = Pkcs11Signer(token.module, token.label, key, token.pin).create_key()
    module = FailingModule(pkcs11.lib(str(token.module)), error, 1)
    monkeypatch.setattr(pkcs11, "lib", lambda _path: module)
    signer = Pkcs11Signer(token.module, token.label, key, token.pin)
    assert verify_p256_digest(public_key, DIGEST, signer.sign_digest(DIGEST))
    assert module.ended == 1
    module.times = 2
    with pytest.raises(SignerUnavailable, match=error.__name__):
        signer.sign_digest(DIGEST)


@pytest.mark.parametrize(
    ("error", "words"),
    [(pkcs11.exceptions.PinLocked, "Unlock it"), (pkcs11.exceptions.PinIncorrect, "not tried again")],
)
def test_a_locked_or_wrong_pin_is_said_and_never_tried_twice(
    token: SoftToken, monkeypatch: pytest.MonkeyPatch, error: type[Exception], words: str
) -> None:
    module = FailingModule(pkcs11.lib(str(token.module)), error, 2)
    monkeypatch.setattr(pkcs11, "lib", lambda _path: module)
    with pytest.raises(SignerUnusable, match=words):
        Pkcs11Signer(token.module, token.label, "any", token.pin).sign_digest(DIGEST)
    assert (module.times, module.ended) == (1, 0)

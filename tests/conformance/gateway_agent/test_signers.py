"""One suite for every place that can hold the device's key; and what only a token promises."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pkcs11
import pytest
from pkcs11 import Attribute, KeyType, Mechanism

from community.attestation.signatures import P256_ORDER, verify_p256_digest
from gateway_agent.secure_element.development_key import DevelopmentKeySigner
from gateway_agent.secure_element.pkcs11 import Pkcs11Signer
from gateway_agent.secure_element.signer import Signer, SignerUnavailable, SignerUnusable, self_test
from tests.support.tokens import SoftToken

MakeSigner = Callable[[], Signer]


def signer_of(token: SoftToken, key: str) -> Pkcs11Signer:
    return Pkcs11Signer(token.module, token.label, key, token.pin)


@pytest.fixture(params=["pkcs11", "development"])
def signer(request: pytest.FixtureRequest, tmp_path: Path) -> Signer:
    if request.param == "development":
        return DevelopmentKeySigner.create(tmp_path / "key.pem")
    made = signer_of(request.getfixturevalue("token"), f"suite-{os.urandom(4).hex()}")
    made.create_key()
    return made


def test_signatures_are_raw_low_s_and_verify(signer: Signer) -> None:
    public_key = signer.public_key()
    for round_ in range(24):  # a high s would show in about half of them
        digest = hashlib.sha256(bytes([round_])).digest()
        signature = signer.sign_digest(digest)
        assert len(signature) == 64
        assert int.from_bytes(signature[32:]) <= P256_ORDER // 2
        assert verify_p256_digest(public_key, digest, signature)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_only_digests_are_signed(signer: Signer, size: int) -> None:
    with pytest.raises(ValueError, match="32-byte"):
        signer.sign_digest(bytes(size))


def test_the_start_up_test_passes_where_it_should(signer: Signer) -> None:
    self_test(signer, b"challenge", allow_insecure_key=True)
    if signer.attributes().development_key:
        with pytest.raises(SignerUnusable, match="allow_insecure_key"):
            self_test(signer, b"challenge", allow_insecure_key=False)
    else:
        self_test(signer, b"challenge", allow_insecure_key=False)


def test_a_token_key_never_leaves(token: SoftToken) -> None:
    made = signer_of(token, "stays")
    made.create_key()
    attributes = made.attributes()
    assert (attributes.extractable, attributes.never_extractable, attributes.development_key) == (False, True, False)
    with pkcs11.lib(str(token.module)).get_token(token_label=token.label).open(user_pin=token.pin) as session:
        private = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label="stays")
        with pytest.raises(pkcs11.exceptions.AttributeSensitive):
            private[Attribute.VALUE]
    with pytest.raises(SignerUnusable, match="already holds"):
        made.create_key()


def test_an_extractable_key_is_refused(token: SoftToken) -> None:
    with pkcs11.lib(str(token.module)).get_token(token_label=token.label).open(rw=True, user_pin=token.pin) as session:
        curve = session.create_domain_parameters(
            KeyType.EC,
            {Attribute.EC_PARAMS: pkcs11.util.ec.encode_named_curve_parameters("secp256r1")},
            local=True,
        )
        curve.generate_keypair(
            mechanism=Mechanism.EC_KEY_PAIR_GEN,
            store=True,
            label="leaks",
            private_template={Attribute.EXTRACTABLE: True, Attribute.SENSITIVE: False},
        )
    with pytest.raises(SignerUnusable, match="copied"):
        self_test(signer_of(token, "leaks"), b"challenge", allow_insecure_key=False)


def test_what_is_missing_or_wrong_is_said(token: SoftToken) -> None:
    with pytest.raises(SignerUnusable, match="key init"):
        signer_of(token, "absent").public_key()
    with pytest.raises(SignerUnusable, match="PIN"):
        Pkcs11Signer(token.module, token.label, "absent", "9999").public_key()
    with pytest.raises(SignerUnavailable, match="plugged in"):
        Pkcs11Signer(token.module, "another token", "absent", token.pin).public_key()


def test_keys_of_two_labels_that_do_not_belong_together_fail_the_test(tmp_path: Path) -> None:
    one, other = (DevelopmentKeySigner.create(tmp_path / name) for name in ("one.pem", "other.pem"))

    class Mixed(DevelopmentKeySigner):
        def public_key(self) -> bytes:
            return other.public_key()

    assert one.public_key() != other.public_key()
    with pytest.raises(SignerUnusable, match="do not belong together"):
        self_test(Mixed(tmp_path / "one.pem"), b"challenge", allow_insecure_key=True)


def test_a_development_key_is_readable_by_its_owner_only_and_never_replaced(tmp_path: Path) -> None:
    DevelopmentKeySigner.create(tmp_path / "key.pem")
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    with pytest.raises(SignerUnusable, match="never overwritten"):
        DevelopmentKeySigner.create(tmp_path / "key.pem")
    (tmp_path / "bad.pem").write_text("no key")
    with pytest.raises(SignerUnusable, match="PEM"):
        DevelopmentKeySigner(tmp_path / "bad.pem")

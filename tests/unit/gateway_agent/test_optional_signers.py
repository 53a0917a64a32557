"""The secure elements that are extras: an ATECC608 and a TPM, as their drivers behave; what is said when there is none."""

import hashlib
import importlib.util
import logging
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from community.attestation.signatures import P256_ORDER, verify_p256_digest
from gateway_agent.secure_element import optional_driver
from gateway_agent.secure_element.atecc import AteccSigner
from gateway_agent.secure_element.signer import SignerUnavailable, SignerUnusable, self_test
from gateway_agent.secure_element.tpm2 import Tpm2Signer
from tests.support.swtpm import software_tpm

DIGEST = hashlib.sha256(b"statement").digest()
ATCA_WAKE_FAILED, ATCA_EXECUTION_ERROR, ATCA_COMM_FAIL = -0x30, -0x0C, -0x10


@dataclass
class FakeAtecc:
    """cryptoauthlib with one chip behind it: slots, a configuration zone, statuses as numbers, results in place."""

    slots: dict[int, ec.EllipticCurvePrivateKey] = field(default_factory=dict)
    slot_config: int = 0x2083
    key_config: int = 0x0033
    locked: bool = True
    wakes: int = 0
    sign_status: int = 0
    calls: list[str] = field(default_factory=list)

    def cfg_ateccx08a_i2c_default(self) -> Any:
        return SimpleNamespace(cfg=SimpleNamespace(atcai2c=SimpleNamespace(bus=2, address=0xC0)))

    def atcab_init(self, config: Any) -> int:
        self.calls.append(f"init {config.cfg.atcai2c.bus} {config.cfg.atcai2c.address:#x}")
        return self.wakes

    def atcab_release(self) -> int:
        self.calls.append("release")
        return 0

    def atcab_genkey(self, slot: int, _public_key: bytearray) -> int:
        self.slots[slot] = ec.generate_private_key(ec.SECP256R1())
        return 0

    def atcab_get_pubkey(self, slot: int, public_key: bytearray) -> int:
        if slot not in self.slots:
            return ATCA_EXECUTION_ERROR
        point = (
            self.slots[slot]
            .public_key()
            .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        )
        public_key[0:] = point[1:]
        return 0

    def atcab_sign(self, slot: int, digest: bytes, signature: bytearray) -> int:
        if self.sign_status == 0:
            r, s = decode_dss_signature(self.slots[slot].sign(digest, ec.ECDSA(Prehashed(SHA256()))))
            signature[0:] = r.to_bytes(32) + s.to_bytes(32)
        return self.sign_status

    def atcab_read_config_zone(self, config: bytearray) -> int:
        zone = bytearray(128)
        zone[86:88] = b"\0\0" if self.locked else b"\x55\x55"
        zone[20:52] = self.slot_config.to_bytes(2, "little") * 16
        zone[96:128] = self.key_config.to_bytes(2, "little") * 16
        config[0:] = zone
        return 0

    def atcab_read_serial_number(self, serial: bytearray) -> int:
        serial[0:] = bytes.fromhex("0123a1b2c3d4e5f6ee")
        return 0


@pytest.fixture
def chip(monkeypatch: pytest.MonkeyPatch) -> FakeAtecc:
    fake = FakeAtecc()
    monkeypatch.setitem(sys.modules, "cryptoauthlib", fake)  # type: ignore[arg-type]
    return fake


def test_an_atecc_makes_its_key_inside_and_signs_digests(chip: FakeAtecc) -> None:
    signer = AteccSigner(bus=1, address=0x6A, slot=2)
    with pytest.raises(SignerUnusable, match="key init"):
        signer.public_key()
    public_key = signer.create_key()
    with pytest.raises(SignerUnusable, match="never overwritten"):
        signer.create_key()
    for _ in range(12):
        signature = signer.sign_digest(DIGEST)
        assert int.from_bytes(signature[32:]) <= P256_ORDER // 2
        assert verify_p256_digest(public_key, DIGEST, signature)
    self_test(signer, b"challenge", allow_insecure_key=False)
    assert signer.attributes().serial == "0123a1b2c3d4e5f6ee"
    assert set(chip.calls) == {"init 1 0x6a", "release"}
    assert chip.calls[::2].count("release") == 0 and chip.calls[1::2].count("release") == len(chip.calls) // 2


@pytest.mark.parametrize(
    ("change", "extractable"),
    [
        ({"locked": False}, True),
        ({"slot_config": 0x2003}, True),
        ({"key_config": 0x32}, True),
        ({"slot_config": 0x6083}, False),
    ],
)
def test_a_slot_that_could_be_read_or_written_is_refused(
    chip: FakeAtecc, change: dict[str, Any], extractable: bool
) -> None:
    signer = AteccSigner()
    signer.create_key()
    for name, value in change.items():
        setattr(chip, name, value)
    assert signer.attributes().extractable is extractable
    assert signer.attributes().development_key
    with pytest.raises(SignerUnusable, match="copied"):
        self_test(signer, b"challenge", allow_insecure_key=False)


def test_an_atecc_that_is_taken_off_the_bus_is_waited_for(chip: FakeAtecc) -> None:
    signer = AteccSigner()
    public_key = signer.create_key()
    chip.wakes = ATCA_WAKE_FAILED
    with pytest.raises(SignerUnavailable, match="connected"):
        signer.sign_digest(DIGEST)
    chip.wakes, chip.sign_status = 0, ATCA_COMM_FAIL
    with pytest.raises(SignerUnavailable, match="connected"):
        signer.sign_digest(DIGEST)
    chip.sign_status = ATCA_EXECUTION_ERROR
    with pytest.raises(SignerUnusable, match="configured and locked"):
        signer.sign_digest(DIGEST)
    chip.sign_status = 0
    assert verify_p256_digest(public_key, DIGEST, signer.sign_digest(DIGEST))
    with pytest.raises(SignerUnusable, match="sixteen"):
        AteccSigner(slot=16)


@pytest.mark.parametrize(("backend", "module"), [("tpm2", "tpm2_pytss"), ("atecc", "cryptoauthlib")])
def test_what_to_install_is_said(monkeypatch: pytest.MonkeyPatch, backend: str, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not there

    def absent(_name: str) -> Any:
        raise ModuleNotFoundError(name=module)

    monkeypatch.setattr(optional_driver.importlib, "import_module", absent)
    with pytest.raises(SignerUnusable, match=rf"pip install energy-community-backend\[{backend}\]"):
        Tpm2Signer() if backend == "tpm2" else AteccSigner()

    def broken(_name: str) -> Any:
        raise OSError("libtss2-esys.so.0: cannot open shared object file")

    monkeypatch.setattr(optional_driver.importlib, "import_module", broken)
    with pytest.raises(SignerUnusable, match="does not load"):
        Tpm2Signer() if backend == "tpm2" else AteccSigner()


class FakeTpmError(Exception):
    """TSS2_Exception with its code."""

    def __init__(self, rc: int) -> None:
        super().__init__(f"tpm:{rc:#x}")
        self.rc = rc


@pytest.mark.parametrize(
    ("rc", "expected", "words"),
    [
        (0x018B, SignerUnusable, "key init"),
        (0x098E, SignerUnusable, "password"),
        (0x09A2, SignerUnusable, "password"),
        (0x0921, SignerUnusable, "locked"),
        (0x0182, SignerUnusable, "refuses"),
        (0xA000A, SignerUnavailable, "switched on"),
    ],
)
def test_what_a_tpm_answers_is_said_in_words(
    monkeypatch: pytest.MonkeyPatch, rc: int, expected: type[Exception], words: str
) -> None:
    class Esapi:
        def __init__(self, _tcti: str) -> None: ...

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_error: object) -> None: ...

        def tr_from_tpmpublic(self, _handle: int) -> int:
            raise FakeTpmError(rc)

    fake = SimpleNamespace(ESAPI=Esapi, TSS2_Exception=FakeTpmError)
    monkeypatch.setitem(sys.modules, "tpm2_pytss", fake)  # type: ignore[arg-type]
    with pytest.raises(expected, match=words):
        Tpm2Signer().sign_digest(DIGEST)


def test_a_handle_that_does_not_last_is_refused() -> None:
    with pytest.raises(SignerUnusable, match="persistent"):
        Tpm2Signer(handle=0x80000001)


if importlib.util.find_spec("tpm2_pytss") is not None and shutil.which("swtpm") is not None:

    def test_a_real_tpm_in_software_keeps_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Runs where the extra is installed: the same signer against swtpm, over a restart of the TPM."""
        monkeypatch.setenv("TSS2_LOG", "all+none")
        logging.getLogger("tpm2_pytss").setLevel(logging.CRITICAL)
        with software_tpm(tmp_path / "tpm") as tcti:
            signer = Tpm2Signer(tcti)
            with pytest.raises(SignerUnusable, match="key init"):
                signer.public_key()
            public_key = signer.create_key()
            with pytest.raises(SignerUnusable, match="never overwritten"):
                signer.create_key()
            self_test(signer, b"challenge", allow_insecure_key=False)
            assert verify_p256_digest(public_key, DIGEST, signer.sign_digest(DIGEST))
            guarded = Tpm2Signer(tcti, 0x81010002, "secret")
            assert guarded.create_key() != public_key
            assert len(guarded.sign_digest(DIGEST)) == 64
        with pytest.raises(SignerUnavailable, match="switched on"):
            signer.sign_digest(DIGEST)
        with software_tpm(tmp_path / "tpm") as tcti:
            again = Tpm2Signer(tcti)
            assert again.public_key() == public_key
            assert verify_p256_digest(public_key, DIGEST, again.sign_digest(DIGEST))
            with pytest.raises(SignerUnusable, match="password"):
                Tpm2Signer(tcti, 0x81010002, "wrong").sign_digest(DIGEST)
            words = [str(_refused(tcti)) for _ in range(4)]
            assert "locked" in words[-1]


def _refused(tcti: str) -> SignerUnusable:
    try:
        Tpm2Signer(tcti, 0x81010002, "wrong").sign_digest(DIGEST)
    except SignerUnusable as error:
        return error
    raise AssertionError("a wrong password signs")

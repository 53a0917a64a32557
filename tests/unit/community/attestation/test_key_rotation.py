"""A change of keys is signed by both: what is true of the claim, and that nothing less passes."""

import cbor2
import cwt
import pytest
from cwt import COSE, COSEKey
from cwt.cose_key_interface import COSEKeyInterface
from hypothesis import given, settings
from hypothesis import strategies as st

from community.attestation import cbor
from community.attestation.key_rotation import KeyRotation, RotationRefused, encode_rotation, verify_rotation
from community.attestation.signatures import kid_of
from tests.support.sending_device import SendingDevice

OLD, NEW, OTHER = SendingDevice(), SendingDevice(), SendingDevice()
EUI = bytes.fromhex(OLD.eui)
CLAIM = KeyRotation(EUI, 1, 2, NEW.public_key, 1_900_000, 78)


def signed(claim: KeyRotation = CLAIM, old: SendingDevice = OLD, new: SendingDevice = NEW) -> bytes:
    tbs = claim.to_be_signed()
    return encode_rotation(claim, OLD.public_key, old.raw_signature(tbs), new.raw_signature(tbs))


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 2), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_what_both_signed_comes_back(keyno: int, slot: int, ctr: int) -> None:
    claim = KeyRotation(EUI, keyno, keyno + 1, NEW.public_key, slot, ctr)
    assert verify_rotation(signed(claim), OLD.public_key, device_id=EUI) == claim


def _independent(point: bytes, kid: bytes) -> COSEKeyInterface:
    return COSEKey.new({1: 2, 2: kid, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})


def test_an_independent_library_verifies_both_signatures() -> None:
    content = signed()
    for device in (OLD, NEW):
        assert COSE.new().decode(content, _independent(device.public_key, kid_of(device.public_key))) == CLAIM.payload()
    with pytest.raises(cwt.VerifyError):
        COSE.new().decode(content, _independent(OTHER.public_key, kid_of(OLD.public_key)))


def _changed(**fields: object) -> bytes:
    tagged = cbor2.loads(signed())
    value = list(tagged.value)
    for place, content in fields.items():
        value[int(place[1:])] = content
    return cbor.encode(cbor2.CBORTag(98, value))


_SIGNATURES = cbor2.loads(signed()).value[3]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff", "malformed"),
        (cbor.encode(cbor2.CBORTag(18, [b"", {}, b"", b""])), "tag 98"),
        (_changed(_0=b""), "headers must say"),
        (_changed(_1={4: b""}), "headers must say"),
        (_changed(_3=_SIGNATURES[:1]), "two signatures"),
        (_changed(_3=_SIGNATURES[::-1]), "the old key"),
        (_changed(_3=[_SIGNATURES[0], _SIGNATURES[0]]), "the new key"),
        (_changed(_3=[_SIGNATURES[0], b""]), "the new key"),
        (_changed(_2=b"\xff"), "claim is malformed"),
        (_changed(_2=cbor.encode([1, EUI])), "array of 7 fields"),
        (_changed(_2=cbor.encode([1, EUI, 1, 3, NEW.public_key, 5, 5])), "followed by key 2, not by 3"),
        (_changed(_2=cbor.encode([1, EUI, 1, 2, b"\x04" + bytes(64), 5, 5])), "not a point"),
        (_changed(_2=cbor.encode([1, EUI, 1, 2, 5, 5, 5])), "public key is bytes"),
        (_changed(_2=cbor.encode([1, EUI, -1, 0, NEW.public_key, 5, 5])), "key number must lie"),
        (signed(old=OTHER), "the old key"),
        (signed(new=OTHER), "the new key"),
        (signed(KeyRotation(EUI, 1, 2, OLD.public_key, 5, 5), new=OLD), "the new key is the old one"),
        (signed(KeyRotation(bytes(8), 1, 2, NEW.public_key, 5, 5)), "of device 0000000000000000"),
    ],
)  # fmt: skip
def test_anything_less_is_refused_with_its_reason(content: bytes, said: str) -> None:
    refused = verify_rotation(content, OLD.public_key, device_id=EUI)
    assert isinstance(refused, RotationRefused) and said in refused.reason


@given(st.data())
@settings(max_examples=40)
def test_no_flipped_bit_passes(data: st.DataObject) -> None:
    content = bytearray(signed())
    at = data.draw(st.integers(0, len(content) * 8 - 1))
    content[at // 8] ^= 1 << at % 8
    assert isinstance(verify_rotation(bytes(content), OLD.public_key, device_id=EUI), RotationRefused)


def test_what_is_no_claim_or_signature_is_not_made() -> None:
    for wrong in ((b"", 1, 2, 5, 5), (EUI, 1, 3, 5, 5), (EUI, 1, 2, -1, 5), (EUI, 1, 2, 5, 2**32)):
        with pytest.raises(ValueError, match=r"device id|followed|must lie"):
            KeyRotation(wrong[0], wrong[1], wrong[2], NEW.public_key, wrong[3], wrong[4])
    with pytest.raises(ValueError, match="64 bytes"):
        encode_rotation(CLAIM, OLD.public_key, b"", b"")

"""General-glo-ciphering with and without a tag."""

import pytest

from community.metering.dlms.ciphering import decipher, encipher, parse_ciphered
from community.metering.dlms.unreadable import BadCiphering

TITLE, KEY, AUTH = b"LGZ\x01\x02\x03\x04\x05", bytes(range(16)), bytes(range(16, 32))


@pytest.mark.parametrize("auth_key", [None, AUTH])
@pytest.mark.parametrize("size", [0, 74, 150, 400])
def test_what_is_enciphered_is_deciphered(auth_key: bytes | None, size: int) -> None:
    apdu = parse_ciphered(encipher(TITLE, 77, bytes(size), KEY, auth_key))
    assert (apdu.system_title, apdu.invocation_counter, apdu.security) == (TITLE, 77, 0x30 if auth_key else 0x20)
    assert decipher(apdu, KEY, auth_key) == bytes(size)


def test_an_authenticated_telegram_shows_every_alteration_and_wrong_key() -> None:
    sealed = encipher(TITLE, 77, b"content", KEY, AUTH)
    for at in (*range(2, 10), *range(12, len(sealed))):
        altered = bytearray(sealed)
        altered[at] ^= 1
        with pytest.raises(BadCiphering, match="tag is wrong"):
            decipher(parse_ciphered(bytes(altered)), KEY, AUTH)
    for key, auth_key in ((AUTH, AUTH), (KEY, KEY)):
        with pytest.raises(BadCiphering, match="tag is wrong"):
            decipher(parse_ciphered(sealed), key, auth_key)


def test_the_tag_can_be_neither_missing_nor_ignored() -> None:
    with pytest.raises(BadCiphering, match="GAK"):
        decipher(parse_ciphered(encipher(TITLE, 1, b"", KEY, AUTH)), KEY)
    with pytest.raises(BadCiphering, match="no tag"):
        decipher(parse_ciphered(encipher(TITLE, 1, b"", KEY)), KEY, AUTH)


def test_keys_have_16_bytes() -> None:
    apdu = parse_ciphered(encipher(TITLE, 1, b"", KEY))
    for key, auth_key in ((KEY[:15], None), (KEY, AUTH[:15])):
        with pytest.raises(ValueError, match="16 bytes"):
            decipher(apdu, key, auth_key)
    with pytest.raises(ValueError, match="8 bytes"):
        encipher(TITLE[:7], 1, b"", KEY)


HEAD = b"\xdb\x08" + TITLE


@pytest.mark.parametrize(
    ("apdu", "said"),
    [
        (b"", "not ciphered"),
        (b"\x0f" + bytes(40), "not ciphered"),
        (b"\xdb\x07" + bytes(40), "8 bytes"),
        (HEAD, "8 bytes"),
        (HEAD + b"\x05\x20\0\0\0", "should be 5"),
        (HEAD + b"\x04\x20\0\0\0", "should be 4"),
        (HEAD + b"\x83\0\0\x05\x20\0\0\0\0", "length byte 83"),
        (HEAD + b"\x82\0", "length byte 82"),
        (HEAD + b"\x05\x10\0\0\0\0", "control 10"),
        (HEAD + b"\x05\x22\0\0\0\0", "control 22"),
        (HEAD + b"\x05\x30\0\0\0\0", "shorter"),
    ],
)
def test_a_wrong_header_is_refused(apdu: bytes, said: str) -> None:
    with pytest.raises(BadCiphering, match=said):
        parse_ciphered(apdu)

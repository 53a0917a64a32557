"""general-glo-ciphering (DLMS Green Book 9.2.7.2, IEC 62056-5-3): AES-128-GCM with or without authentication tag.

Wiener Netze sends security control 0x20: encryption without tag. A wrong key then gives garbage and no error; only the
structure of the plaintext can tell.
"""

from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from community.metering.dlms.unreadable import BadCiphering

GENERAL_GLO_CIPHERING = 0xDB
ENCRYPTED = 0x20
AUTHENTICATED_ENCRYPTED = 0x30
TITLE_SIZE = 8

_TAG_SIZE = 12
_SUITE_BITS = 0x0F
_SUITES = (0, 1)  # both are AES-GCM-128; suite 1 differs only in key agreement
SECURITY_CONTROLS = tuple(kind | suite for kind in (ENCRYPTED, AUTHENTICATED_ENCRYPTED) for suite in _SUITES)
_FIRST_BLOCK = b"\x00\x00\x00\x02"  # GCM's counter of the first data block, NIST SP 800-38D 7.1


@dataclass(frozen=True, slots=True)
class CipheredApdu:
    """The parts of a general-glo-ciphering APDU."""

    system_title: bytes
    security: int
    invocation_counter: int
    ciphertext: bytes
    tag: bytes


def parse_ciphered(apdu: bytes) -> CipheredApdu:
    """The parts of `apdu`. Raises BadCiphering."""
    if len(apdu) < 2 or apdu[0] != GENERAL_GLO_CIPHERING:
        raise BadCiphering("the telegram is not ciphered with the meter's key (general-glo-ciphering, DB)")
    if apdu[1] != TITLE_SIZE or len(apdu) < 2 + TITLE_SIZE + 1:
        raise BadCiphering("the system title must be 8 bytes")
    begin, length = _ber_length(apdu, 2 + TITLE_SIZE)
    content = apdu[begin:]
    if len(content) != length or length < 5:
        raise BadCiphering(f"the ciphered content should be {length} bytes, but is {len(content)}")
    security = content[0]
    if security not in SECURITY_CONTROLS:
        raise BadCiphering(f"security control {security:02x} is not supported: expected 20 or 30")
    body, tag = content[5:], b""
    if security & ~_SUITE_BITS == AUTHENTICATED_ENCRYPTED:
        if len(body) < _TAG_SIZE:
            raise BadCiphering("the ciphered content is shorter than its authentication tag")
        body, tag = body[:-_TAG_SIZE], body[-_TAG_SIZE:]
    title = apdu[2 : 2 + TITLE_SIZE]
    return CipheredApdu(title, security, int.from_bytes(content[1:5], "big"), body, tag)


def decipher(apdu: CipheredApdu, key: bytes, auth_key: bytes | None = None) -> bytes:
    """The plaintext of `apdu`. `key` is the GUEK, `auth_key` the GAK, 16 bytes each.

    With an `auth_key` a telegram without tag is refused, so that nobody on the line can strip it. Without a tag the
    result is unproven. Raises BadCiphering; ValueError for keys of a wrong size.
    """
    for name, given in (("encryption", key), ("authentication", auth_key)):
        if given is not None and len(given) != 16:
            raise ValueError(f"the meter's {name} key must be 16 bytes (32 hexadecimal digits), not {len(given)}")
    iv = apdu.system_title + apdu.invocation_counter.to_bytes(4, "big")
    if not apdu.tag:
        if auth_key is not None:
            raise BadCiphering("an authentication key is configured, but the telegram carries no tag")
        decryptor = Cipher(algorithms.AES(key), modes.CTR(iv + _FIRST_BLOCK)).decryptor()
        return decryptor.update(apdu.ciphertext) + decryptor.finalize()
    if auth_key is None:
        raise BadCiphering("the telegram is authenticated: configure the meter's authentication key (GAK) too")
    opened = Cipher(algorithms.AES(key), modes.GCM(iv, apdu.tag, min_tag_length=_TAG_SIZE)).decryptor()
    opened.authenticate_additional_data(bytes((apdu.security,)) + auth_key)
    try:
        return opened.update(apdu.ciphertext) + opened.finalize()
    except InvalidTag:
        raise BadCiphering("the authentication tag is wrong: check both keys of this meter") from None


def encipher(
    system_title: bytes, invocation_counter: int, plaintext: bytes, key: bytes, auth_key: bytes | None = None
) -> bytes:
    """The general-glo-ciphering APDU of `plaintext`: security 30 with an `auth_key`, else 20. Raises ValueError."""
    if len(system_title) != TITLE_SIZE:
        raise ValueError(f"a system title is 8 bytes, not {len(system_title)}")
    counter = invocation_counter.to_bytes(4, "big")
    iv = system_title + counter
    if auth_key is None:
        encryptor = Cipher(algorithms.AES(key), modes.CTR(iv + _FIRST_BLOCK)).encryptor()
        security, body = ENCRYPTED, encryptor.update(plaintext) + encryptor.finalize()
    else:
        security = AUTHENTICATED_ENCRYPTED
        sealing = Cipher(algorithms.AES(key), modes.GCM(iv)).encryptor()
        sealing.authenticate_additional_data(bytes((security,)) + auth_key)
        body = sealing.update(plaintext) + sealing.finalize()
        body += sealing.tag[:_TAG_SIZE]
    content = bytes((security,)) + counter + body
    return bytes((GENERAL_GLO_CIPHERING, TITLE_SIZE)) + system_title + _encoded_length(len(content)) + content


def _ber_length(data: bytes, at: int) -> tuple[int, int]:
    """(where the content begins, its length) of a definite BER length of at most 2 bytes. Raises BadCiphering."""
    first = data[at]
    if first < 0x80:
        return at + 1, first
    size = first - 0x80
    if size not in (1, 2) or len(data) < at + 1 + size:
        raise BadCiphering(f"length byte {first:02x} of the ciphered content is not supported")
    return at + 1 + size, int.from_bytes(data[at + 1 : at + 1 + size], "big")


def _encoded_length(length: int) -> bytes:
    if length < 0x80:
        return bytes((length,))
    return bytes((0x81, length)) if length < 0x100 else b"\x82" + length.to_bytes(2, "big")

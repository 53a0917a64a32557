"""The golden statements and frames, opened: seeds are what stands inside the seals."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from community.attestation.lora_frame import HEAD_SIZE, TAG_SIZE
from community.attestation.sealing import Direction, derive_aead_key

_GOLDEN = Path(__file__).parents[2] / "golden"


def golden_files(family: str, pattern: str = "*.json") -> Iterator[dict[str, Any]]:
    """The files of tests/golden/`family`."""
    paths = sorted((_GOLDEN / family).glob(pattern))
    assert paths, f"tests/golden/{family} is empty"
    for path in paths:
        yield json.loads(path.read_text("utf-8"))


def statements() -> Iterator[bytes]:
    """Every golden COSE_Sign1."""
    for vector in golden_files("ecw1"):
        yield bytes.fromhex(vector["cose_sign1"])


def frames_of_golden_statements() -> Iterator[tuple[int, int, bytes]]:
    """(port, flags, plaintext) of every golden uplink frame."""
    for vector in golden_files("ecw1"):
        eui, secret = bytes.fromhex(vector["dev_eui"]), bytes.fromhex(vector["device_secret"])
        for each in vector.get("lorawan_frames", ()):
            frame, port = bytes.fromhex(each["frame"]), each["f_port"]
            key = derive_aead_key(secret, eui, frame[0] >> 4 & 3, "lorawan")
            nonce = bytes((Direction.UP,)) + eui + each["message_counter"].to_bytes(4, "big")
            associated = bytes((port,)) + frame[:HEAD_SIZE]
            yield port, frame[0] & 15, AESCCM(key, TAG_SIZE).decrypt(nonce, frame[HEAD_SIZE:], associated)

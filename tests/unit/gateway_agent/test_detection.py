"""What bytes show without a key: every golden telegram is recognised for what it is, and nothing else is."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_agent.detection import Framing, LineSettings, Sighting, best, damaged_frames, recognise

GOLDEN = Path(__file__).parents[2] / "golden" / "meters"


def vectors(family: str) -> list[Path]:
    return sorted((GOLDEN / family).glob("*.json"))


def words_of(path: Path) -> bytes:
    content = json.loads(path.read_text("utf-8"))
    for name in ("stream", "stream_hex", "hex", "frame", "frame_hex", "telegram_hex"):
        if isinstance(content.get(name), str):
            return bytes.fromhex(content[name])
    return str(content.get("readout", content.get("telegram", ""))).encode("latin-1")


@pytest.mark.parametrize("path", vectors("dlms_push"), ids=lambda path: path.stem)
def test_push_telegrams(path: Path) -> None:
    words = words_of(path)
    if path.stem.startswith("dlmsparser-raw"):  # a bare message out of its frame
        return
    seen = recognise(words)
    wired = words[:1] == b"\x68"
    assert seen.framing is (Framing.DLMS_MBUS if wired else Framing.DLMS_HDLC)
    if "landis_gyr_zmf100" not in path.stem:  # a frame cut off by whoever recorded it
        assert seen.certain


@pytest.mark.parametrize("path", vectors("mbus"), ids=lambda path: path.stem)
def test_mbus_answers(path: Path) -> None:
    seen = recognise(words_of(path))
    assert seen.framing is Framing.MBUS and seen.certain


def test_readouts_and_p1_telegrams() -> None:
    readout = b"/EMH5\\@5\r\n\r\n1-0:1.8.0*255(004500.123*kWh)\r\n!\r\n"
    assert recognise(readout).framing is Framing.IEC_62056_21
    body = b"/KFM5KAIFA-METER\r\n\r\n1-3:0.2.8(42)\r\n1-0:1.8.1(000306.946*kWh)\r\n!"
    crc = 0
    for byte in body:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    good = recognise(body + f"{crc:04X}\r\n".encode())
    assert (good.framing, good.whole, good.damaged) == (Framing.DSMR_P1, 1, 0)
    assert recognise(body + f"{crc ^ 1:04X}\r\n".encode()).damaged == 1


def test_the_one_that_asks_and_the_one_with_another_parity() -> None:
    assert recognise(b"\x10\x40\xf0\x30\x16").framing is Framing.AMIS
    text = b"1-0:1.8.0*255(004500.123*kWh)\r\n"
    with_parity = bytes(byte | (byte.bit_count() & 1) << 7 for byte in text)
    assert recognise(with_parity).framing is Framing.TEXT_7E1
    assert recognise(b"").framing is Framing.SILENCE


def test_chance_is_never_certain() -> None:
    dice = random.Random(7)
    assert not any(recognise(dice.randbytes(400)).certain for _ in range(300))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=600))
def test_any_bytes_give_an_answer(data: bytes) -> None:
    seen = recognise(data)
    assert seen.size == len(data) and seen.sentence()


def test_a_frame_altered_at_its_end_is_damage_and_not_noise() -> None:
    frame = bytearray(words_of(GOLDEN / "dlms_push" / "constructed-wn-am550-0.json"))
    assert damaged_frames(bytes(frame)) == 0
    frame[60] ^= 1
    seen = recognise(bytes(frame))
    assert (seen.whole, seen.damaged, seen.certain) == (0, 1, False)


def test_the_setting_with_most_telegrams_is_found() -> None:
    slow, fast = LineSettings(2400, "8E1"), LineSettings(9600, "8N1")
    silent, clear = Sighting(Framing.SILENCE, 0), Sighting(Framing.SML, 900, 3)
    assert best([(slow, silent), (fast, clear)]) == (fast, clear)
    assert best([(slow, silent)]) is None

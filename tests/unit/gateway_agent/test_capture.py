"""Captures: what is written can be read, and no key gets into them."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_agent.capture import CaptureWriter, NotACapture, Way, mask_bytes, read_capture

AT = datetime(2026, 11, 22, 9, 0, 0, 123_000, tzinfo=UTC)
KEY = "2B7E151628AED2A6ABF7158809CF4F3C"


def written(*pieces: tuple[Way, bytes], **facts: str) -> str:
    lines: list[str] = []
    now = iter(AT + timedelta(seconds=number) for number in range(1000))
    writer = CaptureWriter(lines.append, lambda: next(now))
    writer.head(profile="at-wiener-netze", **facts)
    for way, data in pieces:
        writer.piece(way, data)
    writer.note("over")
    return "".join(lines)


@given(st.lists(st.tuples(st.sampled_from(Way), st.binary(max_size=64)), max_size=8))
def test_what_is_written_is_read(pieces: list[tuple[Way, bytes]]) -> None:
    capture = read_capture(written(*pieces))
    assert capture.head["profile"] == "at-wiener-netze"
    assert [(each.way, each.data) for each in capture.pieces] == pieces
    assert [each.at for each in capture.pieces] == [AT + timedelta(seconds=1 + n) for n in range(len(pieces))]


@pytest.mark.parametrize(
    "line",
    [f'AT+KEY=APPKEY,"{KEY}"\r\n', f"at+key = NWKSKEY, {KEY}", f'AT+KEY=APPKEY, "{KEY[:2]} {KEY[2:4]} {KEY[4:]}"'],
)
def test_a_key_told_to_a_modem_is_masked(line: str) -> None:
    masked = mask_bytes(line.encode())
    assert len(masked) == len(line) and masked.startswith(line[:6].encode())
    assert KEY[6:].encode() not in masked and b"****" in masked
    text = written((Way.OUT, line.encode()))
    assert KEY[6:].encode().hex() not in text and KEY.lower() not in text


def test_facts_that_are_named_as_secrets_are_masked() -> None:
    text = written(meter_key=KEY, pin="1234", port="/dev/ttyUSB0", password="let me in")
    assert KEY not in text and "1234" not in text and "let me in" not in text
    assert json.loads(text.splitlines()[0])["port"] == "/dev/ttyUSB0"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("{", "line 1 is no JSON"),
        ("[]", "line 1 is no JSON object"),
        ('{"capture": 9}', "line 1: no capture of version 1"),
        ('{"capture": 1}\n{"in": "00"}', "line 2"),
        ('{"capture": 1}\n{"at": "2026-11-22T09:00:00Z", "in": "xx"}', "line 2"),
        ('{"capture": 1}\n{"at": "yesterday", "in": "00"}', "line 2"),
        ('{"capture": 1}\n' + "[" * 100_000, "line 2"),
    ],
)
def test_what_is_no_capture_is_refused_by_line(text: str, reason: str) -> None:
    with pytest.raises(NotACapture, match=reason):
        read_capture(text)

"""A bundle's form: written the same every time, read with a limit on everything, refused by line where it is broken."""

import pytest

from community.evidence import records
from community.evidence.bundle_lines import MalformedBundle, lines_of, read_bundle

HEAD = records.Head(
    format=records.FORMAT, subject="source", chain_id=1, token=None, finalised_block=0, finalised_hash="0x00",
    since="2026-03-02T12:00:00Z", until="2026-03-03T12:00:00Z", source_id="src", source_name="Roof",
    source_ref="0x" + "5a" * 32, mode="DEVICE", obis="1-0:2.8.0", nameplate_w=30_000, opening_register_wh=0,
    opening_at="2026-03-01T00:00:00Z",
)  # fmt: skip
KEY = records.DeviceKey("70b3d57ed0000001", 0, "04" * 65, "2026-01-01T00:00:00Z", None, None, False)


def test_what_is_written_is_read_back() -> None:
    lines = list(lines_of([HEAD, KEY]))
    bundle = read_bundle(lines)
    assert bundle.head == HEAD and bundle.keys == {("70b3d57ed0000001", 0): KEY}
    assert list(lines_of([HEAD, KEY])) == lines
    assert read_bundle([line.rstrip(b"\n") for line in lines]).keys == bundle.keys


GOOD = list(lines_of([HEAD, KEY]))
OTHER = list(lines_of([HEAD]))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "no end"),
        (GOOD[:-1], "no end: the download broke off"),
        ([GOOD[0], GOOD[2]], "lines were changed, added or lost"),
        ([*GOOD[:2], OTHER[1]], "lines were changed, added or lost"),
        ([*GOOD, GOOD[1]], "behind the end"),
        (GOOD[1:], "first line"),
        ([b"{}"], "line 1 is no record"),
        ([b"\xff"], "line 1 is no record"),
        ([b"[" * 100_000], "line 1 is no record"),
        ([GOOD[0].replace(b'"chainId":1', b'"chainId":1,"more":2')], "line 1 is no record"),
        ([GOOD[0].replace(b'"chainId":1', b'"chainId":"1"')], "line 1 is no record"),
        ([GOOD[0].replace(b"evidence/1", b"evidence/2")], "this checker reads"),
        ([GOOD[0], GOOD[0]], "a second bundle"),
        ([GOOD[0], GOOD[1], GOOD[1]], "stands twice"),
        ([b" " * (5 << 20)], "longer"),
    ],
)
def test_what_is_no_bundle_is_refused(lines: list[bytes], words: str) -> None:
    with pytest.raises(MalformedBundle, match=words):
        read_bundle(lines)

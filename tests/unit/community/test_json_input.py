"""JSON from outside: what fits is read as ever, what is too long or too deep never reaches the parser."""

import json
import subprocess
import sys
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from community.json_input import parse_json
from tests.architecture.repository import ROOT

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('[]{}"\\a\n'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('[]{}"\\a'), inner, max_size=3),
    max_leaves=12,
)


def depth(value: object) -> int:
    match value:
        case list():
            return 1 + max(map(depth, value), default=0)
        case dict():
            return 1 + max(map(depth, value.values()), default=0)
        case _:
            return 0


@example(value={"": [[]]}, limit=2, as_bytes=False)
@given(value=VALUES, limit=st.integers(0, 6), as_bytes=st.booleans())
def test_exactly_what_is_not_too_deep_is_read(value: object, limit: int, as_bytes: bool) -> None:
    text = json.dumps(value)
    given_text = text.encode() if as_bytes else text
    if depth(value) <= limit:
        assert parse_json(given_text, size_max=len(text), depth_max=limit) == value
    else:
        with pytest.raises(ValueError, match="levels deep"):
            parse_json(given_text, size_max=len(text), depth_max=limit)


@pytest.mark.parametrize(
    "text", ["", "[", "]", '"', '"\\', "[NaN]", "-Infinity", b"\xff", "\ufeff[]", "[1" + "1" * 9000]
)
def test_what_is_no_json_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parse_json(text, size_max=10_000, depth_max=4)


def test_what_is_too_long_is_not_looked_at() -> None:
    with pytest.raises(ValueError, match="3 bytes"):
        parse_json(b"[1]", size_max=2, depth_max=4)


def test_a_hostile_text_costs_no_more_than_its_length() -> None:
    begun = time.perf_counter()
    for text in ('"' + '\\"' * 500_000, '"\\' * 500_000, "[]" * 500_000, '""' * 500_000 + "[" * 10):
        with pytest.raises(ValueError, match=r"\S"):
            parse_json(text, size_max=2_000_000, depth_max=8)
    assert time.perf_counter() - begun < 5, "the scan must be linear: quadratic, it takes hours"


def test_deep_nesting_ends_no_process_however_high_the_recursion_limit_is() -> None:
    program = (
        "import sys; sys.setrecursionlimit(100_000)\n"
        "from datetime import UTC, datetime\n"
        "from community.chain.signature_requests import MalformedRequest, parse_request\n"
        "from community.store.views.keyset import CursorInvalid, Keyset\n"
        "from ingest.sources.things_stack_json import received_at_of, uplink_from_json\n"
        "import base64\n"
        "deep = b'{\"a\":' * 40_000\n"
        "assert uplink_from_json(deep, datetime(2026, 1, 1, tzinfo=UTC)).fault\n"
        "assert received_at_of(deep) is None\n"
        "for refused, parse in (\n"
        "    (MalformedRequest, lambda: parse_request(deep)),\n"
        "    (CursorInvalid, lambda: Keyset((), (int,)).values(base64.urlsafe_b64encode(b'[' * 90_000).decode())),\n"
        "):\n"
        "    try: parse()\n"
        "    except refused: pass\n"
        "    else: raise SystemExit('not refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr)

"""Where each setting stands: the line in a message is the line in the file."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_agent.settings_lines import line_of, lines_of

TEXT = '''# a comment with key = "value"
[gateway]
id = "x"            # one
note = """
id = "not a key"
"""
"quoted key" = 1

[[meter]]
name = "a"
transport = { type = "modbus-tcp", host = "h", port = 1 }
[[meter]]
name = "b"
[meter.transport]
port = 2
[sink]
mqtt.url = "mqtt://x"
'''


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("gateway",), 2),
        (("gateway", "id"), 3),
        (("gateway", "quoted key"), 7),
        (("meter", 0), 9),
        (("meter", 0, "transport", "port"), 11),
        (("meter", 1, "name"), 13),
        (("meter", 1, "transport", "port"), 15),
        (("sink", "mqtt", "url"), 17),
        (("gateway", "missing"), 2),
        (("meter", 1, "transport", "missing"), 14),
        (("absent",), None),
    ],
)
def test_lines(key: tuple[str | int, ...], line: int | None) -> None:
    tomllib.loads(TEXT)
    assert line_of(key, lines_of(TEXT)) == line


@given(st.text(max_size=200))
def test_any_text_has_lines(text: str) -> None:
    count = len(text.splitlines())
    assert all(1 <= line <= count for line in lines_of(text).values())

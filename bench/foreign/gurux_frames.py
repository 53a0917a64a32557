"""Decodes meter frames with gurux-dlms. A program of its own for that library's environment; `bench.decode_dlms` runs it.

One JSON object per line on standard input: first {"key": hex, "frames": [hex]}, answered with the values of each frame as
{"values": [[int]]}; then anything, answered with a line once all frames were decoded one more time.
"""

import contextlib
import importlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

_VALUE = re.compile(r'<UInt32 Value="([0-9A-F]{8})"')
_TITLE = b"\xdb\x08"


def translator(key: bytes, title: bytes) -> Any:
    """The library's decoder for one meter. It gives values only in the comments of its XML."""
    made = importlib.import_module("gurux_dlms").GXDLMSTranslator()
    made.comments = True
    made.blockCipherKey = key
    made.systemTitle = title
    made.security = importlib.import_module("gurux_dlms.enums").Security.ENCRYPTION
    return made


def main() -> None:
    answers = sys.stdout
    asked = json.loads(sys.stdin.readline())
    frames = [bytes.fromhex(each) for each in asked["frames"]]
    buffer = importlib.import_module("gurux_dlms").GXByteBuffer
    translators = [translator(bytes.fromhex(asked["key"]), frame[frame.index(_TITLE) + 2 :][:8]) for frame in frames]

    def decode() -> list[str]:
        return [made.messageToXml(buffer(frame)) for made, frame in zip(translators, frames, strict=True)]

    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):  # it prints to standard output
        values = [[int(each, 16) for each in _VALUE.findall(xml)] for xml in decode()]
        print(json.dumps({"values": values}), file=answers, flush=True)
        for _ in sys.stdin:
            decode()
            print("{}", file=answers, flush=True)


if __name__ == "__main__":
    main()

"""Decoding the Wiener Netze telegrams: frame to registers on one core, beside gurux-dlms.

gurux-dlms is GPL-2.0: it is no dependency of anything here. It is installed into an environment of its own, and runs in
a process of its own that is given frames and gives back numbers.
"""

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import IO

from bench.measuring import Baseline, Figure, compare
from community.metering.dlms.telegram import PushTelegram, decode_frame

NAME = "decode_dlms"
GATE = 3.0
LEAST_FRAMES_S = 10_000.0
ROUNDS = 10
ZONE = "Europe/Vienna"

_ROOT = Path(__file__).resolve().parent.parent
_FRAMES = _ROOT / "tests" / "golden" / "meters" / "dlms_push"
_ENVIRONMENT = _ROOT / ".bench" / "gurux"
_PACKAGE = "gurux-dlms==1.0.203"
_PROGRAM = Path(__file__).resolve().parent / "foreign" / "gurux_frames.py"
_INSTALL_S = 300


class BaselineUnavailable(Exception):
    """The other decoder cannot be installed or does not run: without it there is no figure."""


def run() -> list[Figure]:
    key, frames = _telegrams()
    python = _installed()
    with subprocess.Popen(
        [str(python), "-I", str(_PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        if child.stdin is None or child.stdout is None:
            raise BaselineUnavailable("the process of gurux-dlms has no pipes")
        to_child, from_child = child.stdin, child.stdout

        def ours() -> list[PushTelegram]:
            return [decode_frame(frame, key, ZONE) for _ in range(ROUNDS) for frame in frames]

        def theirs() -> None:
            for _ in range(ROUNDS):
                _ask(to_child, from_child, {})

        answer = _ask(to_child, from_child, {"key": key.hex(), "frames": [frame.hex() for frame in frames]})
        if answer["values"] != [list(each.registers.values()) for each in ours()[: len(frames)]]:
            raise AssertionError("the two decoders disagree: no figure about them means anything")
        figure = compare(
            NAME, "frames/s", ours, Baseline("gurux-dlms messageToXml", theirs), units=ROUNDS * len(frames), gate=GATE
        )
        to_child.close()
    least = Figure(f"{NAME}_least", figure.value, "frames/s", "least rate required", LEAST_FRAMES_S, 1.0)
    return [figure, least]


def _telegrams() -> tuple[bytes, list[bytes]]:
    """The key and the frames of the golden telegrams, which all have the same key."""
    loaded = [json.loads(path.read_text()) for path in sorted(_FRAMES.glob("constructed-wn-*-?.json"))]
    (key,) = {each["key_hex"] for each in loaded}
    return bytes.fromhex(key), [bytes.fromhex(each["stream_hex"]) for each in loaded]


def _installed() -> Path:
    """The Python of the environment that has gurux-dlms, made if it is not there. Raises BaselineUnavailable."""
    python = _ENVIRONMENT / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    if not python.exists():
        venv.create(_ENVIRONMENT, with_pip=True)
    if subprocess.run([str(python), "-I", "-c", "import gurux_dlms"], capture_output=True, check=False).returncode == 0:
        return python
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", _PACKAGE]
    done = subprocess.run(install, capture_output=True, text=True, timeout=_INSTALL_S, check=False)
    if done.returncode != 0:
        raise BaselineUnavailable(f"{_PACKAGE} cannot be installed into {_ENVIRONMENT}:\n{done.stderr.strip()}")
    return python


def _ask(to_child: IO[str], from_child: IO[str], question: dict[str, object]) -> dict[str, object]:
    to_child.write(json.dumps(question) + "\n")
    to_child.flush()
    line = from_child.readline()
    if not line:
        raise BaselineUnavailable("the process of gurux-dlms ended; its error stands above")
    answer: dict[str, object] = json.loads(line)
    return answer

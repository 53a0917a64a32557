"""The command line: what can be asked, and what each answer's exit code is.

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 configuration, 4 key, 5 meter, broker or radio does not answer,
6 `diagnose` found something to put right.
"""

import argparse
import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from community.clock import Clock
from community.errors import CommunityError, FatalError, RetryableError
from community.runtime.lifecycle import EXIT_FAILED, EXIT_OK
from gateway_agent.cli_text import Terminal
from gateway_agent.profiles import ProfileError
from gateway_agent.secure_element.signer import SignerUnavailable, SignerUnusable
from gateway_agent.settings import AgentSettings, SettingsError, load_settings

EXIT_CONFIGURATION = 3
EXIT_KEY = 4
EXIT_NO_ANSWER = 5
EXIT_FOUND_WRONG = 6

Options = argparse.Namespace
DEFAULT_CONFIG = Path("agent.toml")


class NoSuchMeter(FatalError):
    """The command line names a meter that the configuration does not have."""


def parser() -> argparse.ArgumentParser:
    """Everything that can be asked."""
    root = argparse.ArgumentParser(
        prog="gateway_agent",
        description="Reads a meter on every quarter-hour, signs, keeps on disk, sends until acknowledged.",
        epilog="Exit codes: 0 done, 1 failed, 2 wrong command line, 3 configuration, 4 key, 5 nothing answers,"
        " 6 diagnose found something to put right.",
    )
    actions = root.add_subparsers(dest="action", required=True, metavar="COMMAND")
    _add_meter_commands(actions)
    _add_line_commands(actions)
    _add_device_commands(actions)
    return root


def _add_meter_commands(actions: Any) -> None:
    _command(actions, "run", "read the meter on every quarter-hour and send, until stopped")
    _command(actions, "check", "check the configuration and the key")
    read = _command(actions, "read", "read the meter once and show what it says", meter=True)
    read.add_argument("--seconds", type=_seconds, default=20.0, help="how long to wait for it (20)")
    watch = _command(actions, "watch", "show every answer or telegram of the meter as it comes", meter=True)
    watch.add_argument(
        "--every", type=_seconds, default=5.0, help="seconds between questions to a meter that answers (5)"
    )
    watch.add_argument("--count", type=int, help="stop after so many")
    diagnose = _command(
        actions,
        "diagnose",
        "try everything from the meter to the backend, say what is wrong and what to do",
        meter=True,
    )
    diagnose.add_argument("--seconds", type=_seconds, default=20.0, help="how long to listen to the meter (20)")
    capture = _command(actions, "capture", "record what goes over the meter's line, for a bug report", meter=True)
    capture.add_argument("--out", type=Path, required=True, help="the file to write, JSON lines")
    capture.add_argument("--seconds", type=_seconds, default=60.0, help="how long (60)")
    replay = _command(actions, "replay", "drive reader and sampler with a capture; nothing is kept or sent", meter=True)
    replay.add_argument("file", type=Path, help="what `capture` wrote")
    replay.add_argument("--real-time", action="store_true", help="with the pauses of the capture")


def _add_line_commands(actions: Any) -> None:
    detect = _command(
        actions, "detect", "find speed, parity and protocol of a serial line, without a key", config=False
    )
    detect.add_argument("port", help="the serial port, such as /dev/ttyUSB0")
    detect.add_argument("--seconds", type=_seconds, default=6.0, help="how long to listen with each setting (6)")
    detect.add_argument("--listen-only", action="store_true", help="do not say /?! at 300 Bd")
    detect.add_argument("--every", action="store_true", help="go on after the first setting that makes sense")
    scan = actions.add_parser("scan", help="ask who is on a bus").add_subparsers(dest="detail", required=True)
    modbus = _command(scan, "modbus", "ask every Modbus unit at an address or on a line", config=False)
    _add_modbus_place(modbus)
    modbus.add_argument("--units", type=_span(0, 247), default=(1, 247), help="as in 1-10 (1-247)")
    mbus = _command(scan, "mbus", "ask every address of an M-Bus; keep off a bus that is not yours", config=False)
    mbus.add_argument("port", help="a serial port, or host:port of a converter")
    mbus.add_argument("--baud", type=int, default=2400)
    mbus.add_argument("--addresses", type=_span(0, 250), default=(1, 250), help="as in 1-10 (1-250)")
    mbus.add_argument("--secondary", nargs="?", const="F" * 16, metavar="MASK", help="search by secondary address")
    sunspec = _command(actions, "sunspec", "show the models of a device that describes itself", config=False)
    _add_modbus_place(sunspec)
    sunspec.add_argument("--unit", type=int, default=1, help="1; 200, 240 or 126 behind some inverters")


def _add_modbus_place(command: argparse.ArgumentParser) -> None:
    command.add_argument("host", help="host, host:port (502), or a serial port such as /dev/ttyUSB0")
    command.add_argument("--baud", type=int, default=9600)
    command.add_argument("--format", default="8N1", help="of a serial line: 8N1, 8E1, 8N2")
    command.add_argument("--timeout", type=_seconds, default=0.5, help="seconds to wait for each answer (0.5)")


def _add_device_commands(actions: Any) -> None:
    key = actions.add_parser("key", help="the device's signing key").add_subparsers(dest="detail", required=True)
    _command(key, "init", "make the key in its place")
    _command(key, "show", "show the public key for the registry")
    _command(key, "csr", "a certificate request for the broker's authority, in PEM")
    prove = _command(key, "prove", "answer the backend's nonce: this device holds its key")
    prove.add_argument("nonce", help="what the backend gave, in hexadecimal digits")
    prove.add_argument("--hardware", default="gateway", help="what this box is, such as a board and its revision")
    register = _command(key, "register", "bring the key to the backend, by broker or radio, and prove to have it")
    register.add_argument("--hardware", default="gateway", help="what this box is, such as a board and its revision")
    rotate = _command(key, "rotate", "change to another key, signed by both; the agent must not run, nothing may wait")
    rotate.add_argument(
        "to", metavar="KEY", help="the new key's label, slot, handle or file, made with `key init` before"
    )
    rotate.add_argument(
        "--print", action="store_true", dest="only_print", help="show it for the operator, send nothing"
    )
    spool = actions.add_parser("spool", help="what is kept on disk").add_subparsers(dest="detail", required=True)
    _command(spool, "status", "show counts and counters")
    drain = _command(spool, "drain", "sign and send everything that waits; the agent must not run")
    drain.add_argument("--seconds", type=_seconds, default=300.0, help="give up after so long (300)")
    profiles = actions.add_parser("profiles", help="how meters are read").add_subparsers(dest="detail", required=True)
    _command(profiles, "list", "every profile that comes with the agent", config=False)
    _command(profiles, "show", "one profile", config=False).add_argument("name")
    _command(profiles, "check", "judge a profile file", config=False).add_argument("file", type=Path)


def _command(
    actions: Any, name: str, text: str, *, config: bool = True, meter: bool = False
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    if config:
        command.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="the TOML file, agent.toml by default")
    if meter and name == "replay":
        command.add_argument("--meter", help="its name; the only one by default")
    elif meter:
        command.add_argument("meter", nargs="?", help="its name; the only one by default")
    command.add_argument("--json", action="store_true", help="for machines")
    return command


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= 86_400:
        raise argparse.ArgumentTypeError("seconds must be more than 0 and at most a day")
    return value


def _span(low: int, high: int) -> Callable[[str], tuple[int, int]]:
    def parse(text: str) -> tuple[int, int]:
        first, _, last = text.partition("-")
        if not first.isdecimal() or not (last or first).isdecimal():
            raise argparse.ArgumentTypeError(f"{text!r} is no range such as 1-10")
        span = int(first), int(last or first)
        if not low <= span[0] <= span[1] <= high:
            raise argparse.ArgumentTypeError(f"the range must lie within {low}-{high}")
        return span

    return parse


def settings_for(options: Options) -> AgentSettings:
    """The configuration that the command line names, checked against the meter it names."""
    settings = load_settings(options.config)
    wanted = getattr(options, "meter", None)
    if wanted not in (None, settings.meter_name):
        raise NoSuchMeter(f"There is no meter {wanted!r} in {options.config}: it has {settings.meter_name!r}.")
    return settings


def terminal(options: Options) -> Terminal:
    """Where the command's words go: colour and width as the person's screen has them."""
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ  # noqa: TID251 - https://no-color.org
    as_json = bool(getattr(options, "json", False))
    return Terminal(_say, as_json, colour and not as_json, shutil.get_terminal_size((100, 24)).columns)


def perform(options: Options, clock: Clock) -> int:
    """Do what `options` ask, other than `run`. Returns the exit code; raises CommunityError."""
    from gateway_agent import cli_commands

    out = terminal(options)
    match options.action, getattr(options, "detail", None):
        case ("detect" | "scan" | "sunspec", _):
            return _ended(cli_commands.on_a_line(options, out))
        case "profiles", _:
            cli_commands.on_profiles(options, out)
            return EXIT_OK
        case "key", ("register" | "rotate"):
            return _ended(cli_commands.on_the_keys(options, settings_for(options), out, clock))
        case ("key" | "check", _) | ("spool", "status"):
            cli_commands.on_the_device(options, settings_for(options), out)
            return EXIT_OK
        case "diagnose", _:
            from gateway_agent.commands.diagnosing import diagnose

            well = asyncio.run(diagnose(settings_for(options), out, clock, look_s=options.seconds))
            return EXIT_OK if well else EXIT_FOUND_WRONG
        case _:
            return _ended(cli_commands.on_the_meter(options, settings_for(options), out, clock))


def guarded(work: Callable[[], int], *, as_json: bool = False) -> int:
    """`work`, its errors told in one sentence, or as a document for a machine, and turned into exit codes."""
    try:
        return work()
    except CommunityError as error:
        _tell(error, as_json=as_json)
        match error:
            case SettingsError() | ProfileError() | NoSuchMeter():
                return EXIT_CONFIGURATION
            case SignerUnusable() | SignerUnavailable():
                return EXIT_KEY
            case RetryableError():
                return EXIT_NO_ANSWER
            case _:
                return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_OK
    except BrokenPipeError:  # the reader of our words has gone, as `| head` does
        sys.stderr.close()
        return EXIT_OK


def _tell(error: CommunityError, *, as_json: bool) -> None:
    if as_json:
        problems = error.problems if isinstance(error, SettingsError) else []
        Terminal(_say, as_json=True).document(
            {
                "error": type(error).__name__,
                "text": str(error),
                "problems": [
                    {"line": each.line, "key": each.key, "what": each.what, "remedy": each.remedy} for each in problems
                ],
            }
        )
    print(f"error: {error}", file=sys.stderr)


def _ended(work: Coroutine[Any, Any, None]) -> int:
    asyncio.run(work)
    return EXIT_OK


def _say(line: str) -> None:
    print(line, flush=True)

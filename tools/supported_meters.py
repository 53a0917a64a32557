"""Writes docs/supported-meters.md from tests/golden/meters: `python -m tools.supported_meters [--check]`.

No list is kept by hand: a meter stands on the page because its recorded or constructed telegram is read, now, by the code
and the profile of this tree.
"""

import asyncio
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from community.metering.dlms.telegram import PushTelegram, decode_received
from community.metering.dlms.transports import telegram_deframer
from community.metering.dlms.unreadable import UnreadableTelegram
from gateway_agent.commands.profiles import profile_text
from gateway_agent.meters.dsmr_p1 import DsmrP1Samples
from gateway_agent.meters.iec62056_21 import Iec62056Samples
from gateway_agent.meters.mbus import sample_of
from gateway_agent.meters.modbus import ModbusMeter
from gateway_agent.meters.modbus_link import ModbusLink, RegisterRefused
from gateway_agent.meters.sml import SmlSamples
from gateway_agent.meters.sunspec import SunSpecMeter
from gateway_agent.meters.unreachable import MeterUnreachable
from gateway_agent.profiles import (
    DlmsPushProfile,
    DsmrP1Profile,
    Iec62056Profile,
    MbusProfile,
    MeterProfile,
    ModbusProfile,
    PushTransport,
    SmlProfile,
    SunSpecProfile,
    load_profile,
    profile_names,
)
from gateway_agent.protocols.amis_oms5 import decode_amis
from gateway_agent.protocols.channels import by_register
from gateway_agent.protocols.dsmr_p1 import P1Stream
from gateway_agent.protocols.iec62056_21 import ReadoutReader
from gateway_agent.protocols.mbus_link import LongFrame, parse_frame
from gateway_agent.protocols.mbus_telegram import parse_telegram
from gateway_agent.protocols.quantity import DamagedTelegram
from gateway_agent.protocols.sml import SmlStream

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden" / "meters"
PAGE = ROOT / "docs" / "supported-meters.md"
ZONE = "Europe/Vienna"

_HEAD = """# Supported meters

Written by `python -m tools.supported_meters` from the telegrams under `tests/golden/meters`; a test keeps it current. A meter
stands here because its telegram is read by the profile named beside it.

- **telegram**: recorded from a physical meter or printed in a specification.
- **document**: built after the maker's or operator's published description; nobody has told us yet that it works at the meter.

Another meter of the same protocol is mostly read too: `detect` names the protocol of a line, `profiles list` what there is,
and `capture` makes what we need to add one. A new meter is a new profile file, not new code.
"""


@dataclass(frozen=True, slots=True, order=True)
class Supported:
    """One line of the page."""

    maker: str
    model: str
    firmware: str
    protocol: str
    profiles: tuple[str, ...]
    source: str
    verified: str


@dataclass(frozen=True, slots=True)
class _Name:
    maker: str
    model: str
    firmware: str = ""


def supported_meters() -> list[Supported]:
    """Every golden telegram that a profile reads, one line for each kind of meter."""
    found: dict[tuple[str, str, str, str], Supported] = {}
    for path in sorted(GOLDEN.glob("*/*.json")):
        vector = json.loads(path.read_text("utf-8"))
        for name, protocol, fitting in _readings(path, vector):
            if not fitting:
                continue
            found_now = Supported(
                name.maker, name.model, name.firmware, protocol, tuple(fitting), _source(vector), _state(vector)
            )
            key = (name.maker, name.model, name.firmware, protocol)
            known = found.get(key)
            if known is None or (known.verified, found_now.verified) == ("document", "telegram"):
                found[key] = found_now
    return sorted(found.values(), key=lambda each: (each.maker.lower(), each.model.lower(), each.firmware))


def page() -> str:
    """The whole page."""
    lines = [
        _HEAD,
        "| maker | model | firmware | protocol | profile | source | verified |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in supported_meters():
        cells = (
            each.maker,
            each.model,
            each.firmware,
            each.protocol,
            ", ".join(each.profiles),
            each.source,
            each.verified,
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    lines += ["", "## Profiles", "", "| profile | protocol | line | after | verified |", "|---|---|---|---|---|"]
    for name in profile_names():
        profile = load_profile(name)
        verified = str(tomllib.loads(profile_text(name))["verified"])
        lines.append(f"| {name} | {_protocol(profile)} | {_line(profile)} | {profile.source} | {verified} |")
    return "\n".join(lines) + "\n"


def _readings(path: Path, vector: dict[str, Any]) -> Iterator[tuple[_Name, str, list[str]]]:
    match path.parent.name:
        case "dlms_push" if vector.get("stream_hex") and vector.get("expect") != "rejected":
            yield _meter_name(vector), _dlms_protocol(vector), _dlms_profiles(vector)
        case "amis_oms5":
            yield _meter_name(vector), "AMIS (M-Bus, roles reversed)", _amis_profiles(vector)
        case "iec62056_21":
            words = (vector.get("identification", "") + vector["readout"]).encode("latin-1")
            reader = ReadoutReader()
            readouts = [*reader.feed(words), *reader.line_quiet()] or _only(vector["readout"])
            profiles = _of_kind(Iec62056Profile)
            fitting = _fitting(
                profiles, lambda each: [Iec62056Samples(each, ZONE).sample(readout) for readout in readouts]
            )
            yield _d0_name(vector), "IEC 62056-21 (D0)", fitting
        case "dsmr_p1":
            stream = P1Stream()
            telegrams = [*stream.feed(vector["telegram"].encode("latin-1")), *stream.line_quiet()]
            fitting = _fitting(
                _of_kind(DsmrP1Profile), lambda each: [DsmrP1Samples(each, ZONE).sample(one) for one in telegrams]
            )
            yield _p1_name(vector), "DSMR P1", fitting
        case "sml":
            sml = SmlStream()
            heard = [*sml.feed((path.parent / vector["file"]).read_bytes()), *sml.line_quiet()]
            fitting = _fitting(_of_kind(SmlProfile), lambda each: [SmlSamples(each).sample(one) for one in heard])
            yield _sml_name(vector, heard), "SML", fitting
        case "mbus":
            yield from _mbus_reading(path, vector)
        case "modbus":
            yield from asyncio.run(_modbus_readings(vector))
        case _:
            return


def _only(readout: str) -> list[Any]:
    reader = ReadoutReader()
    return [*reader.feed(readout.encode("latin-1")), *reader.line_quiet()]


def _of_kind(kind: type[Any]) -> list[Any]:
    return [profile for name in profile_names() if isinstance(profile := load_profile(name), kind)]


def _fitting(profiles: Iterable[Any], read: Callable[[Any], list[Any]]) -> list[str]:
    """Names of the profiles by which at least one whole sample comes out."""
    names = []
    for profile in profiles:
        try:
            if read(profile):
                names.append(profile.name)
        except (DamagedTelegram, MeterUnreachable, ValueError):
            continue
    return names


def _dlms_profiles(vector: dict[str, Any]) -> list[str]:
    key = None if vector["key_hex"] is None else bytes.fromhex(vector["key_hex"])
    auth_key = bytes.fromhex(vector["auth_key_hex"]) if vector.get("auth_key_hex") else None
    if key is None:
        return []  # the agent reads ciphered telegrams only

    def read(profile: DlmsPushProfile) -> list[Any]:
        if profile.transport.value != vector.get("transport", "hdlc"):
            return []
        deframer = telegram_deframer(profile.transport.of_telegrams)
        received = [*deframer.feed(bytes.fromhex(vector["stream_hex"])), *deframer.line_quiet()]
        samples = []
        for each in received:
            try:
                telegram = decode_received(each, key, ZONE, auth_key)
            except UnreadableTelegram:
                continue
            named = by_register(telegram.values, profile.units) if isinstance(telegram, PushTelegram) else {}
            samples += [value for value in named.values() if value.unit == "Wh"]
        return samples

    fitting = _fitting(_of_kind(DlmsPushProfile), read)
    two_keys = [name for name in fitting if name.endswith("two-keys")]
    if auth_key is not None and two_keys:
        return two_keys
    operator = str(vector.get("operator") or "").lower()
    at_operator = [
        name for name in fitting if name.startswith("at-") and all(word in operator for word in name[3:].split("-"))
    ]
    return at_operator or [name for name in fitting if name not in two_keys]


def _dlms_protocol(vector: dict[str, Any]) -> str:
    security = "two keys" if vector.get("auth_key_hex") else "one key"
    return f"DLMS push, {str(vector.get('transport', 'hdlc')).upper()}, {security}"


def _amis_profiles(vector: dict[str, Any]) -> list[str]:
    frame, key = bytes.fromhex(vector["frame_hex"]), bytes.fromhex(vector["key_hex"])

    def read(profile: DlmsPushProfile) -> list[Any]:
        if profile.transport is not PushTransport.AMIS:
            return []
        return list(by_register(decode_amis(frame, key, ZONE).values, profile.units))

    return _fitting(_of_kind(DlmsPushProfile), read)


def _mbus_reading(path: Path, vector: dict[str, Any]) -> Iterator[tuple[_Name, str, list[str]]]:
    frame = parse_frame(bytes.fromhex(vector["frame_hex"]))
    assert isinstance(frame, LongFrame)
    try:
        telegram = parse_telegram(frame)
    except ValueError:
        return
    fitting = _fitting(_of_kind(MbusProfile), lambda profile: [sample_of(profile, (telegram,))])
    model = re.sub(r"[_-]+", " ", path.stem).strip()
    maker = telegram.manufacturer or ""
    for known in filter(None, (maker, _maker(maker))):
        model = model[len(known) + 1 :] if model.lower().startswith(f"{known.lower()} ") else model
    version = "" if telegram.address is None else f"generation {telegram.address.version}"
    yield _Name(_maker(maker) if maker else "(not told)", model, version), "M-Bus", fitting


class _Recorded(ModbusLink):
    """A device that has just the registers of a golden file."""

    def __init__(self, content: dict[int, int]) -> None:
        self.where = "golden file"
        self._content = content

    async def registers(self, _function: int, address: int, count: int) -> list[int]:
        """As the device answered."""
        try:
            return [self._content[each] for each in range(address, address + count)]
        except KeyError:
            raise RegisterRefused(f"register {address} is not there") from None

    def close(self) -> None:
        """Nothing is open."""


async def _modbus_readings(vector: dict[str, Any]) -> list[tuple[_Name, str, list[str]]]:
    is_sunspec = "base" in vector
    content: dict[int, int] = {}
    if is_sunspec:
        content = {vector["base"] + at: word for at, word in enumerate(vector["registers"])}
    for begin, words in {} if is_sunspec else vector["registers"].items():
        content |= {int(begin) + at: word for at, word in enumerate(words)}
    fitting = []
    kind: type[Any] = SunSpecProfile if is_sunspec else ModbusProfile
    wanted = sorted(vector["expected"][name] for name in ("import_wh", "export_wh") if name in vector["expected"])
    for profile in _of_kind(kind):
        meter = SunSpecMeter(profile, _Recorded(content)) if is_sunspec else ModbusMeter(profile, _Recorded(content))
        try:
            sample = await meter.read()
        except MeterUnreachable:
            continue
        if is_sunspec or sorted(sample.registers_wh.values()) == wanted:
            fitting.append(profile.name)
    return [(_meter_name(vector), "SunSpec (Modbus)" if is_sunspec else "Modbus", fitting)]


_MAKERS = {
    "ACW": "Itron", "AMT": "Aquametro", "ESY": "EasyMeter", "FLU": "Fluvius", "ISK": "Iskra", "KAM": "Kamstrup",
    "LGF": "Landis+Gyr", "LUG": "Landis+Gyr", "SBC": "Saia-Burgess", "SEN": "Sensus", "SLB": "Schlumberger",
    "TCH": "Techem", "ZRM": "Minol",
}  # fmt: skip
"""Letters of the FLAG association that makers go by."""


def _maker(letters: str) -> str:
    return _MAKERS.get(letters.upper(), letters.upper())


def _meter_name(vector: dict[str, Any]) -> _Name:
    text = str(vector["meter"]).removesuffix(" layout")
    for maker in ("Landis+Gyr", "Carlo Gavazzi"):
        if text.startswith(maker):
            return _Name(maker, text.removeprefix(maker).strip())
    maker, _, model = text.partition(" ")
    return _Name(maker, model or "(any)")


def _d0_name(vector: dict[str, Any]) -> _Name:
    name = _meter_name(vector)
    told = re.match(r"/[A-Za-z]{3}[0-9A-Z](.*)", vector.get("identification", ""))
    return _Name(name.maker, name.model, told[1].strip().lstrip("-\\@") if told else "")


def _p1_name(vector: dict[str, Any]) -> _Name:
    told = re.match(r"/(?P<maker>[A-Za-z0-9]{3})[0-9](?P<model>[^\r\n]*)", vector["telegram"])
    version = re.search(r"1-3:0\.2\.8\((\d)(\d)\)", vector["telegram"])
    firmware = f"P1 version {version[1]}.{version[2]}" if version else ""
    if told is None:
        return _Name("(not told)", vector["id"].removeprefix("p1-"), firmware)
    return _Name(_maker(told["maker"]), told["model"].strip("\\ ") or "(not told)", firmware)


def _sml_name(vector: dict[str, Any], heard: list[Any]) -> _Name:
    names = [telegram.telegram() for telegram in heard[:1]]
    serial = getattr(names[0], "serial", "") if names else ""
    maker = serial[1:4] if re.fullmatch(r"\d[A-Z]{3}\d+", serial) else "(not told)"
    return _Name(_maker(maker), f"capture {vector['id'].removeprefix('sml-')}")


def _source(vector: dict[str, Any]) -> str:
    source = vector["source"]
    if source.get("repo"):
        return f"{source['repo']}, {source.get('path') or ''} ({source['license']})"
    return re.sub(r"\s*\(.*\)", "", str(source["license"])) + ", built here after the published layout"


def _state(vector: dict[str, Any]) -> str:
    return "telegram" if vector["real"] else "document"


def _protocol(profile: MeterProfile) -> str:
    match profile:
        case DlmsPushProfile(transport=transport):
            return "AMIS" if transport is PushTransport.AMIS else f"DLMS push, {transport.upper()}"
        case ModbusProfile():
            return "Modbus TCP, RTU"
        case SunSpecProfile():
            return "SunSpec (Modbus TCP, RTU)"
        case MbusProfile():
            return "M-Bus"
        case Iec62056Profile(mode=mode):
            return f"IEC 62056-21, {mode}"
        case SmlProfile():
            return "SML"
        case DsmrP1Profile():
            return "DSMR P1"


def _line(profile: MeterProfile) -> str:
    match profile:
        case ModbusProfile(line=line) | SunSpecProfile(line=line):
            return f"{line.baud} {line.format}"
        case _:
            return f"{profile.baud} {profile.format}"


def main(arguments: list[str]) -> int:
    """Write the page, or with --check only say whether it is current."""
    wanted = page()
    if arguments == ["--check"]:
        current = PAGE.read_text("utf-8") if PAGE.exists() else ""
        if current != wanted:
            print(f"{PAGE.relative_to(ROOT)} is out of date: run python -m tools.supported_meters", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(wanted, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

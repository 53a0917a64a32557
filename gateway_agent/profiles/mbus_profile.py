"""Profiles of M-Bus meters: which of the records that a meter sends are its registers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast, get_args

from gateway_agent.profiles.faults import Faults
from gateway_agent.protocols.mbus_choice import Direction, RegisterRule
from gateway_agent.protocols.mbus_telegram import FIXED_MEDIA, MEDIA

MBUS_FORMATS = ("8E1", "8N1")
_RULE_KEYS = {"direction", "tariffs", "subunit", "storage", "media", "optional"}
_NUMBER_MAX = 2**20
_MAKER = re.compile("[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class MbusProfile:
    """A meter on a wired M-Bus."""

    name: str
    source: str
    baud: int
    format: str
    values: Mapping[str, RegisterRule]
    """By OBIS code."""
    manufacturers: tuple[str, ...]
    """Only for meters of these makers, by their three letters; empty: of any."""
    verified: str


def parse_mbus(document: Mapping[str, Any], name: str, faults: Faults, common: set[str]) -> MbusProfile:
    """The profile in `document`; what is wrong with it goes to `faults`."""
    faults.unknown_keys("", document, common | {"line", "values", "manufacturers"})
    baud, bits = faults.line(document, MBUS_FORMATS)
    values = {obis: _rule(f"values.{obis}", entry, faults) for obis, entry in faults.table(document, "values").items()}
    if not values:
        faults.note("values holds no register")
    makers = document.get("manufacturers", [])
    if not isinstance(makers, list) or not all(isinstance(each, str) and _MAKER.fullmatch(each) for each in makers):
        faults.note(f"manufacturers {makers!r} must be a list of three capital letters each")
        makers = []
    verified = str(document.get("verified", ""))
    return MbusProfile(name, str(document.get("source", "")), baud, bits, values, tuple(makers), verified)


def _rule(where: str, entry: Any, faults: Faults) -> RegisterRule:
    if not isinstance(entry, dict):
        faults.note(f"{where} must be a table")
        return RegisterRule()
    faults.unknown_keys(f"{where}.", entry, _RULE_KEYS)
    direction, media, tariffs = entry.get("direction"), entry.get("media", []), entry.get("tariffs", [0])
    if direction not in get_args(Direction):
        faults.note(f"{where}.direction {direction!r} is not known: {', '.join(get_args(Direction))}")
        direction = "import"
    known = {*MEDIA.values(), *FIXED_MEDIA}
    if not isinstance(media, list) or not set(media) <= known:
        faults.note(f"{where}.media {media!r} must be a list of {', '.join(sorted(known))}")
        media = []
    if (
        not isinstance(tariffs, list)
        or not tariffs
        or not all(type(each) is int and 0 <= each <= _NUMBER_MAX for each in tariffs)
        or len(set(tariffs)) != len(tariffs)
    ):
        faults.note(f"{where}.tariffs {tariffs!r} must be a list of tariff numbers, each once")
        tariffs = [0]
    return RegisterRule(
        cast(Direction, direction),
        tuple(tariffs),
        faults.whole_number(f"{where}.", entry, "subunit", 0, _NUMBER_MAX),
        faults.whole_number(f"{where}.", entry, "storage", 0, _NUMBER_MAX),
        tuple(media),
        entry.get("optional") is True,
    )

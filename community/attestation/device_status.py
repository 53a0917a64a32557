"""What a device says of itself: JSON on its status topic (wire-format 2.5), the same in CBOR by radio on FPort 12.

It is shown to operators and believed no further: over the broker nothing but its access rules says who wrote it.
"""

from dataclasses import dataclass
from typing import Any

from community.attestation import cbor
from community.json_input import parse_json

FIRMWARE_MAX = 64
_JSON_MAX = 4096
_RADIO_NAMES = {1: "fw", 2: "backlog", 3: "ctr", 4: "development_key"}


class MalformedStatus(ValueError):
    """Bytes that are no status of a device."""


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """What is not said is None. `backlog` are readings and statements that wait in the device, `ctr` is its newest statement."""

    is_online: bool
    firmware: str | None = None
    backlog: int | None = None
    ctr: int | None = None
    development_key: bool | None = None

    def __post_init__(self) -> None:
        flags: tuple[object, ...] = (self.is_online, False if self.development_key is None else self.development_key)
        if not all(type(flag) is bool for flag in flags):
            raise MalformedStatus("whether it is online, and has a development key, is true or false")
        version: object = self.firmware
        if version is not None and not (
            isinstance(version, str) and version.isprintable() and 0 < len(version) <= FIRMWARE_MAX
        ):
            raise MalformedStatus(f"a firmware version is a text of 1 to {FIRMWARE_MAX} printable characters")
        for name, value in (("backlog", self.backlog), ("ctr", self.ctr)):
            if value is not None and not cbor.is_uint(value, 32):
                raise MalformedStatus(f"{name} is outside 0 to 2^32-1")


def parse_status(payload: bytes) -> DeviceStatus:
    """The status that a message on the status topic holds; names that are not known are passed over. Raises MalformedStatus."""
    try:
        given = parse_json(payload, size_max=_JSON_MAX, depth_max=4)
    except ValueError as error:
        raise MalformedStatus(f"no readable JSON: {error}") from error
    if not isinstance(given, dict) or "online" not in given:
        raise MalformedStatus("a status is an object that says whether the device is online")
    return _status(given["online"], given)


def parse_radio_status(plaintext: bytes) -> DeviceStatus:
    """The status in a frame on FPort 12: {1: firmware, 2: backlog, 3: counter, 4: development key}. Raises MalformedStatus.

    Whoever is heard is online.
    """
    try:
        given = cbor.decode(plaintext)
    except cbor.MalformedCbor as error:
        raise MalformedStatus(str(error)) from error
    if not isinstance(given, dict) or not set(given) <= set(_RADIO_NAMES):
        raise MalformedStatus("a status by radio is a map with keys 1 to 4")
    return _status(True, {_RADIO_NAMES[key]: value for key, value in given.items()})


def _status(online: Any, given: dict[str, Any]) -> DeviceStatus:
    return DeviceStatus(online, given.get("fw"), given.get("backlog"), given.get("ctr"), given.get("development_key"))

"""Which register of a telegram is meant by a profile's OBIS code: meters of some countries count on channel 1. Pure."""

from collections.abc import Mapping

from community.metering.dlms.register import Register


def by_register(values: Mapping[str, Register], units: Mapping[str, str]) -> dict[str, Register]:
    """The registers that `units` names by code and unit: `1-0:1.8.0` itself, or else the only one of any channel."""
    found = {}
    for code, unit in units.items():
        candidates = (
            [code] if code in values else [each for each in values if _on_no_channel(each) == _on_no_channel(code)]
        )
        if len(candidates) == 1 and values[candidates[0]].unit == unit:
            found[code] = values[candidates[0]]
    return found


def _on_no_channel(code: str) -> tuple[str, str]:
    return code.partition("-")[0], code.partition(":")[2]

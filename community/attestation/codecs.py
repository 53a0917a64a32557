"""What reads evidence into readings, by name and version: kept with each statement, so that it can be read again the same way.

A meter's telegrams are recognised by their layout and not by model and firmware, which a telegram does not say; which meters
send which layout stands in docs/supported-meters.md. A version rises when the same bytes would be read otherwise.
"""

from collections.abc import Mapping

from community.metering.dlms.push_layouts import Layout

VERSIONS: Mapping[str, int] = {"ecw1": 1} | {f"dlms-{layout.value}": 1 for layout in Layout}


def codec_of(layout: Layout | None = None) -> str:
    """Name and version of what reads ECW1, or with a layout the meter's telegram inside a legacy payload: `ecw1/1`."""
    name = "ecw1" if layout is None else f"dlms-{layout.value}"
    return f"{name}/{VERSIONS[name]}"

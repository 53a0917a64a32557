"""Samples of a meter for people to look at, whichever way it talks, and how a sample is shown."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any

from gateway_agent.cli_text import grouped
from gateway_agent.meter_kinds import Meter, as_polled, as_pushing, close_meter
from gateway_agent.reading import MeterSample


async def samples_of(meter: Meter, every_s: float) -> AsyncGenerator[MeterSample, None]:
    """Every sample of `meter`; one that only answers is asked every `every_s`. Raises RetryableError if it does not.

    The meter is closed at the end.
    """
    try:
        while (polled := as_polled(meter)) is not None:
            yield await polled.read()
            await asyncio.sleep(every_s)
        pushing = as_pushing(meter)
        assert pushing is not None
        async with contextlib.aclosing(pushing.samples()) as samples:
            async for sample in samples:
                yield sample
    finally:
        close_meter(meter)


def sample_rows(name: str, sample: MeterSample) -> list[tuple[str, str]]:
    """Label and value of everything in `sample`."""
    rows = [
        ("meter", name),
        ("serial", sample.meter_serial or "not told"),
        ("meter clock", clock_text(sample.meter_at)),
    ]
    rows += [(obis, f"{grouped(value):>14} Wh") for obis, value in sample.registers_wh.items()]
    rows += [(obis, f"{grouped(value):>14} W") for obis, value in sample.powers_w.items()]
    rows.append(("resolution", f"{sample.resolution_wh} Wh"))
    if sample.meter_error:
        rows.append(("warning", "the meter itself reports an error"))
    return rows


def sample_facts(name: str, sample: MeterSample) -> dict[str, Any]:
    """The same for machines: integers, instants in UTC."""
    return {
        "meter": name,
        "serial": sample.meter_serial,
        "meter_at": sample.meter_at,
        "registers_wh": sample.registers_wh,
        "powers_w": sample.powers_w,
        "resolution_wh": sample.resolution_wh,
        "meter_error": sample.meter_error,
    }


def clock_text(at: datetime | None) -> str:
    """An instant for people."""
    return "none" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"

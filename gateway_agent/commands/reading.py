"""`read` and `watch`: what the meter says, once or as it comes."""

import asyncio
import contextlib
from datetime import datetime

from community.errors import RetryableError
from gateway_agent.app import open_meter
from gateway_agent.capture_taps import port_trouble
from gateway_agent.cli_text import Terminal, Write, duration, grouped
from gateway_agent.commands.sampling import sample_facts, sample_rows, samples_of
from gateway_agent.meters.serial_line import LineLost
from gateway_agent.reading import MeterSample
from gateway_agent.settings import AgentSettings
from gateway_agent.settings_meter import SerialPlace

READ_TIMEOUT_S = 20.0
POLL_EVERY_S = 5.0


class MeterSilent(RetryableError):
    """A push meter said nothing readable."""


async def read_once(settings: AgentSettings, write: Write, *, timeout_s: float = READ_TIMEOUT_S) -> None:
    """One sample of the meter, for people. Raises RetryableError if it says nothing."""
    out = Terminal.around(write)
    _check_port(settings)
    try:
        async with asyncio.timeout(timeout_s):
            async with contextlib.aclosing(samples_of(open_meter(settings), POLL_EVERY_S)) as samples:
                sample = await anext(samples)
    except TimeoutError:
        raise MeterSilent(
            f"No readable telegram of meter {settings.meter_name!r} in {timeout_s:g} s. Either nothing comes from the"
            f" port (interface not activated, head upside down) or the key does not fit this meter:"
            f" `diagnose {settings.meter_name}` tells which."
        ) from None
    out.rows(sample_rows(settings.meter_name, sample))
    out.document(sample_facts(settings.meter_name, sample))


async def watch(
    settings: AgentSettings, write: Write, *, every_s: float = POLL_EVERY_S, count: int | None = None
) -> None:
    """Every sample as it comes, one a line, until interrupted or `count` were shown. Raises RetryableError."""
    out, shown = Terminal.around(write), 0
    _check_port(settings)
    watched = _Watched(out)
    nothing = f"nothing readable in {READ_TIMEOUT_S:g} s: `diagnose {settings.meter_name}` tells why; still listening"
    impatience = asyncio.get_running_loop().call_later(READ_TIMEOUT_S, out.line, nothing)
    try:
        async with contextlib.aclosing(samples_of(open_meter(settings), every_s)) as samples:
            async for sample in samples:
                impatience.cancel()
                watched.show(settings.meter_name, sample)
                shown += 1
                if shown == count:
                    return
    finally:
        impatience.cancel()


def _check_port(settings: AgentSettings) -> None:
    """A reader waits for its port for ever; a person wants to know. Raises LineLost."""
    place = settings.meter.place
    if isinstance(place, SerialPlace) and (trouble := port_trouble(place.port)):
        raise LineLost(trouble)


class _Watched:
    """One line a sample under a head that is repeated when the columns change, with what has risen since the first."""

    def __init__(self, out: Terminal) -> None:
        self._out = out
        self._columns: tuple[str, ...] = ()
        self._first: dict[str, int] = {}
        self._first_at: datetime | None = None

    def show(self, name: str, sample: MeterSample) -> None:
        self._out.event(sample_facts(name, sample))
        columns = (*sample.registers_wh, *sample.powers_w)
        if columns != self._columns:
            self._columns, self._first, self._first_at = columns, dict(sample.registers_wh), sample.meter_at
            heads = [f"{obis:>16}" for obis in columns]
            self._out.line(f"{'meter clock':<20}" + "".join(heads) + "  since the first line")
        at = "no time" if sample.meter_at is None else f"{sample.meter_at:%Y-%m-%d %H:%M:%S}"
        cells = [f"{grouped(wh, 'Wh'):>16}" for wh in sample.registers_wh.values()]
        cells += [f"{grouped(power, 'W'):>16}" for power in sample.powers_w.values()]
        rises = [f"+{grouped(wh - self._first[obis], 'Wh')}" for obis, wh in sample.registers_wh.items()]
        span = ""
        if sample.meter_at is not None and self._first_at is not None:
            span = f" in {duration((sample.meter_at - self._first_at).total_seconds())}"
        self._out.line(f"{at:<20}" + "".join(cells) + f"  {' '.join(rises)}{span}")

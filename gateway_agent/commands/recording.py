"""`capture` and `replay`: what went over a meter's line into a file, and the same through the reader again."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TextIO

from community.clock import Clock, slot_start
from community.errors import FatalError, RetryableError
from gateway_agent import FIRMWARE_VERSION
from gateway_agent.app import open_meter
from gateway_agent.capture import Capture, CaptureWriter, read_capture
from gateway_agent.capture_replay import RecordedTime, SerialReplay, TcpReplay
from gateway_agent.capture_taps import SerialTap, TcpTap
from gateway_agent.cli_text import Terminal, Write, grouped, plural
from gateway_agent.commands.sampling import clock_text, sample_facts, samples_of
from gateway_agent.detection import LineSettings
from gateway_agent.meter_kinds import rerouted
from gateway_agent.reading import MeterSample
from gateway_agent.sampler import BoundaryRules
from gateway_agent.settings import AgentSettings
from gateway_agent.settings_meter import SerialPlace

CAPTURE_S = 60.0
POLL_EVERY_S = 5.0


async def capture(
    settings: AgentSettings, write: Write, clock: Clock, into: TextIO, *, look_s: float = CAPTURE_S
) -> None:
    """Record everything between the meter and its reader for `look_s`. Raises LineLost if the port cannot be opened.

    The reader works meanwhile, so that a meter that only answers is asked.
    """
    out, place = Terminal.around(write), settings.meter.place
    recording = CaptureWriter(into.write, clock.now)
    recording.head(
        agent=FIRMWARE_VERSION, meter=settings.meter_name, profile=settings.meter.profile.name, place=str(place),
        zone=settings.zone,
    )  # fmt: skip
    async with contextlib.AsyncExitStack() as stack:
        if isinstance(place, SerialPlace):
            line = LineSettings(place.baud, place.bits)
            tap = await stack.enter_async_context(SerialTap(place.port, line, recording.piece, recording.note))
            tapped = replace(settings, meter=rerouted(settings.meter, port=tap.near))
        else:
            relay = await stack.enter_async_context(TcpTap(place.host, place.port, recording.piece, recording.note))
            tapped = replace(settings, meter=rerouted(settings.meter, tcp_port=relay.near_port))
        samples = await _samples_while_recording(tapped, recording, look_s)
    into.flush()
    out.line(
        f"{grouped(recording.size_in)} bytes from the meter, {grouped(recording.size_out)} to it,"
        f" {plural(samples, 'sample')} in {look_s:g} s"
    )
    out.document({"bytes_in": recording.size_in, "bytes_out": recording.size_out, "samples": samples})


async def _samples_while_recording(settings: AgentSettings, recording: CaptureWriter, look_s: float) -> int:
    count = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(look_s):
            while True:
                try:
                    async with contextlib.aclosing(samples_of(open_meter(settings), POLL_EVERY_S)) as samples:
                        async for _ in samples:
                            count += 1
                except RetryableError as error:
                    recording.note(str(error))
                    await asyncio.sleep(1)
    return count


def load_capture(path: Path) -> Capture:
    """The capture in the file at `path`. Raises NotACapture, FatalError."""
    try:
        return read_capture(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise FatalError(f"The capture {path} cannot be read: {error}") from error


async def replay(settings: AgentSettings, write: Write, recorded: Capture, *, real_time: bool = False) -> None:
    """Drive the reader and the sampler with a capture; show samples and the readings of the quarter-hours.

    Nothing is signed, kept or sent. Raises ReplayDiverged, FatalError.
    """
    out = Terminal.around(write)
    profile = recorded.head.get("profile", "")
    if profile != settings.meter.profile.name:
        raise FatalError(
            f"The capture was made with profile {profile!r}, the configuration says {settings.meter.profile.name!r}:"
            " name the configuration of that meter with --config."
        )
    shown = _Replayed(settings, out, recorded)
    async with contextlib.aclosing(_replayed_samples(settings, recorded, shown.clock, real_time=real_time)) as samples:
        async for at, sample in samples:
            shown.take(at, sample)
    shown.conclude()


class _Replayed:
    """Shows samples, and what the sampler's rules make of them by the capture's clock."""

    def __init__(self, settings: AgentSettings, out: Terminal, recorded: Capture) -> None:
        start = recorded.pieces[0].at if recorded.pieces else None
        if start is None:
            raise FatalError("The capture holds no bytes: nothing came over the line.")
        self.clock = RecordedTime(start)
        self._start = start
        self._out = out
        self._name = settings.meter_name
        self._rules = BoundaryRules(
            settings.identity.register_profile, settings.clock_skew_max_s, serial_expected=settings.serial_expected
        )
        self._samples = self._readings = 0

    def take(self, now: datetime, sample: MeterSample) -> None:
        """One sample, heard at `now`."""
        self._samples += 1
        registers = "  ".join(f"{obis} {grouped(wh, 'Wh')}" for obis, wh in sample.registers_wh.items())
        self._out.line(f"{now:%H:%M:%S.%f}"[:-3] + f"  meter {clock_text(sample.meter_at)}  {registers}")
        self._out.event({"at": now, **sample_facts(self._name, sample)})
        reading = self._rules.judge(sample, now, listening_since=self._start)
        if reading is not None:
            self._readings += 1
            at = slot_start(reading.slot)
            self._out.line(
                f"{'':14}quarter-hour {at:%Y-%m-%d %H:%M} UTC: {reading.registers}, offset {reading.off_s} s"
            )
            self._out.event({"slot": reading.slot, "at": at, "registers": reading.registers, "off_s": reading.off_s})

    def conclude(self) -> None:
        """The last line."""
        self._out.line(
            f"{plural(self._samples, 'sample')}, {plural(self._readings, 'quarter-hour')}; nothing was kept or sent"
        )
        self._out.event({"samples": self._samples, "readings": self._readings})


async def _replayed_samples(
    settings: AgentSettings, recorded: Capture, clock: RecordedTime, *, real_time: bool
) -> AsyncGenerator[tuple[datetime, MeterSample], None]:
    if isinstance(settings.meter.place, SerialPlace):
        async with SerialReplay(recorded.pieces, clock, real_time=real_time) as line:
            over = asyncio.create_task(line.play())
            async with contextlib.aclosing(
                _until(over, replace(settings, meter=rerouted(settings.meter, port=line.near)), clock)
            ) as samples:
                async for sample in samples:
                    yield sample
        return
    async with TcpReplay(recorded.pieces, clock) as server:
        over = asyncio.create_task(_exhausted(server))
        async with contextlib.aclosing(
            _until(over, replace(settings, meter=rerouted(settings.meter, tcp_port=server.near_port)), clock)
        ) as samples:
            async for sample in samples:
                yield sample


async def _exhausted(server: TcpReplay) -> None:
    await server.exhausted.wait()
    await asyncio.sleep(0.2)  # the last answer is still on its way


async def _until(
    over: "asyncio.Task[None]", settings: AgentSettings, clock: RecordedTime
) -> AsyncGenerator[tuple[datetime, MeterSample], None]:
    """Samples, each with its instant, until `over` is done. Raises what `over` or the reader raised."""
    queue: asyncio.Queue[tuple[datetime, MeterSample]] = asyncio.Queue()

    async def read() -> None:
        async with contextlib.aclosing(samples_of(open_meter(settings), 0)) as samples:
            async for sample in samples:
                queue.put_nowait((clock.now(), sample))

    reading = asyncio.create_task(read())
    try:
        while not queue.empty() or not (over.done() or reading.done()):
            waiting = asyncio.create_task(queue.get())
            await asyncio.wait({waiting, over, reading}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                yield waiting.result()
            else:
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
        await (over if over.done() else reading)
    finally:
        for task in (over, reading):
            task.cancel()
        await asyncio.gather(over, reading, return_exceptions=True)

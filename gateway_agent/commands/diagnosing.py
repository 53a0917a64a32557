"""`diagnose METER`: tries everything between the meter and the backend, and says of each part whether it is well."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from community.clock import Clock, slot_start
from community.errors import CommunityError, FatalError, RetryableError
from community.metering.dlms.hdlc import HdlcDeframer
from community.metering.dlms.telegram import decode_received
from community.metering.dlms.transports import telegram_deframer
from community.metering.dlms.unreadable import UnreadableTelegram
from gateway_agent import diagnosis
from gateway_agent.app import open_meter, open_signer
from gateway_agent.capture import Way
from gateway_agent.capture_taps import SerialTap, errors_between, line_errors, port_trouble
from gateway_agent.cli_text import Terminal, Write, duration, plural
from gateway_agent.clock_state import WatchedHostClock, host_probes
from gateway_agent.commands.sampling import samples_of
from gateway_agent.detection import HELD_MAX, LineSettings, recognise, system_title_of, title_text
from gateway_agent.diagnosis import Finding, LineHeard, Verdict
from gateway_agent.diagnosis_uplink import STEP_TIMEOUT_S, probe_broker, probe_radio, tcp_trouble
from gateway_agent.meter_kinds import as_polled, rerouted
from gateway_agent.meters.serial_line import LineLost
from gateway_agent.profiles import PushTransport
from gateway_agent.protocols.amis_oms5 import AmisReader, decode_amis
from gateway_agent.reading import MeterSample
from gateway_agent.secure_element.signer import SignerUnavailable, key_id_of, self_test
from gateway_agent.settings import (
    AgentSettings,
    DlmsPushSettings,
    LorawanEcw1SinkSettings,
    LorawanSinkSettings,
    MqttSinkSettings,
)
from gateway_agent.settings_meter import SerialPlace, TcpPlace, expected_framings
from gateway_agent.spool import Spool

LOOK_S = 20.0
_POLL_EVERY_S = 2.0
_ENOUGH = 3
_DISK_MIN = 50_000_000
_HISTORY = 12


@dataclass(slots=True)
class _Observed:
    """What a look at the meter gave."""

    samples: list[tuple[float, MeterSample]] = field(default_factory=list)
    """Each with the seconds since the look began."""
    data: bytearray = field(default_factory=bytearray)
    trouble: str = ""

    @property
    def span_s(self) -> float:
        """From the first sample to the last."""
        return self.samples[-1][0] - self.samples[0][0] if self.samples else 0.0


async def diagnose(
    settings: AgentSettings, write: Write, clock: Clock, *, look_s: float = LOOK_S, step_s: float = STEP_TIMEOUT_S
) -> bool:
    """Look at everything; True if nothing is wrong. `step_s`: how long each step of the way out may take."""
    out = Terminal.around(write)
    out.line(f"{settings.meter_name}: listening for up to {look_s:g} s, then the key, the spool and the way out")
    out.line()
    wrong = 0
    async with contextlib.aclosing(_findings(settings, clock, look_s, step_s)) as findings:
        async for finding in findings:
            out.finding(finding)
            wrong += finding.verdict is Verdict.WRONG
    out.line()
    out.line("everything is well" if not wrong else f"{plural(wrong, 'thing')} to put right, the first one first")
    out.document({"meter": settings.meter_name, "ok": not wrong, "findings": out.findings})
    return not wrong


async def _findings(
    settings: AgentSettings, clock: Clock, look_s: float, step_s: float
) -> AsyncGenerator[Finding, None]:
    look = _serial_findings if isinstance(settings.meter.place, SerialPlace) else _network_findings
    async with contextlib.aclosing(look(settings, clock, look_s)) as findings:
        async for finding in findings:
            yield finding
    yield _signer_finding(settings)
    yield _spool_finding(settings, clock)
    match settings.sink:
        case MqttSinkSettings(address=address):
            yield await probe_broker(address, f"{settings.identity.eui_text}-diagnose", step_s)
        case LorawanEcw1SinkSettings(device=device) | LorawanSinkSettings(device=device):
            for finding in await probe_radio(device, settings.identity.eui, step_s):
                yield finding


async def _serial_findings(settings: AgentSettings, clock: Clock, look_s: float) -> AsyncGenerator[Finding, None]:
    place = settings.meter.place
    assert isinstance(place, SerialPlace)
    if trouble := port_trouble(place.port):
        yield Finding("port", Verdict.WRONG, trouble)
        return
    line = LineSettings(place.baud, place.bits)
    before = line_errors(place.port)
    try:
        seen = await _look_at_line(settings, place.port, line, look_s)
    except LineLost as error:
        yield Finding("port", Verdict.WRONG, str(error))
        return
    yield Finding("port", Verdict.OK, f"{place.port} opens at {line}")
    sighting = recognise(bytes(seen.data))
    errors = errors_between(before, line_errors(place.port))
    hints = getattr(settings.meter.profile, "hints", {})
    heard = LineHeard(place.port, line, look_s, sighting, errors)
    expected = expected_framings(settings.meter)
    if not expected:
        yield diagnosis.judge_answers(heard, len(seen.samples), seen.trouble)
        if seen.samples:
            async with contextlib.aclosing(_sample_findings(settings, seen, clock)) as findings:
                async for finding in findings:
                    yield finding
        return
    verdict = diagnosis.judge_line(heard, expected, hints)
    yield verdict
    if seen.samples or (sighting.certain and verdict.verdict is not Verdict.WRONG):
        async with contextlib.aclosing(_content_findings(settings, seen, clock, hints)) as findings:
            async for finding in findings:
                yield finding


async def _content_findings(
    settings: AgentSettings, seen: _Observed, clock: Clock, hints: Mapping[str, str]
) -> AsyncGenerator[Finding, None]:
    titles = _titles(bytes(seen.data))
    refusals = refusals_of(settings, bytes(seen.data)) if not seen.samples else []
    if isinstance(settings.meter, DlmsPushSettings):
        if not seen.samples and not refusals:
            refusals = [seen.trouble or "no telegram is complete"]
        yield diagnosis.judge_key(len(seen.samples), refusals, hints)
    elif not seen.samples:
        yield Finding(
            "content",
            Verdict.WRONG,
            f"whole telegrams come, but none gives a reading by profile {settings.meter.profile.name}",
            "Another profile of the same protocol may fit (`profiles list`); else `capture` a minute for a bug report.",
        )
    if seen.samples:
        async with contextlib.aclosing(_sample_findings(settings, seen, clock)) as findings:
            async for finding in findings:
                yield finding
    elif titles:  # who sends can be told without the key
        expected = settings.serial_expected
        yield diagnosis.judge_serial(titles[0], expected if expected and expected[:3] == titles[0][:3] else None)


async def _network_findings(settings: AgentSettings, clock: Clock, look_s: float) -> AsyncGenerator[Finding, None]:
    place = settings.meter.place
    assert isinstance(place, TcpPlace)
    trouble = await tcp_trouble(place.host, place.port)
    if trouble:
        yield Finding("address", Verdict.WRONG, trouble[0], trouble[1])
        return
    yield Finding("address", Verdict.OK, f"something answers at {place.host}:{place.port}")
    seen = await _look(settings, look_s, _Observed())
    if seen.trouble:
        yield Finding(
            "answers",
            Verdict.WRONG,
            seen.trouble,
            "Check unit (1 to 247) and profile: a meter behind a converter has the unit that is set at the meter; some"
            " meters take one connection only, so stop whoever else reads it.",
        )
    if seen.samples:
        yield Finding("answers", Verdict.OK, f"{plural(len(seen.samples), 'answer')} of {place}")
        async with contextlib.aclosing(_sample_findings(settings, seen, clock)) as findings:
            async for finding in findings:
                yield finding


async def _sample_findings(settings: AgentSettings, seen: _Observed, clock: Clock) -> AsyncGenerator[Finding, None]:
    first, last = seen.samples[0][1], seen.samples[-1][1]
    yield diagnosis.judge_serial(last.meter_serial, settings.serial_expected)
    synchronised = await WatchedHostClock(clock, host_probes(clock)).look()
    yield diagnosis.judge_clock(last, clock.now(), settings.clock_skew_max_s, synchronised)
    yield _history_finding(settings, last) or diagnosis.judge_registers(first, last, seen.span_s)
    if last.meter_error:
        yield Finding("status", Verdict.NOTE, "the meter itself reports an error", "Tell the operator of the meter.")


async def _look_at_line(settings: AgentSettings, port: str, line: LineSettings, look_s: float) -> _Observed:
    seen = _Observed()

    def see(way: Way, data: bytes) -> None:
        if way is Way.IN and len(seen.data) < HELD_MAX:
            seen.data += data

    def lost(reason: str) -> None:
        seen.trouble = reason

    async with SerialTap(port, line, see, lost) as tap:
        return await _look(replace(settings, meter=rerouted(settings.meter, port=tap.near)), look_s, seen)


async def _look(settings: AgentSettings, look_s: float, seen: _Observed) -> _Observed:
    """Samples for `look_s`, or until it is plain that the registers count."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    meter = open_meter(settings)
    every_s = min(_POLL_EVERY_S, look_s / 4)
    try:
        async with asyncio.timeout(look_s), contextlib.aclosing(samples_of(meter, every_s)) as samples:
            async for sample in samples:
                seen.samples.append((loop.time() - begin, sample))
                moved = sample.registers_wh != seen.samples[0][1].registers_wh
                if moved and len(seen.samples) >= _ENOUGH:
                    return seen
    except TimeoutError:
        if not seen.samples and as_polled(meter) is not None:
            seen.trouble = f"no answer in {look_s:g} s"
    except RetryableError as error:
        seen.trouble = str(error)
    return seen


def refusals_of(settings: AgentSettings, data: bytes) -> list[str]:
    """Why each whole telegram in `data` gives no reading."""
    reasons = []
    if isinstance(settings.meter, DlmsPushSettings):
        for decode in _tries(settings.meter, settings.zone, data):
            try:
                decode()
            except UnreadableTelegram as error:
                reasons.append(str(error))
    return reasons


def _tries(meter: DlmsPushSettings, zone: str, data: bytes) -> list[Callable[[], object]]:
    """One decoding for each whole telegram in `data`."""
    transport = meter.profile.transport
    if transport is PushTransport.AMIS:
        frames = [request.frame for request in AmisReader().feed(data) if request.frame is not None]
        return [partial(decode_amis, frame, meter.key, zone) for frame in frames]
    received = telegram_deframer(transport.of_telegrams).feed(data)
    return [partial(decode_received, each, meter.key, zone, meter.auth_key) for each in received]


def _titles(data: bytes) -> list[str]:
    frames = HdlcDeframer().feed(data)
    return sorted({title_text(title) for frame in frames if (title := system_title_of(frame)) is not None})


def _signer_finding(settings: AgentSettings) -> Finding:
    try:
        signer = open_signer(settings)
        self_test(signer, os.urandom(32), allow_insecure_key=settings.allow_insecure_key)
        attributes = signer.attributes()
        key_id = key_id_of(signer.public_key())
    except SignerUnavailable as error:
        return Finding("signer", Verdict.WRONG, str(error), "Plug the secure element in; readings wait in the spool.")
    except CommunityError as error:
        return Finding("signer", Verdict.WRONG, str(error))
    if attributes.development_key:
        return Finding("signer", Verdict.NOTE, f"signs with the development key {key_id}, which can be copied",
                       "Use a secure element where the readings are worth something.")  # fmt: skip
    return Finding("signer", Verdict.OK, f"signs with key {key_id} in {attributes.label}, which cannot be copied")


def _history_finding(settings: AgentSettings, sample: MeterSample) -> Finding | None:
    """What the newest readings on disk tell about a value that does not move."""
    if not settings.spool.exists():
        return None
    try:
        spool = Spool(settings.spool, settings.identity.eui_text)
    except FatalError:
        return None  # told as the spool's own finding
    try:
        readings = spool.newest_readings(_HISTORY)
    finally:
        spool.close()
    return diagnosis.judge_history([each.registers for each in readings], sample.powers_w)


def _spool_finding(settings: AgentSettings, clock: Clock) -> Finding:
    try:
        spool = Spool(settings.spool, settings.identity.eui_text)
    except FatalError as error:
        return Finding("spool", Verdict.WRONG, str(error))
    try:
        status = spool.status()
    finally:
        spool.close()
    free = shutil.disk_usage(settings.spool.parent).free
    if free < _DISK_MIN:
        return Finding(
            "spool",
            Verdict.WRONG,
            f"only {free // 1_000_000} MB are free on the disk of {settings.spool}",
            "Make room.",
        )
    waiting = status.unsigned + status.unacknowledged + status.payloads_waiting
    if status.last_slot is None:
        return Finding("spool", Verdict.OK, "ready, no reading yet")
    age = duration((clock.now() - slot_start(status.last_slot)).total_seconds())
    what = f"{plural(status.readings, 'reading')}, the newest {age} old, {waiting} not acknowledged"
    return Finding("spool", Verdict.OK if waiting < 96 else Verdict.NOTE, what,
                   "" if waiting < 96 else "A day or more waits: look at the way out below.")  # fmt: skip

"""Whether our own clock is right: asked of whatever keeps it, without the kernel's own call, which not every system has.

Three that may know are asked in turn: the time service of systemd, chrony, and any time server over SNTP (RFC 4330).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path

import structlog

from community.clock import Clock

log = structlog.get_logger(__name__)

REFRESH = timedelta(minutes=5)
ANSWER_S = 5.0
OFFSET_MAX_S = 2.0
"""A clock within this of a time server is good enough for quarter-hours."""
_TIMESYNC_MARK = Path("/run/systemd/timesync/synchronized")
_NTP_EPOCH_S = 2_208_988_800
_ANSWER_SIZE = 48
_CLIENT_V4 = bytes([0b00_100_011]) + bytes(_ANSWER_SIZE - 1)
_NOT_SYNCHRONISED = 3
_SERVER_MODE = 4
_CHRONY_LEAP = 13

Probe = Callable[[], Awaitable[bool | None]]
"""True or False if it knows, None if it does not."""


class WatchedHostClock:
    """The state that the probes found last; None until one of them knew."""

    def __init__(self, clock: Clock, probes: Sequence[Probe]) -> None:
        self._clock = clock
        self._probes = probes
        self._synchronised: bool | None = None

    @property
    def synchronised(self) -> bool | None:
        """Whether a time server confirms our clock; None = nobody knows."""
        return self._synchronised

    async def look(self) -> bool | None:
        """Ask now: the first that knows is believed."""
        found: bool | None = None
        for probe in self._probes:
            found = await probe()
            if found is not None:
                break
        if found is not self._synchronised:
            log.info("host_clock_state", synchronised=found)
        self._synchronised = found
        return found

    async def run(self) -> None:
        """Ask again and again, for ever."""
        while True:
            await self.look()
            await self._clock.sleep_until(self._clock.now() + REFRESH)


def host_probes(clock: Clock, time_server: str | None = None) -> list[Probe]:
    """What can be asked on this machine, and `time_server` ("host" or "host:port") if there is one."""
    probes: list[Probe] = [ask_systemd, ask_chrony]
    if time_server is not None:
        host, _, port = time_server.partition(":")
        probes.append(lambda: ask_time_server(host, int(port or 123), clock))
    return probes


async def ask_systemd() -> bool | None:
    """systemd-timesyncd leaves a mark; timedatectl knows of other services as well."""
    if _TIMESYNC_MARK.exists():  # noqa: ASYNC240 - in memory, at once
        return True
    said = await _output("timedatectl", "show", "--property=NTPSynchronized", "--value")
    return {"yes": True, "no": False}.get(said)


async def ask_chrony() -> bool | None:
    """The leap status of `chronyc -c tracking`."""
    return chrony_state(await _output("chronyc", "-c", "tracking"))


def chrony_state(line: str) -> bool | None:
    """What a line of `chronyc -c tracking` says."""
    fields = line.split(",")
    if len(fields) <= _CHRONY_LEAP:
        return None
    return fields[_CHRONY_LEAP] != "Not synchronised"


async def ask_time_server(host: str, port: int, clock: Clock) -> bool | None:
    """Whether our clock is within OFFSET_MAX_S of the server's; None if it does not answer."""
    offset_s = await sntp_offset_s(host, port, clock)
    return None if offset_s is None else abs(offset_s) <= OFFSET_MAX_S


async def sntp_offset_s(host: str, port: int, clock: Clock) -> float | None:
    """Seconds that the server's clock is ahead of ours; None if no usable answer came in time."""
    answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    try:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _OneAnswer(answer), remote_addr=(host, port)
        )
    except OSError:
        return None
    try:
        sent_at = clock.now().timestamp()
        transport.sendto(_CLIENT_V4)
        async with asyncio.timeout(ANSWER_S):
            server_s = parse_sntp(await answer)
        return None if server_s is None else server_s - (sent_at + clock.now().timestamp()) / 2
    except (OSError, TimeoutError):
        return None
    finally:
        transport.close()


def parse_sntp(answer: bytes) -> float | None:
    """The transmit time in a server's answer as unix seconds; None if it is no answer of a server that knows the time."""
    if len(answer) < _ANSWER_SIZE:
        return None
    leap, mode, stratum = answer[0] >> 6, answer[0] & 7, answer[1]
    if leap == _NOT_SYNCHRONISED or mode != _SERVER_MODE or not 1 <= stratum <= 15:
        return None
    seconds, fraction = int.from_bytes(answer[40:44]), int.from_bytes(answer[44:48])
    if seconds == 0:
        return None
    if seconds < 2**31:  # the era that begins in 2036
        seconds += 2**32
    return float(seconds - _NTP_EPOCH_S) + fraction / 2**32


class _OneAnswer(asyncio.DatagramProtocol):
    def __init__(self, answer: asyncio.Future[bytes]) -> None:
        self._answer = answer

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:  # noqa: ARG002 - connected: it is the server
        if not self._answer.done():
            self._answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self._answer.done():
            self._answer.set_exception(exc)


async def _output(*command: str) -> str:
    """What a command prints; nothing if it is not there, fails, or hangs."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError:
        return ""
    try:
        async with asyncio.timeout(ANSWER_S):
            said, _ = await process.communicate()
    except TimeoutError:
        return ""
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return said.decode("utf-8", "replace").strip() if process.returncode == 0 else ""

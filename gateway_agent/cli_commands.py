"""From parsed words to commands: the part of the command line that needs meters, ports and keys."""

from argparse import Namespace
from collections.abc import AsyncGenerator
from typing import TextIO

from community.clock import Clock
from community.errors import FatalError
from gateway_agent.cli_text import Terminal
from gateway_agent.commands import (
    checking,
    detecting,
    key_changes,
    keys,
    profiles,
    reading,
    recording,
    scanning,
    spooling,
)
from gateway_agent.meters.mbus_line import MbusLink, MbusSerialLink, MbusTcpLink
from gateway_agent.meters.modbus_link import ModbusLink, rtu_link, tcp_link
from gateway_agent.settings import AgentSettings


async def on_the_meter(options: Namespace, settings: AgentSettings, out: Terminal, clock: Clock) -> None:
    """Commands that talk to the configured meter or the broker."""
    match options.action:
        case "read":
            await reading.read_once(settings, out, timeout_s=options.seconds)
        case "watch":
            await reading.watch(settings, out, every_s=options.every, count=options.count)
        case "capture":
            with _new_file(options) as into:
                await recording.capture(settings, out, clock, into, look_s=options.seconds)
            out.line(f"written to {options.out}")
        case "replay":
            await recording.replay(settings, out, recording.load_capture(options.file), real_time=options.real_time)
        case "spool":
            await spooling.drain_spool(settings, out, clock, timeout_s=options.seconds)
        case action:
            raise AssertionError(f"the parser let {action} through")


def on_the_device(options: Namespace, settings: AgentSettings, out: Terminal) -> None:
    """Commands about configuration, key and disk."""
    match options.action, getattr(options, "detail", None):
        case "check", _:
            checking.check_configuration(settings, out)
        case "key", "init":
            keys.create_key(settings, out)
        case "key", "show":
            keys.show_key(settings, out)
        case "key", "csr":
            keys.request_certificate(settings, out)
        case "key", "prove":
            keys.prove_key(settings, options.nonce, options.hardware, out)
        case "spool", "status":
            spooling.show_spool(settings, out)
        case action:
            raise AssertionError(f"the parser let {action} through")


async def on_the_keys(options: Namespace, settings: AgentSettings, out: Terminal, clock: Clock) -> None:
    """Commands that bring keys to the backend."""
    if options.detail == "register":
        await key_changes.register(settings, out, clock, options.hardware)
    else:
        await key_changes.rotate(settings, out, clock, options.to, only_print=options.only_print)


def on_profiles(options: Namespace, out: Terminal) -> None:
    """Commands about profiles."""
    match options.detail:
        case "list":
            profiles.list_profiles(out)
        case "show":
            profiles.show_profile(options.name, out)
        case _:
            profiles.check_profile(options.file, out)


async def on_a_line(options: Namespace, out: Terminal) -> None:
    """Commands that need no configuration."""
    match options.action, getattr(options, "detail", None):
        case "detect", _:
            await detecting.detect(
                options.port, out, listen_s=options.seconds, ask=not options.listen_only, every=options.every
            )
        case "scan", "modbus":
            await scanning.scan_modbus(_units(options), out)
        case "scan", _:
            first, last = options.addresses
            link = _mbus_link(options)
            mask = options.secondary
            await scanning.scan_mbus_bus(
                link, out, secondary=mask is not None, first=first, last=last, mask=mask or "F" * 16
            )
        case _:
            await scanning.show_sunspec(_modbus_link(options, options.unit), out)


async def _units(options: Namespace) -> AsyncGenerator[tuple[int, ModbusLink], None]:
    first, last = options.units
    for unit in range(first, last + 1):
        yield unit, _modbus_link(options, unit)


def _modbus_link(options: Namespace, unit: int) -> ModbusLink:
    if _is_serial(options.host):
        try:
            return rtu_link(options.host, unit, options.baud, options.format, options.timeout)
        except ValueError as error:
            raise FatalError(str(error)) from error
    host, port = _host_and_port(options.host, 502)
    return tcp_link(host, port, unit, options.timeout)


def _mbus_link(options: Namespace) -> MbusLink:
    if _is_serial(options.port):
        return MbusSerialLink(options.port, options.baud)
    host, port = _host_and_port(options.port, None)
    return MbusTcpLink(host, port, options.baud)


def _is_serial(place: str) -> bool:
    return place.startswith(("/", "."))


def _host_and_port(place: str, usual: int | None) -> tuple[str, int]:
    host, _, port = place.rpartition(":") if ":" in place else (place, "", "")
    if not port and usual is not None:
        return place.rstrip(":"), usual
    if not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise FatalError(f"{place!r} is no host:port; a serial port begins with /dev/")
    return host, int(port)


def _new_file(options: Namespace) -> TextIO:
    try:
        file: TextIO = options.out.open("x", encoding="utf-8")
    except FileExistsError:
        raise FatalError(f"{options.out} exists already; a capture never overwrites one.") from None
    except OSError as error:
        raise FatalError(f"{options.out} cannot be written: {error.strerror}") from error
    return file

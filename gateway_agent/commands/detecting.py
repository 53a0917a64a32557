"""`detect PORT`: tries the usual line settings and shows what speaks on the line. Needs no configuration and no key."""

import asyncio

from community.errors import RetryableError
from gateway_agent.capture_taps import errors_between, line_errors, open_line, port_trouble
from gateway_agent.cli_text import Terminal, Write, grouped
from gateway_agent.detection import HELD_MAX, TRIED, Framing, LineSettings, Sighting, best, recognise
from gateway_agent.diagnosis import LineErrors
from gateway_agent.meters.serial_line import LineLost
from gateway_agent.profiles import (
    DlmsPushProfile,
    DsmrP1Profile,
    Iec62056Profile,
    MbusProfile,
    MeterProfile,
    PushTransport,
    SmlProfile,
    load_profile,
    profile_names,
)

LISTEN_S = 6.0
"""Longer than the slowest meter that pushes every 5 s; one that pushes every minute needs --seconds 70."""
_SIGN_ON = b"/?!\r\n"
"""IEC 62056-21, 6.3.1: every meter of that kind answers with its name. Harmless to others."""
_ENOUGH = 3


class NothingRecognised(RetryableError):
    """No setting gave anything that makes sense."""


async def detect(port: str, write: Write, *, listen_s: float = LISTEN_S, ask: bool = True, every: bool = False) -> None:
    """Listen with each setting; stop at the first that makes sense unless `every`. `ask`: say /?! at 300 Bd.

    Raises LineLost, NothingRecognised.
    """
    out = Terminal.around(write)
    if trouble := port_trouble(port):
        raise LineLost(trouble)
    out.line(f"{port}: up to {listen_s:g} s with each setting")
    out.line()
    out.line(f"{'line':<12} {'bytes':>7}  what it shows")
    seen: list[tuple[LineSettings, Sighting]] = []
    for settings in TRIED:
        before = line_errors(port)
        data = await _listen(port, settings, listen_s, _SIGN_ON if ask and settings.baud == 300 else b"")
        sighting = recognise(data)
        seen.append((settings, sighting))
        errors = errors_between(before, line_errors(port))
        out.line(f"{settings!s:<12} {grouped(sighting.size):>7}  {sighting.sentence()}{_errors_text(errors)}")
        if sighting.certain and not every:
            break
    _conclude(out, port, seen)


def _conclude(out: Terminal, port: str, seen: list[tuple[LineSettings, Sighting]]) -> None:
    found = best(seen)
    fitting = [] if found is None else profiles_for(*found)
    out.document(
        {
            "port": port,
            "found": None if found is None else {"line": str(found[0]), "framing": found[1].framing.name.lower()},
            "profiles": fitting,
            "tried": [
                {"line": str(line), "bytes": each.size, "framing": each.framing.name.lower(), "whole": each.whole,
                 "damaged": each.damaged, "detail": each.detail}
                for line, each in seen
            ],
        }
    )  # fmt: skip
    out.line()
    if found is None:
        raise NothingRecognised(_nothing_text(port, seen))
    out.line(f"found          {found[1].framing.value} at {found[0]}")
    if fitting:
        out.line(f"profiles       {', '.join(fitting)}")
        out.line("next           put this into the configuration, then `diagnose` it:")
        out.line()
        for line in ("[[meter]]", 'name = "..."', f'profile = "{fitting[0]}"', f'port = "{port}"'):
            out.line(f"    {line}")
    else:
        out.line("next           no profile fits: `capture` a minute of it and ask for one")


def _nothing_text(port: str, seen: list[tuple[LineSettings, Sighting]]) -> str:
    if all(each.framing is Framing.SILENCE for _, each in seen):
        return (
            f"Nothing comes from {port}. Is the interface activated by the operator, the head the right way up (its cable"
            " usually points down) and centred? A meter that sends once a minute needs --seconds 70."
        )
    return (
        f"Bytes come from {port}, but with no usual setting do they make sense. Does light fall into the head, or does"
        " another program use the port?"
    )


def profiles_for(line: LineSettings, sighting: Sighting) -> list[str]:
    """Profiles that are read with this framing, those with just these line settings first."""
    if sighting.framing not in _KINDS:
        return []
    kind, transport = _KINDS[sighting.framing]
    fitting = []
    for name in profile_names():
        profile = load_profile(name)
        if isinstance(profile, kind) and getattr(profile, "transport", None) is transport:
            same = (getattr(profile, "baud", None), getattr(profile, "format", None)) == (line.baud, line.bits)
            fitting.append((not same, name))
    same_line = [name for is_other, name in sorted(fitting) if not is_other]
    return same_line or [name for _, name in sorted(fitting)]


_KINDS: dict[Framing, tuple[type[MeterProfile], PushTransport | None]] = {
    Framing.DLMS_HDLC: (DlmsPushProfile, PushTransport.HDLC),
    Framing.DLMS_MBUS: (DlmsPushProfile, PushTransport.MBUS),
    Framing.DLMS_BARE: (DlmsPushProfile, PushTransport.RAW),
    Framing.AMIS: (DlmsPushProfile, PushTransport.AMIS),
    Framing.MBUS: (MbusProfile, None),
    Framing.SML: (SmlProfile, None),
    Framing.DSMR_P1: (DsmrP1Profile, None),
    Framing.IEC_62056_21: (Iec62056Profile, None),
}


async def _listen(port: str, settings: LineSettings, listen_s: float, question: bytes) -> bytes:
    """What comes in `listen_s`; less if enough whole telegrams came before."""
    heard = bytearray()
    line = await open_line(port, settings)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + listen_s
    try:
        if question:
            await line.write(question)
        while (left_s := deadline - loop.time()) > 0 and len(heard) < HELD_MAX:
            heard += await line.read(min(left_s, 0.5))
            if recognise(bytes(heard)).whole >= _ENOUGH:
                break
    finally:
        await line.__aexit__(None, None, None)
    return bytes(heard)


def _errors_text(errors: LineErrors | None) -> str:
    if errors is None or not (errors.framing or errors.parity):
        return ""
    return f" ({errors.framing} framing, {errors.parity} parity errors)"

"""`inbox list|adopt|replay`: frames of devices that nobody knew, and others that were refused, judged again."""

import argparse
from datetime import timedelta
from typing import Any

from community.attestation.reasons import Reason
from community.errors import FatalError
from community.runtime.system_clock import SystemClock
from community.runtime.terminal import Terminal, plural
from community.store.devices import load_device
from community.store.inbox import INBOX_KEPT, REGISTRY_BEHIND, ReplayChoice, waiting
from community.store.onboarding import advance
from ingest.books import Books, open_books
from ingest.cli import EXIT_FOUND_WRONG, Options, add_command, add_group
from ingest.judging import Judge
from ingest.replay import Replayed, enter_what_came_by_radio, replay
from ingest.uplinks import eui_or_none


def add_to(commands: Any) -> None:
    """The parser of this group."""
    group = add_group(commands, "inbox", "frames that wait because the registry did not know their device or key")
    add_command(group, "list", "show what waits, by device and reason", _list)
    adopt = add_command(group, "adopt", "judge what waits of a device again, now that it is registered", _adopt)
    adopt.add_argument("eui", help="its 16 hexadecimal digits")
    again = add_command(group, "replay", "judge refused frames again, for example after an error was mended", _replay)
    again.add_argument("--device", help="only of this device, 16 hexadecimal digits")
    again.add_argument(
        "--reason",
        action="append",
        default=[],
        choices=[reason.value for reason in Reason],
        metavar="REASON",
        help="only what was refused for it, such as intake_failed; may be given several times",
    )
    again.add_argument("--frame", help="only this frame, by its digest")
    again.add_argument("--days", type=_days, help="only what came in so many days")


def _days(text: str) -> timedelta:
    days = int(text)
    if not 0 < days <= 36_500:
        raise argparse.ArgumentTypeError("days must be between 1 and 36500")
    return timedelta(days=days)


async def _list(_options: Options, out: Terminal) -> None:
    async with open_books() as books, books.store.read() as work:
        found = await waiting(work, SystemClock().now())
    if found:
        out.table(
            ("device", "name", "frames", "first", "last", "reason"),
            [
                (
                    one.device_eui,
                    one.device_name or "not registered",
                    str(one.frames),
                    f"{one.first_at:%Y-%m-%d %H:%M}",
                    f"{one.last_at:%Y-%m-%d %H:%M}",
                    one.reason,
                )
                for one in found
            ],
            right=(2,),
        )
        out.line()
        out.line(f"Each waits {INBOX_KEPT.days} days. Register the device, then: python -m ingest inbox adopt EUI")
    else:
        out.line("Nothing waits.")
    out.document(
        [
            {
                "device": one.device_eui,
                "name": one.device_name,
                "reason": one.reason,
                "frames": one.frames,
                "bytes": one.bytes,
                "first_at": one.first_at.isoformat(),
                "last_at": one.last_at.isoformat(),
                "adoptable_until": one.adoptable_until.isoformat(),
            }
            for one in found
        ]
    )


async def _adopt(options: Options, out: Terminal) -> int:
    eui = _checked_eui(options.eui)
    async with open_books() as books:
        async with books.store.read() as work:
            device = await load_device(work, eui, books.column_keys)
        if device is None:
            raise FatalError(f"Device {eui} is not registered: `python -m ingest device add {eui}` or import it first.")
        since = SystemClock().now() - INBOX_KEPT
        reasons = tuple(reason.value for reason in REGISTRY_BEHIND)
        code = await _again(books, out, ReplayChoice(device_eui=eui, reasons=reasons, received_since=since))
        judge = Judge(books.column_keys, books.zone, books.boundary_tolerance)
        if await enter_what_came_by_radio(books.store, judge, SystemClock(), eui):
            out.line("what had come by radio is on the books")
        async with books.store.begin() as work:
            await advance(work, device.id, SystemClock().now())
        return code


async def _replay(options: Options, out: Terminal) -> int:
    if not (options.device or options.reason or options.frame or options.days):
        raise FatalError("Say what to judge again: --device, --reason, --frame or --days.")
    eui = None if options.device is None else _checked_eui(options.device)
    since = None if options.days is None else SystemClock().now() - options.days
    async with open_books() as books:
        return await _again(books, out, ReplayChoice(eui, tuple(options.reason), options.frame, since))


async def _again(books: Books, out: Terminal, choice: ReplayChoice) -> int:
    judge = Judge(books.column_keys, books.zone, books.boundary_tolerance)
    done = await replay(
        books.store, judge, SystemClock(), choice, lambda count: out.line(f"{plural(count, 'frame')} judged")
    )
    _tell(done, out)
    return EXIT_FOUND_WRONG if done.reasons else 0


def _tell(done: Replayed, out: Terminal) -> None:
    if not done.frames:
        out.line("There is no such frame with an open entry in the quarantine.")
    out.rows([(verdict, str(count)) for verdict, count in sorted(done.verdicts.items())])
    for reason, count in done.reasons.most_common():
        out.line(f"{plural(count, 'frame')} refused again as {reason}: {Reason(reason).sentence}")
    if done.readings_refused:
        out.line(f"{plural(done.readings_refused, 'reading')} in admitted frames refused: see the quarantine")
    out.document(
        {
            "frames": done.frames,
            "verdicts": dict(done.verdicts),
            "refused": dict(done.reasons),
            "readings_refused": done.readings_refused,
        }
    )


def _checked_eui(text: str) -> str:
    eui = eui_or_none(text)
    if eui is None:
        raise FatalError(f"{text!r} is no device EUI: it has 16 hexadecimal digits.")
    return eui

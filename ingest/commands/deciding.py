"""What every deciding command of `device` shares: who decides and why, the device it is about, and its outcome."""

import argparse
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from community.attestation.sealing import SECRET_SIZE
from community.errors import FatalError
from community.ids import named_id
from community.runtime.system_clock import SystemClock
from community.runtime.terminal import Terminal
from community.store.decisions import Decided, NotFound, NotPossible, Outcome
from community.store.devices import device_id_by_eui
from community.store.onboarding import Told
from community.store.unit_of_work import Work
from ingest.books import open_books
from ingest.cli import Command, Options, add_command
from ingest.uplinks import eui_or_none

Decide = Callable[[Work, str, Told, datetime], Awaitable[Outcome]]


class Refused(FatalError):
    """The decision does not stand; the sentence says what to do."""


def add_decision(group: Any, name: str, text: str, command: Command) -> argparse.ArgumentParser:
    """A command about one device that leaves an entry in the audit trail."""
    parser = add_command(group, name, text, command)
    parser.add_argument("eui", help="the device's 16 hexadecimal digits")
    add_who_and_why(parser)
    return parser


def add_who_and_why(parser: argparse.ArgumentParser) -> None:
    """What every decision says."""
    parser.add_argument("--by", required=True, metavar="WHO", help="who decides: it stands in the audit trail")
    parser.add_argument("--reason", required=True, metavar="WHY", help="why: it stands in the audit trail")


def told_of(options: Options) -> Told:
    """Who and why, with a key of its own."""
    if not options.by.strip() or not options.reason.strip():
        raise FatalError("Say who decides (--by) and why (--reason): both stand in the audit trail.")
    now = SystemClock().now()
    return Told(
        options.by.strip(), options.reason.strip(), named_id("cmd", options.by, options.reason, now.isoformat())
    )


async def carry_out(options: Options, out: Terminal, decide: Decide, *, quiet: bool = False) -> str:
    """Decide in one unit of work. Returns the device's id. Raises Refused with what to do."""
    told, now = told_of(options), SystemClock().now()
    async with open_books() as books, books.store.begin() as work:
        device = await device_id_of(work, options.eui)
        settle(await decide(work, device, told, now), options.eui)
    if not quiet:
        out.line(f"done: {options.eui}; `python -m ingest device show {options.eui}` says how it stands")
        out.document({"device": device, "done": True})
    return device


def settle(outcome: Outcome, named: str) -> None:
    """Raise Refused, which takes the unit of work back, unless the decision stands."""
    match outcome:
        case NotFound():
            raise Refused(f"There is no {named} on the books.")
        case NotPossible(sentence):
            raise Refused(sentence)
        case Decided():
            return


async def device_id_of(work: Work, eui: str) -> str:
    """The id of the device with this EUI. Raises FatalError."""
    found = await device_id_by_eui(work, eui_of(eui))
    if found is None:
        raise FatalError(f"There is no device {eui}. `python -m ingest device list` shows all.")
    return found


def eui_of(text: str) -> str:
    """`text` as an EUI in lower case. Raises FatalError."""
    eui = eui_or_none(text)
    if eui is None:
        raise FatalError(f"{text!r} is no device EUI: it has 16 hexadecimal digits.")
    return eui


def bytes_of(text: str, what: str) -> bytes:
    """The bytes that `text` writes in hexadecimal digits. Raises FatalError."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise FatalError(f"The {what} must be written in hexadecimal digits.") from None


def secret_of(path: str | None, size: int = SECRET_SIZE) -> bytes | None:
    """The secret of `size` bytes in a file, in hexadecimal digits; never on the command line, where others see it.

    Raises FatalError.
    """
    if path is None:
        return None
    try:
        secret = bytes.fromhex(Path(path).read_text().strip())
    except OSError as error:
        raise FatalError(f"The secret cannot be read from {path}: {error.strerror}.") from error
    except ValueError:
        raise FatalError(f"The secret in {path} must be {2 * size} hexadecimal digits.") from None
    if len(secret) != size:
        raise FatalError(
            f"The secret in {path} has {len(secret)} bytes; it must have {size}, {2 * size} hexadecimal digits."
        )
    return secret

"""`meter exchange|exchanges`: a meter that took another one's place, with the registers that were read off at both."""

import argparse
import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

from community.clock import as_utc
from community.errors import FatalError
from community.runtime.system_clock import SystemClock
from community.runtime.terminal import Terminal
from community.store.devices import metering_point_id_by_code
from community.store.exchange_records import ExchangeRecord, record_exchange
from community.store.exchanges import exchanges_at
from ingest.books import open_books
from ingest.cli import Options, add_command, add_group
from ingest.commands.deciding import add_who_and_why, eui_of, settle, told_of


def add_to(commands: Any) -> None:
    """The parser of this group."""
    group = add_group(commands, "meter", "meters that were exchanged")
    record = add_command(group, "exchange", "record that another meter took the place of the one there", _record)
    record.add_argument("point", help="the metering point's code")
    record.add_argument("serial", help="the new meter's serial number, as it is on file")
    record.add_argument("--at", type=_instant, required=True, help="when it was put in: 2026-11-02T10:07Z")
    record.add_argument(
        "--register",
        type=_register,
        action="append",
        required=True,
        metavar="OBIS=FINAL:INITIAL",
        help="Wh at which the old meter's register ended and the new one's began; once for every register",
    )
    record.add_argument(
        "--protocol", required=True, metavar="FILE", help="the signed protocol or a photograph: its SHA-256 is kept"
    )
    record.add_argument("--device", metavar="EUI", help="the device that reads the new meter; the same one by default")
    record.add_argument("--factor", type=int, help="of the new transformers; as before by default")
    record.add_argument("--max-power-w", type=int, help="what can flow there now; as before by default")
    add_who_and_why(record)
    listed = add_command(group, "exchanges", "show the exchanges at a metering point", _list)
    listed.add_argument("point", help="its code")


def _instant(text: str) -> datetime:
    try:
        return as_utc(datetime.fromisoformat(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}: write it as 2026-11-02T10:07Z") from error


def _register(text: str) -> tuple[str, tuple[int, int]]:
    obis, _, values = text.partition("=")
    final, _, initial = values.partition(":")
    if not (obis and final.isdecimal() and initial.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r}: write it as 1-0:2.8.0=123456:0, whole Wh")
    return obis, (int(final), int(initial))


def _digest_of(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise FatalError(f"The protocol cannot be read from {path}: {error.strerror}.") from error


async def _record(options: Options, out: Terminal) -> None:
    told = told_of(options)
    try:
        record = ExchangeRecord(
            options.point,
            options.at,
            options.serial,
            dict(options.register),
            _digest_of(options.protocol),
            None if options.device is None else eui_of(options.device),
            options.factor,
            options.max_power_w,
        )
    except ValueError as error:
        raise FatalError(f"This is no exchange: {error}.") from error
    async with open_books() as books, books.store.begin() as work:
        settle(await record_exchange(work, record, told, SystemClock().now()), options.point)
    out.line(f"meter {record.new_serial} is at {record.metering_point_code} from {record.at:%Y-%m-%d %H:%M} UTC on")
    out.line("Readings of it that were refused before: `python -m ingest inbox replay` judges them again.")
    out.document({"metering_point": record.metering_point_code, "meter": record.new_serial, "done": True})


async def _list(options: Options, out: Terminal) -> None:
    async with open_books() as books, books.store.read() as work:
        point = await metering_point_id_by_code(work, options.point)
        if point is None:
            raise FatalError(f"There is no metering point {options.point} on the books.")
        found = await exchanges_at(work, point)
    out.table(
        ("when", "register", "old meter ended at", "new meter began at", "protocol"),
        [
            (
                f"{one.exchange.at:%Y-%m-%d %H:%M} UTC",
                one.obis,
                f"{one.exchange.final_wh} Wh",
                f"{one.exchange.initial_wh} Wh",
                one.protocol_digest[:16],
            )
            for one in found
        ],
    )
    out.document(
        [
            {
                "at": one.exchange.at.isoformat(),
                "register": one.obis,
                "final_wh": one.exchange.final_wh,
                "initial_wh": one.exchange.initial_wh,
                "protocol": one.protocol_digest,
            }
            for one in found
        ]
    )

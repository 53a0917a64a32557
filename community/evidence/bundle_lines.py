"""An evidence bundle as lines of JSON, written one by one and read back with a limit on everything.

The last line says how many lines there are and what they hash to: a download that broke off shows. Who alters a bundle can
alter that, too; what proves anything are the signatures and the chain.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from community.evidence.records import (
    FORMAT,
    Body,
    Configured,
    Correction,
    Debt,
    DeviceKey,
    End,
    Head,
    Installation,
    Reading,
    Record,
    Settlement,
    ShareTable,
    Statement,
)

LINE_MAX = 4 << 20
"""Bytes: a settlement of 500 holders in a batch of many."""
LINES_MAX = 10_000_000

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER = msgspec.json.Decoder(Record)


class MalformedBundle(ValueError):
    """A file that is no whole evidence bundle. The text says where, and what to do."""


def lines_of(records: Iterable[Head | Body]) -> Iterator[bytes]:
    """The lines of a bundle, each with its line feed, the end included. `records` begin with the head."""
    writer = LineWriter()
    for record in records:
        yield writer.line(record)
    yield writer.end()


class LineWriter:
    """Makes lines, and remembers what the end must say."""

    def __init__(self) -> None:
        self._count = 0
        self._digest = hashlib.sha256()

    def line(self, record: Head | Body) -> bytes:
        """The bytes of one record. The same record gives the same bytes."""
        encoded = _ENCODER.encode(record) + b"\n"
        self._count += 1
        self._digest.update(encoded)
        return encoded

    def end(self) -> bytes:
        """The last line."""
        return _ENCODER.encode(End(self._count, self._digest.hexdigest())) + b"\n"


@dataclass(slots=True)
class Bundle:
    """A bundle as it was read: its form is right, nothing of it is proven. Ids stand once each."""

    head: Head
    keys: dict[tuple[str, int], DeviceKey] = field(default_factory=dict)
    """By the device's EUI and the key's number."""
    installations: list[Installation] = field(default_factory=list)
    tables: dict[str, ShareTable] = field(default_factory=dict)
    configured: list[Configured] = field(default_factory=list)
    debts: list[Debt] = field(default_factory=list)
    corrections: list[Correction] = field(default_factory=list)
    statements: dict[str, Statement] = field(default_factory=dict)
    readings: dict[str, Reading] = field(default_factory=dict)
    settlements: list[Settlement] = field(default_factory=list)

    def add(self, record: Body) -> None:
        """Take one more record in. Raises MalformedBundle for an id that stands twice."""
        match record:
            case DeviceKey():
                _once(self.keys, (record.device_eui, record.number), record)
            case Installation():
                self.installations.append(record)
            case ShareTable():
                _once(self.tables, record.id, record)
            case Configured():
                self.configured.append(record)
            case Debt():
                self.debts.append(record)
            case Correction():
                self.corrections.append(record)
            case Statement():
                _once(self.statements, record.digest, record)
            case Reading():
                _once(self.readings, record.id, record)
            case Settlement():
                self.settlements.append(record)


def read_bundle(lines: Iterable[bytes]) -> Bundle:
    """The bundle in `lines` (with or without their line feeds). Raises MalformedBundle."""
    digest, bundle, end, number = hashlib.sha256(), None, None, 0
    for number, line in enumerate(lines, start=1):
        if end is not None:
            raise MalformedBundle(f"line {number} stands behind the end of the bundle")
        if number > LINES_MAX or len(line) > LINE_MAX:
            raise MalformedBundle(f"line {number} is longer, or further down, than a bundle can be")
        record = _decoded(number, line)
        if bundle is None:
            bundle = Bundle(_head(record))
        elif isinstance(record, End):
            end = record
            continue
        elif isinstance(record, Head):
            raise MalformedBundle(f"line {number}: a second bundle begins; check each file by itself")
        else:
            bundle.add(record)
        digest.update(line.rstrip(b"\r\n") + b"\n")
    if bundle is None or end is None:
        raise MalformedBundle("the file has no end: the download broke off. Download it again")
    if (end.lines, end.sha256) != (number - 1, digest.hexdigest()):
        raise MalformedBundle("the file is not as it was written: lines were changed, added or lost. Download it again")
    return bundle


def _decoded(number: int, line: bytes) -> Record:
    try:
        record: Record = _DECODER.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedBundle(f"line {number} is no record of an evidence bundle: {error}") from error
    return record


def _head(record: Record) -> Head:
    if not isinstance(record, Head):
        raise MalformedBundle("the first line must say what the bundle is about")
    if record.format != FORMAT:
        raise MalformedBundle(f"the bundle is of the format {record.format!r}; this checker reads {FORMAT!r}")
    return record


def _once(known: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    if key in known:
        raise MalformedBundle(f"{key} stands twice in the bundle")
    known[key] = value

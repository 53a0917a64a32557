"""The counters in a small file beside the spool: they survive that the spool itself is put back from a backup.

Two records of fixed size are overwritten in turn and flushed, so that a power cut spoils at most the one that was being
written, and a full disk none: no space is ever asked for after the first writing.
"""

import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

BLOCK = 64
"""Message counters are reserved by so many; a restart leaves the rest of its block unused."""
_RECORD = struct.Struct(">8sQQQ")
_CRC = struct.Struct(">I")
_MAGIC = b"ECCOUNT1"
_SIZE = 64


@dataclass(frozen=True, slots=True)
class Counters:
    """The highest counters that may ever have been used."""

    message: int = 0
    statement: int = 0


class CounterFile:
    """The file at `path`. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sequence = 0
        self.counters = Counters()
        self.reload()

    def reload(self) -> Counters:
        """What the file says now; nothing where there is none, or neither record is whole."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            content = b""
        for at in (0, _SIZE):
            record = _parsed(content[at : at + _SIZE])
            if record is not None and record[0] > self._sequence:
                self._sequence, message, statement = record
                self.counters = Counters(message, statement)
        return self.counters

    def raise_to(self, *, message: int = 0, statement: int = 0) -> None:
        """Remember at least these, on disk when it returns. A counter never falls."""
        known = self.reload()
        wanted = Counters(max(known.message, message), max(known.statement, statement))
        if wanted == known and self._sequence:
            return
        self._sequence += 1
        body = _RECORD.pack(_MAGIC, self._sequence, wanted.message, wanted.statement)
        record = (body + _CRC.pack(zlib.crc32(body))).ljust(_SIZE, b"\0")
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(descriptor).st_size < 2 * _SIZE:
                os.pwrite(descriptor, bytes(2 * _SIZE), 0)
            os.pwrite(descriptor, record, _SIZE * (self._sequence % 2))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self.counters = wanted


def _parsed(record: bytes) -> tuple[int, int, int] | None:
    """(sequence, message counter, statement counter) of a whole record."""
    body, crc = record[: _RECORD.size], record[_RECORD.size : _RECORD.size + _CRC.size]
    if len(crc) < _CRC.size or zlib.crc32(body) != _CRC.unpack(crc)[0]:
        return None
    magic, sequence, message, statement = _RECORD.unpack(body)
    return (sequence, message, statement) if magic == _MAGIC else None

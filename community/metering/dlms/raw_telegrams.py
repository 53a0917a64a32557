"""Telegrams without any frame around them: a stream of APDUs, each as long as its own content says.

A ciphered APDU states its length; a plain one ends with its last value. Nothing protects a plain APDU: an altered digit
in it is a wrong reading that no reader can notice. Blocks of a block transfer come through as well.
"""

from community.metering.dlms.axdr import AxdrReader
from community.metering.dlms.block_transfer import BLOCKS_MAX, GENERAL_BLOCK_TRANSFER, BlockJoiner
from community.metering.dlms.ciphering import GENERAL_GLO_CIPHERING, SECURITY_CONTROLS, TITLE_SIZE
from community.metering.dlms.notification import DATA_NOTIFICATION, read_notification
from community.metering.dlms.received import ReceivedApdu
from community.metering.dlms.unreadable import BadFrame, EndsEarly, UnknownLayout

SIZE_MAX = 4096
_HELD_MAX = SIZE_MAX + 16
"""The longest content with its head."""
_STARTS = (GENERAL_GLO_CIPHERING, DATA_NOTIFICATION, GENERAL_BLOCK_TRANSFER)
_MAKER_LETTERS = 3
_LENGTH_MIN = 5


class RawTelegrams:
    """A deframer of bare APDUs."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._blocks = BlockJoiner()
        self.dropped_bytes = 0
        """Bytes that belonged to no whole message."""

    def feed(self, data: bytes) -> list[ReceivedApdu]:
        """The messages that `data` completes, oldest first."""
        self._buffer += data
        return self._cut(quiet=False)

    def line_quiet(self) -> list[ReceivedApdu]:
        """To be called when no byte came for a while: what begins but does not end is given up."""
        apdus = self._cut(quiet=True)
        self.dropped_bytes += len(self._buffer)
        self._buffer.clear()
        return apdus

    def _cut(self, quiet: bool) -> list[ReceivedApdu]:
        apdus: list[ReceivedApdu] = []
        data, at = bytes(self._buffer), 0
        while at < len(data):
            size = _size(data, at)
            if size is None and not quiet and len(data) - at < _HELD_MAX:
                break
            if not size or size > _HELD_MAX:
                self.dropped_bytes += 1
                at += 1
                continue
            piece = data[at : at + size]
            at += size
            whole = self._whole(piece)
            if whole is not None:
                apdus.append(whole)
        del self._buffer[:at]
        return apdus

    def _whole(self, piece: bytes) -> ReceivedApdu | None:
        if piece[0] != GENERAL_BLOCK_TRANSFER:
            return ReceivedApdu(piece, piece)
        try:
            joined = self._blocks.add(piece, piece)
        except BadFrame:
            self.dropped_bytes += len(piece)
            return None
        return ReceivedApdu(*joined) if joined else None


def _size(data: bytes, at: int) -> int | None:
    """Size of the APDU that begins at `at`; 0 if none does; None if more bytes must come to tell."""
    if data[at] not in _STARTS:
        return 0
    try:
        if data[at] == GENERAL_GLO_CIPHERING:
            return _ciphered_size(data, at)
        reader = AxdrReader(data, at)
        if data[at] == DATA_NOTIFICATION:
            read_notification(reader)
            return reader.at - at
        reader.byte()
        return _block_size(reader, at)
    except EndsEarly:
        return None
    except UnknownLayout:
        return 0


def _ciphered_size(data: bytes, at: int) -> int | None:
    """As `_size`. The same head once more within the length means that this one broke off: the next has begun."""
    reader = AxdrReader(data, at + 1)
    head = data[at : at + 2 + TITLE_SIZE]
    try:
        if reader.byte() != TITLE_SIZE or not all(0x41 <= letter <= 0x5A for letter in reader.take(_MAKER_LETTERS)):
            return 0
        reader.take(TITLE_SIZE - _MAKER_LETTERS)
        length = reader.length()
        if not _LENGTH_MIN <= length <= SIZE_MAX or reader.byte() not in SECURITY_CONTROLS:
            return 0
        reader.take(length - 1)
    except EndsEarly:
        return 0 if data.find(head, at + len(head)) >= 0 else None
    return 0 if data.find(head, at + len(head), reader.at) >= 0 else reader.at - at


def _block_size(reader: AxdrReader, at: int) -> int:
    reader.take(1)
    if not 0 < reader.unsigned(2) <= BLOCKS_MAX or reader.unsigned(2) > BLOCKS_MAX:
        return 0
    length = reader.length()
    if not 0 < length <= SIZE_MAX:
        return 0
    reader.take(length)
    return reader.at - at

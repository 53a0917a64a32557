"""General Block Transfer (DLMS Green Book 9.3.11): one APDU spread over numbered blocks.

e0 | control: 80 last, 40 streaming, window | block number u16 | acknowledged u16 | length | data
"""

from community.metering.dlms.axdr import AxdrReader
from community.metering.dlms.unreadable import BadFrame, UnknownLayout

GENERAL_BLOCK_TRANSFER = 0xE0
BLOCKS_MAX = 64
SIZE_MAX = 8192
"""Bytes of a joined APDU; a push telegram has a few hundred."""
_LAST = 0x80


class BlockJoiner:
    """Joins blocks; one that is missing or out of order loses the whole, and the next first block begins anew."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._raw: list[bytes] = []

    def reset(self) -> None:
        """Forget what was joined so far: something was lost."""
        self._blocks.clear()
        self._raw.clear()

    @property
    def joining(self) -> bool:
        """A first block came and the last is awaited."""
        return bool(self._blocks)

    def add(self, block: bytes, raw: bytes) -> tuple[bytes, bytes] | None:
        """(APDU, everything received for it) when `block` was the last. Raises BadFrame for one that does not fit."""
        number, last, data = _parse(block)
        if number == 1:
            self.reset()
        if number != len(self._blocks) + 1:
            expected = len(self._blocks) + 1
            self.reset()
            raise BadFrame(f"block {number} of a block transfer came where block {expected} was expected")
        self._blocks.append(data)
        self._raw.append(raw)
        if len(self._blocks) > BLOCKS_MAX or sum(map(len, self._blocks)) > SIZE_MAX:
            self.reset()
            raise BadFrame("a block transfer that is longer than any telegram")
        if not last:
            return None
        whole = b"".join(self._blocks), b"".join(self._raw)
        self.reset()
        return whole


def _parse(block: bytes) -> tuple[int, bool, bytes]:
    reader = AxdrReader(block)
    try:
        if reader.byte() != GENERAL_BLOCK_TRANSFER:
            raise BadFrame("no block of a block transfer: it must begin with E0")
        control, number, _ = reader.byte(), reader.unsigned(2), reader.unsigned(2)
        data = reader.take(reader.length())
        reader.end()
    except UnknownLayout as error:
        raise BadFrame("a block of a block transfer is not as long as it says") from error
    return number, bool(control & _LAST), data

"""Telegrams on the wired M-Bus: the transport layer of EN 13757-1, numbered segments with two service access points.

CI: 00 to 1f, low nibble = number of the segment from 0, bit 4 = last | source and destination, 01 67 | data
"""

from community.metering.dlms.block_transfer import GENERAL_BLOCK_TRANSFER, BlockJoiner
from community.metering.dlms.mbus_frames import MbusDeframer, MbusFrame
from community.metering.dlms.received import ReceivedApdu
from community.metering.dlms.unreadable import BadFrame

SEND_USER_DATA = (0x53, 0x73)
FINAL = 0x10
_NUMBER = 0x0F
_CI_MAX = 0x1F
_ACCESS_POINTS = 2


class MbusTelegrams:
    """A deframer of telegrams on the wired M-Bus."""

    def __init__(self) -> None:
        self._deframer = MbusDeframer()
        self._segments: list[MbusFrame] = []
        self._blocks = BlockJoiner()
        self._lost_bytes = 0

    @property
    def dropped_bytes(self) -> int:
        """Bytes that belonged to no whole message."""
        return self._deframer.dropped_bytes + self._lost_bytes

    def feed(self, data: bytes) -> list[ReceivedApdu]:
        """The messages that `data` completes, oldest first."""
        return self._joined(self._deframer.feed(data))

    def line_quiet(self) -> list[ReceivedApdu]:
        """Frames that waited for bytes to be told apart; segments stay awaited."""
        return self._joined(self._deframer.line_quiet())

    def _joined(self, frames: list[MbusFrame]) -> list[ReceivedApdu]:
        return [each for frame in frames if (each := self.add(frame)) is not None]

    def add(self, frame: MbusFrame) -> ReceivedApdu | None:
        """The message that `frame` completes, if it does."""
        number = frame.control_information & _NUMBER
        if number == 0:
            self._drop_segments()
        fits = frame.control in SEND_USER_DATA and frame.control_information <= _CI_MAX
        if not fits or len(frame.data) <= _ACCESS_POINTS or number != len(self._segments):
            self._drop_segments()
            self._lost_bytes += len(frame.raw)
            return None
        self._segments.append(frame)
        if not frame.control_information & FINAL:
            return None
        apdu = b"".join(each.data[_ACCESS_POINTS:] for each in self._segments)
        raw = b"".join(each.raw for each in self._segments)
        self._segments.clear()
        if apdu[0] != GENERAL_BLOCK_TRANSFER:
            return ReceivedApdu(apdu, raw)
        try:
            whole = self._blocks.add(apdu, raw)
        except BadFrame:
            self._lost_bytes += len(raw)
            return None
        return ReceivedApdu(*whole) if whole else None

    def _drop_segments(self) -> None:
        self._lost_bytes += sum(len(each.raw) for each in self._segments)
        self._segments.clear()

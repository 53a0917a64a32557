"""Telegrams in HDLC frames: segments joined, LLC header taken off, blocks of a block transfer joined.

Segmentation (IEC 62056-46, bit 0x08 of the format field): information fields are joined until a frame without the bit;
the LLC header stands in the first only. Unnumbered frames carry no sequence number, so whatever was lost between two
segments loses the telegram.
"""

from community.metering.dlms.block_transfer import GENERAL_BLOCK_TRANSFER, SIZE_MAX, BlockJoiner
from community.metering.dlms.hdlc import HdlcDeframer, HdlcFrame
from community.metering.dlms.received import ReceivedApdu
from community.metering.dlms.unreadable import BadFrame

LLC = b"\xe6\xe7\x00"


class HdlcTelegrams:
    """A deframer of telegrams in HDLC."""

    def __init__(self) -> None:
        self._deframer = HdlcDeframer()
        self._segments: list[HdlcFrame] = []
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
        """A last frame that lost its closing flag; a message whose other frames are awaited stays awaited."""
        return self._joined(self._deframer.line_quiet())

    def _joined(self, frames: list[HdlcFrame]) -> list[ReceivedApdu]:
        return [each for frame in frames if (each := self.add(frame)) is not None]

    def add(self, frame: HdlcFrame) -> ReceivedApdu | None:
        """The message that `frame` completes, if it does."""
        if frame.after_loss:
            self._drop_segments()
            self._blocks.reset()
        if self._segments and (frame.information.startswith(LLC) or not _continues(self._segments[0], frame)):
            self._drop_segments()
        if not self._segments and not self._begins(frame):
            self._lost_bytes += len(frame.raw)
            return None
        self._segments.append(frame)
        if sum(len(each.information) for each in self._segments) > SIZE_MAX:
            self._drop_segments()
            return None
        if frame.segmented:
            return None
        information = b"".join(each.information for each in self._segments).removeprefix(LLC)
        raw = b"".join(each.raw for each in self._segments)
        self._segments.clear()
        if information[:1] != bytes((GENERAL_BLOCK_TRANSFER,)):
            return ReceivedApdu(information, raw)
        try:
            whole = self._blocks.add(information, raw)
        except BadFrame:
            self._lost_bytes += len(raw)
            return None
        return ReceivedApdu(*whole) if whole else None

    def _begins(self, frame: HdlcFrame) -> bool:
        """Whether a message may begin with `frame`; later blocks of a block transfer come without LLC header."""
        block = self._blocks.joining and frame.information[:1] == bytes((GENERAL_BLOCK_TRANSFER,))
        return frame.information.startswith(LLC) or block

    def _drop_segments(self) -> None:
        self._lost_bytes += sum(len(each.raw) for each in self._segments)
        self._segments.clear()


def _continues(first: HdlcFrame, frame: HdlcFrame) -> bool:
    return (first.destination, first.source) == (frame.destination, frame.source)

"""One question and its answer on an M-Bus, without any I/O: echo, collisions, and when enough has come."""

from gateway_agent.protocols.mbus_link import Ack, Frame, FrameReader, LongFrame

_KEPT_MAX = 4096
"""More than this in one answer is noise."""


class Exchange:
    """What comes back after `sent` was written: fed piece by piece, asked at the end."""

    def __init__(self, sent: bytes) -> None:
        self._echo = sent
        self._held = b""
        self._reader = FrameReader()
        self._frames: list[Frame] = []
        self._size = 0

    def feed(self, piece: bytes) -> None:
        """Take in bytes. An exact echo of the question in front of the answer is dropped."""
        self._size += len(piece)
        if not self._echo:
            self._take(piece)
            return
        self._held += piece
        if self._held.startswith(self._echo):
            piece, self._held, self._echo = self._held[len(self._echo) :], b"", b""
            self._take(piece)
        elif not self._echo.startswith(self._held):
            self._release()

    def quiet(self) -> None:
        """The line fell silent: what is not whole by now never will be."""
        self._release()
        self._reader.clear()

    @property
    def heard_anything(self) -> bool:
        """Whether somebody answered, be it garbled."""
        return bool(self._frames) or self.is_garbled

    @property
    def is_garbled(self) -> bool:
        """Damaged bytes, or two answers: several spoke at once."""
        return self._reader.damaged > 0 or len(self._frames) > 1 or self._size > _KEPT_MAX

    @property
    def has_begun(self) -> bool:
        """Whether bytes of an answer came, whole or not; an echo is none."""
        return bool(self._frames) or self._reader.pending > 0

    @property
    def is_acknowledged(self) -> bool:
        return not self.is_garbled and self._frames == [Ack()]

    @property
    def answer(self) -> LongFrame | None:
        """The undamaged long frame, if there is exactly one; what a switching line puts around it does not matter."""
        answers = [frame for frame in self._frames if isinstance(frame, LongFrame)]
        return answers[0] if len(answers) == 1 else None

    def _take(self, piece: bytes) -> None:
        if self._size <= _KEPT_MAX:
            self._frames += self._reader.feed(piece)

    def _release(self) -> None:
        held, self._held, self._echo = self._held, b"", b""
        if held:
            self._take(held)

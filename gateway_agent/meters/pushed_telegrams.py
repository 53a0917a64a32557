"""Meters that push telegrams without being asked and without cipher: what D0 push, SML and P1 have in common."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Generic, Protocol, TypeVar

import structlog

from gateway_agent.meters.serial_line import LineLost, SerialLine
from gateway_agent.protocols.quantity import Damage, DamagedTelegram
from gateway_agent.reading import MeterSample

log = structlog.get_logger(__name__)

QUIET_S = 0.2
"""A pause that may end a telegram: a byte takes 1 ms at 9600 Bd."""
SILENCE_S = 30.0
REOPEN_S = 1.0
UNREADABLE_AFTER = 3
FORMS_KEPT = 8

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class FormWatch:
    """For telegrams without a check: one counts only if one of the last few had the same form.

    Two torn telegrams can look like one, with a number made of the halves of two. It does not happen twice the same way.
    """

    def __init__(self) -> None:
        self._forms: deque[str] = deque(maxlen=FORMS_KEPT)

    def demand_known(self, form: str) -> None:
        """Raises DamagedTelegram if `form` is new; it is known from now on."""
        known = form in self._forms
        self._forms.append(form)
        if not known:
            raise DamagedTelegram("it has no check, and no telegram of the last few had the same form")


class TelegramStream(Protocol[T_co]):
    """Finds telegrams in a stream of bytes."""

    @property
    def damage(self) -> Damage:
        """What it had to drop."""
        ...

    def feed(self, piece: bytes) -> Sequence[T_co]:
        """The telegrams that `piece` completes."""
        ...

    def line_quiet(self) -> Sequence[T_co]:
        """The telegrams that silence completes."""
        ...


class PushedTelegrams(Generic[T]):
    """One port on which telegrams come. Opens it again when it was lost."""

    def __init__(
        self,
        port: str,
        baud: int,
        bits: str,
        open_stream: Callable[[], TelegramStream[T]],
        sample_of: Callable[[T], MeterSample],
        hints: Mapping[str, str],
    ) -> None:
        self._port = port
        self._baud = baud
        self._bits = bits
        self._open_stream = open_stream
        self._sample_of = sample_of
        self._hints = hints
        self._failures = 0

    async def samples(self) -> AsyncGenerator[MeterSample, None]:
        """Every telegram that is whole and holds energy. Ends only by cancellation."""
        while True:
            try:
                async with SerialLine(self._port, self._baud, self._bits) as line:
                    log.info("meter_port_open", port=self._port)
                    async with contextlib.aclosing(self._telegrams(line)) as telegrams:
                        async for telegram in telegrams:
                            sample = self._sample(telegram)
                            if sample is not None:
                                yield sample
            except LineLost as error:
                log.warning("meter_port_lost", port=self._port, reason=str(error), retry_s=REOPEN_S)
                await asyncio.sleep(REOPEN_S)

    async def _telegrams(self, line: SerialLine) -> AsyncGenerator[T, None]:
        stream = self._open_stream()
        damaged = 0
        silent_s = 0.0
        while True:
            piece = await line.read(QUIET_S)
            silent_s = 0.0 if piece else silent_s + QUIET_S
            if silent_s >= SILENCE_S:
                log.warning("meter_silent", port=self._port, hint=self._hints.get("no_bytes", ""))
                silent_s = 0.0
            for telegram in stream.feed(piece) if piece else stream.line_quiet():
                yield telegram
            if stream.damage.count != damaged:
                damaged = stream.damage.count
                self._failed(stream.damage.reason)

    def _sample(self, telegram: T) -> MeterSample | None:
        try:
            sample = self._sample_of(telegram)
        except DamagedTelegram as error:
            self._failed(str(error))
            return None
        self._failures = 0
        return sample

    def _failed(self, reason: str) -> None:
        self._failures += 1
        if self._failures == UNREADABLE_AFTER:  # said once, not with every telegram
            hint = self._hints.get("bad_structure", "")
            log.warning("meter_unreadable", port=self._port, reason=reason, hint=hint)

"""The master of an M-Bus (EN 13757-2, 5 and 13757-3, 11): reset, select, ask for telegrams until there are no more."""

import asyncio
from dataclasses import dataclass
from enum import Enum

import structlog

from gateway_agent.meters.mbus_line import MbusLine
from gateway_agent.meters.unreachable import MeterUnreachable
from gateway_agent.protocols.mbus_address import SecondaryAddress
from gateway_agent.protocols.mbus_exchange import Exchange
from gateway_agent.protocols.mbus_link import FCB, REQ_UD2, SELECTED, SND_NKE, ShortFrame
from gateway_agent.protocols.mbus_records import MalformedTelegram
from gateway_agent.protocols.mbus_telegram import MbusTelegram, MeterReports, parse_telegram

log = structlog.get_logger(__name__)

TELEGRAMS_MAX = 32
RETRIES = 3
_BITS_OF_A_BYTE = 11
_RESPONSE_BITS, _RESPONSE_S = 330, 0.05
_LISTEN_MAX_S = 30.0
_STALE_MAX, _INSTANT_S = 64, 0.001


class Presence(Enum):
    """Who answers when called."""

    NONE = "nobody"
    ONE = "one"
    SEVERAL = "several at once"


@dataclass(frozen=True, slots=True)
class Timing:
    """How long to wait, in seconds."""

    answer_s: float
    """Until the first byte of an answer."""
    gap_s: float
    """Between two pieces of one answer."""
    long_s: float
    """For the longest possible answer in all."""


def timing(baud: int, slack_s: float) -> Timing:
    """EN 13757-2, 5.7.2: 330 bit times + 50 ms, and what the way to the bus adds. Raises ValueError for no baud rate."""
    if baud <= 0:
        raise ValueError(f"{baud} is no baud rate")
    answer_s = _RESPONSE_BITS / baud + _RESPONSE_S + slack_s
    gap_s = 33 / baud + slack_s
    return Timing(answer_s, gap_s, min(answer_s + 2 * 261 * _BITS_OF_A_BYTE / baud + slack_s, _LISTEN_MAX_S))


class MbusMaster:
    """Talks on an open line. Keeps the frame count bit of each address: it is toggled only by a good answer."""

    def __init__(self, line: MbusLine, times: Timing, retries: int = RETRIES) -> None:
        self._line = line
        self._times = times
        self._retries = retries
        self._count_bits: dict[int, bool] = {}

    async def reset(self, address: int, *, tries: int = 1) -> Presence:
        """SND_NKE: the next telegram is the first again. Meters need not answer at 253 and 255. Raises LineLost."""
        self._count_bits[address] = True
        return await self._presence(ShortFrame(SND_NKE, address).encoded(), tries)

    async def select(self, wanted: SecondaryAddress, *, tries: int | None = None) -> Presence:
        """Make the meters that `wanted` means answer at 253; all others fall silent there. Raises LineLost."""
        self._count_bits[SELECTED] = True
        return await self._presence(wanted.select_frame().encoded(), tries or self._retries)

    async def read_all(self, address: int) -> tuple[MbusTelegram, ...]:
        """All telegrams of one readout of the meter at `address`. Raises MeterUnreachable or LineLost.

        One that is busy, or reports an error, gives no reading.
        """
        telegrams: list[MbusTelegram] = []
        while len(telegrams) < TELEGRAMS_MAX:
            telegram = await self.read_one(address)
            if telegrams and telegram.identification != telegrams[0].identification:
                raise MeterUnreachable(f"Two meters answer at M-Bus address {address}: give each its own address")
            telegrams.append(telegram)
            if not telegram.more_follow:
                return tuple(telegrams)
        raise MeterUnreachable(f"The meter at M-Bus address {address} sends telegrams without end")

    async def read_one(self, address: int) -> MbusTelegram:
        """The next telegram of a readout. A failed attempt is repeated with the same frame count bit.

        Raises MeterUnreachable or LineLost.
        """
        count_bit = self._count_bits.get(address, True)
        question = ShortFrame(REQ_UD2 | (FCB if count_bit else 0), address).encoded()
        reason = ""
        for _attempt in range(self._retries):
            exchange = await self._ask(question)
            if not exchange.heard_anything:
                reason = "it does not answer"
                continue
            frame = exchange.answer
            if frame is None:
                reason = "its answer is damaged: two meters at one address, or noise on the bus"
                continue
            if address not in (SELECTED, frame.address):
                reason = f"a meter with address {frame.address} answers instead"
                continue
            try:
                telegram = parse_telegram(frame)
            except MeterReports as error:
                self._count_bits[address] = not count_bit
                raise MeterUnreachable(f"M-Bus address {address}: {error}") from error
            except MalformedTelegram as error:
                reason = str(error)
                continue
            self._count_bits[address] = not count_bit
            return telegram
        raise MeterUnreachable(f"M-Bus address {address}: {reason} ({self._retries} attempts)")

    async def presence(self, address: int) -> tuple[Presence, MbusTelegram | None]:
        """Who answers a request at `address`, asked once, with the telegram if it is one that can be read.

        Raises LineLost.
        """
        question = ShortFrame(REQ_UD2 | FCB, address).encoded()
        exchange = await self._ask(question)
        if not exchange.heard_anything:
            return Presence.NONE, None
        if exchange.answer is None or exchange.is_garbled:
            return Presence.SEVERAL, None
        try:
            return Presence.ONE, parse_telegram(exchange.answer)
        except MalformedTelegram as error:
            log.warning("mbus_telegram_unreadable", address=address, reason=str(error))
            return Presence.ONE, None

    async def _presence(self, question: bytes, tries: int) -> Presence:
        present = Presence.NONE
        for _attempt in range(tries):
            exchange = await self._ask(question)
            if exchange.is_acknowledged:
                return Presence.ONE
            if exchange.heard_anything:
                present = Presence.SEVERAL
        return present

    async def _ask(self, question: bytes) -> Exchange:
        """Send, then listen until the answer is whole and the line is quiet, or the time is over."""
        for _piece in range(_STALE_MAX):  # what came too late for an earlier question is no answer to this one
            if not await self._line.read(_INSTANT_S):
                break
        exchange = Exchange(question)
        await self._line.write(question)
        now = asyncio.get_running_loop().time
        deadline, wait_s = now() + self._times.long_s, self._times.answer_s
        while (left_s := deadline - now()) > 0:
            piece = await self._line.read(min(wait_s, left_s))
            if not piece:
                break
            exchange.feed(piece)
            wait_s = self._times.gap_s if exchange.heard_anything or exchange.has_begun else self._times.answer_s
        exchange.quiet()
        return exchange

"""Finding the meters on an M-Bus, only when a person asks for it: by primary address, or by secondary address.

A foreign bus is never scanned on our own account: calls keep battery meters awake, and disturb another master.
"""

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from gateway_agent.meters.mbus_line import MbusLink
from gateway_agent.meters.mbus_master import MbusMaster, Presence, timing
from gateway_agent.protocols.mbus_address import SecondaryAddress
from gateway_agent.protocols.mbus_link import PRIMARY_MAX, SELECTED
from gateway_agent.protocols.mbus_telegram import MbusTelegram

TRIES = 2
_SELECTS_MAX = 50_000
"""250 meters on a bus, each found after at most 80 selections, and as many again to be thorough."""


@dataclass(frozen=True, slots=True)
class MbusFound:
    """A meter that answers."""

    address: int | SecondaryAddress
    """How to reach it."""
    telegram: MbusTelegram | None
    """Its first telegram; None if it cannot be read."""


@dataclass(frozen=True, slots=True)
class MbusCollision:
    """Several meters answer at one address."""

    address: int | SecondaryAddress


ScanResult = MbusFound | MbusCollision


async def scan_mbus(
    link: MbusLink, first: int = 1, last: int = PRIMARY_MAX, *, tries: int = TRIES
) -> AsyncGenerator[ScanResult, None]:
    """Call every primary address from `first` to `last`. Raises LineLost, or ValueError for a range that is none."""
    if not 0 <= first <= last <= PRIMARY_MAX:
        raise ValueError(f"primary addresses are 0 to {PRIMARY_MAX}, not {first} to {last}")
    async with _opened(link) as master:
        for address in range(first, last + 1):
            called = await master.reset(address, tries=tries)
            present, telegram = await _ask(master, address) if called is not Presence.NONE else (Presence.NONE, None)
            if present is Presence.SEVERAL or (called is Presence.SEVERAL and telegram is None):
                yield MbusCollision(address)
            elif called is not Presence.NONE:
                yield MbusFound(address, telegram)


async def search_mbus(
    link: MbusLink, mask: str = "FFFFFFFFFFFFFFFF", *, thorough: bool = False, tries: int = TRIES
) -> AsyncGenerator[ScanResult, None]:
    """Find meters by secondary address: digit by digit of the identification, wherever several answer at once.

    Also finds meters that share a primary address. Two that answer bit for bit at the same moment can look like one: with
    `thorough` the masks beside a meter that was found are tried as well, up to 72 more selections for each meter.
    Raises LineLost, or ValueError for a mask that is none.
    """
    masks = [SecondaryAddress.parse(mask)]
    selects = 0
    async with _opened(link) as master:
        await master.reset(SELECTED)
        while masks and selects < _SELECTS_MAX:
            wanted = masks.pop()
            selects += 1
            selected = await master.select(wanted, tries=tries)
            if selected is Presence.NONE:
                continue
            present, telegram = await _ask(master, SELECTED)
            if present is Presence.ONE:
                found = telegram.address if telegram is not None else None
                known = found is not None and wanted.matches(found)
                yield MbusFound(found if found is not None and known else wanted, telegram)
                masks += _beside(wanted, found) if found is not None and known and thorough else []
            elif narrower := _narrowed(wanted):
                masks += reversed(narrower)
            elif present is Presence.SEVERAL or selected is Presence.SEVERAL:
                yield MbusCollision(wanted)


@contextlib.asynccontextmanager
async def _opened(link: MbusLink) -> AsyncGenerator[MbusMaster, None]:
    try:
        async with link.opened() as line:
            yield MbusMaster(line, timing(link.baud, link.slack_s))
    finally:
        link.close()


async def _ask(master: MbusMaster, address: int) -> tuple[Presence, MbusTelegram | None]:
    """Who answers there: asked again if nobody does, or if what came was garbled."""
    present, telegram = await master.presence(address)
    return (present, telegram) if present is Presence.ONE else await master.presence(address)


def _narrowed(wanted: SecondaryAddress) -> list[SecondaryAddress]:
    """The ten masks with the first open digit of the identification set; none if no digit is open."""
    at = wanted.identification.find("F")
    if at < 0:
        return []
    before, after = wanted.identification[:at], wanted.identification[at + 1 :]
    return [
        SecondaryAddress(f"{before}{digit}{after}", wanted.manufacturer, wanted.version, wanted.medium)
        for digit in range(10)
    ]


def _beside(wanted: SecondaryAddress, found: SecondaryAddress) -> list[SecondaryAddress]:
    """The masks that together mean all that `wanted` means but the number of `found`."""
    first = wanted.identification.find("F")
    return [
        sibling
        for at in range(first if first >= 0 else 8, 8)
        for sibling in _narrowed(
            SecondaryAddress(
                found.identification[:at] + wanted.identification[at:],
                wanted.manufacturer,
                wanted.version,
                wanted.medium,
            )
        )
        if sibling.identification[at] != found.identification[at]
    ]

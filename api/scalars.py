"""The scalars of the schema: integers beyond 32 bits, addresses, instants, cursors, page sizes."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NewType

import strawberry
from eth_utils.address import to_checksum_address
from strawberry.types.scalar import ScalarDefinition

from api.errors import BadValue
from community.clock import as_utc
from community.store.views.keyset import PAGE_MAX
from community.units import AMOUNT_MAX, TokenAmount, WattHours

Address = NewType("Address", str)
Hash = NewType("Hash", str)
Cursor = NewType("Cursor", str)
PageSize = NewType("PageSize", int)
Counter = NewType("Counter", int)
Hex = NewType("Hex", str)

PAGE_DEFAULT = PageSize(50)
_EVM_ADDRESS = re.compile(r"^0x[0-9a-fA-F]{40}$")
_HASH = re.compile(r"^0x[0-9a-fA-F]{64}$")
_CURSOR_MAX = 400
_SAFE_INTEGER = 2**53 - 1


def _amount_in(value: Any) -> TokenAmount:
    if not isinstance(value, str) or not value.isascii() or not value.isdigit() or int(value) > AMOUNT_MAX:
        raise BadValue("an Amount is a decimal string of base units")
    return TokenAmount(int(value))


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _SAFE_INTEGER:
        raise BadValue("a whole number below 2^53 is needed")
    return value


@lru_cache(maxsize=20_000)
def address_out(value: str) -> str:
    """EIP-55 for EVM addresses; others, such as Bitcoin's, as they are. Kept, for the checksum is a hash."""
    return to_checksum_address(value) if _EVM_ADDRESS.match(value) else value


def _address_in(value: Any) -> Address:
    if not isinstance(value, str) or not (_EVM_ADDRESS.match(value) or re.match(r"^[a-z0-9]{14,90}$", value)):
        raise BadValue("an Address is 0x and 40 hex digits, or a bech32 text")
    return Address(value.lower())


def _hash_in(value: Any) -> Hash:
    if not isinstance(value, str) or not _HASH.match(value):
        raise BadValue("a Hash is 0x and 64 hex digits")
    return Hash(value.lower())


def _instant_out(value: datetime) -> str:
    return as_utc(value).isoformat().replace("+00:00", "Z")


def instant_in(value: Any) -> datetime:
    """The instant that a text names. Raises BadValue."""
    try:
        return as_utc(datetime.fromisoformat(value))
    except (TypeError, ValueError, OverflowError):
        raise BadValue("a DateTime is ISO 8601 with its zone, such as 2026-03-29T12:15:00Z") from None


def _day_in(value: Any) -> date:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadValue("a Date is ISO 8601, such as 2026-03-29") from None


def _cursor_in(value: Any) -> Cursor:
    if not isinstance(value, str) or not 0 < len(value) <= _CURSOR_MAX:
        raise BadValue("a Cursor is a text that a list gave out")
    return Cursor(value)


def _page_size_in(value: Any) -> PageSize:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= PAGE_MAX:
        raise BadValue(f"a PageSize is a whole number from 1 to {PAGE_MAX}")
    return PageSize(value)


def _plain(value: Any) -> Any:
    return value


def _text_in(value: Any) -> Any:
    if not isinstance(value, str):
        raise BadValue("a text is needed")
    return value


def _scalar(name: str, description: str, out: Any, into: Any) -> ScalarDefinition:
    return strawberry.scalar(name=name, description=description, serialize=out, parse_value=into)


SCALARS: Mapping[object, ScalarDefinition] = {
    TokenAmount: _scalar("Amount", "Token base units as a decimal string; 10^18 are 1 KWH.", str, _amount_in),
    WattHours: _scalar("WattHours", "Energy or a register in whole watt-hours.", int, _whole),
    Counter: _scalar("Counter", "A whole number below 2^53: block numbers, nonces, counters.", int, _whole),
    Address: _scalar(
        "Address", "A coin address; EVM addresses leave as EIP-55 and come in in any case.", address_out, _address_in
    ),
    Hash: _scalar("Hash", "32 bytes: 0x and 64 hex digits.", _plain, _hash_in),
    Hex: _scalar("Hex", "Bytes in lower-case hex.", _plain, _text_in),
    datetime: _scalar("DateTime", "An instant in UTC, ISO 8601 with Z.", _instant_out, instant_in),
    date: _scalar("Date", "A day of a calendar, ISO 8601.", date.isoformat, _day_in),
    Cursor: _scalar("Cursor", "A place in a list or in the stream of changes; opaque.", _plain, _cursor_in),
    PageSize: _scalar("PageSize", f"How many items, 1 to {PAGE_MAX}.", _plain, _page_size_in),
}

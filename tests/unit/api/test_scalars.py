"""Scalars: what goes out, and what is refused on its way in."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from api.scalars import SCALARS, Address, Counter, Cursor, Hash, PageSize
from community.units import AMOUNT_MAX, TokenAmount, WattHours


def out(kind: object, value: object) -> object:
    return SCALARS[kind].serialize(value)  # type: ignore[misc]


def into(kind: object, value: object) -> object:
    return SCALARS[kind].parse_value(value)  # type: ignore[misc]


def test_amounts_leave_as_plain_digits_however_large() -> None:
    assert out(TokenAmount, AMOUNT_MAX) == str(2**256 - 1)


def test_addresses_leave_with_their_checksum_and_come_in_in_any_case() -> None:
    address = "0xd8da6bf26964af9d7eed9e03e53415d37aa96045"
    assert out(Address, address) == "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"
    assert into(Address, "0xD8DA6BF26964AF9D7EED9E03E53415D37AA96045") == address


def test_bitcoin_addresses_leave_as_they_are() -> None:
    assert out(Address, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4") == "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"


def test_instants_leave_in_utc_with_z() -> None:
    noon_in_vienna = datetime(2026, 3, 29, 12, 15, tzinfo=timezone(timedelta(hours=2)))
    assert out(datetime, noon_in_vienna) == "2026-03-29T10:15:00Z"
    assert into(datetime, "2026-03-29T12:15:00+02:00") == datetime(2026, 3, 29, 10, 15, tzinfo=UTC)


def test_registers_beyond_32_bits_are_whole_numbers() -> None:
    assert out(WattHours, 2**40) == 2**40


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (TokenAmount, 5),
        (TokenAmount, "-1"),
        (TokenAmount, "1e3"),
        (TokenAmount, str(2**256)),
        (WattHours, 1.5),
        (WattHours, True),
        (Counter, 2**53),
        (Address, "0x1234"),
        (Address, 7),
        (Hash, "0x12"),
        (datetime, "2026-03-29T12:15:00"),
        (datetime, "yesterday"),
        (datetime, 17),
        (Cursor, ""),
        (Cursor, "x" * 500),
        (PageSize, 0),
        (PageSize, 501),
        (PageSize, -1),
        (PageSize, "50"),
    ],
)
def test_bad_values_are_refused(kind: object, value: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        into(kind, value)


def test_page_sizes_from_1_to_500_are_taken() -> None:
    assert [into(PageSize, size) for size in (1, 500)] == [1, 500]

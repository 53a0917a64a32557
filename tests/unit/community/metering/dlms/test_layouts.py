"""Each layout built from its description, and what only resembles one."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from community.metering.dlms.axdr import DEPTH_MAX, NODES_MAX, AxdrReader
from community.metering.dlms.cosem_time import CosemTime, encode_time
from community.metering.dlms.notification import Notification, parse_notification
from community.metering.dlms.push_layouts import Layout, PushBody, encode_push
from community.metering.dlms.received import ReceivedApdu
from community.metering.dlms.register import Register, implied_unit, obis_text
from community.metering.dlms.telegram import PushTelegram, decode_received
from community.metering.dlms.unreadable import EndsEarly, UnknownLayout
from tests.unit.community.metering.dlms import wire
from tests.unit.community.metering.dlms.wire import (
    array,
    enum,
    i8,
    notification,
    obis,
    octets,
    scale,
    structure,
    text,
    u16,
    u32,
)

ZONE = "Europe/Vienna"
CLOCK_TIME = octets(wire.TIME)


def read(body: bytes, time: bytes = wire.NO_TIME) -> Notification:
    return parse_notification(notification(body, time))


def decoded(body: bytes, time: bytes = wire.NO_TIME) -> PushTelegram:
    apdu = notification(body, time)
    telegram = decode_received(ReceivedApdu(apdu, apdu), None, ZONE)
    assert isinstance(telegram, PushTelegram)
    return telegram


KN_HEAD = (obis("0-6:25.9.0"), octets(b"1ISK0000000001"), octets(wire.TIME[5:9]), octets(wire.TIME[:5]))
KN_VALUES = tuple(u32(each) for each in (1000, 200, 30, 4, 500, 60))


def test_kaernten_with_a_serial_number_that_is_a_number() -> None:
    assert decoded(structure(KN_HEAD[0], u32(4711), *KN_HEAD[2:], *KN_VALUES), wire.WITH_TIME).serial == "4711"


@pytest.mark.parametrize("tail", [(), (text("ISK"), u16(3))])
def test_kaernten_splits_the_time_and_leaves_the_deviation_to_the_header(tail: tuple[bytes, ...]) -> None:
    telegram = decoded(structure(*KN_HEAD, *KN_VALUES, *tail), wire.WITH_TIME)
    assert telegram.layout is Layout.POSITIONAL_KN
    assert telegram.registers == {
        "1-0:1.8.0": 1000, "1-0:2.8.0": 200, "1-0:3.8.0": 30, "1-0:4.8.0": 4, "1-0:1.7.0": 500, "1-0:2.7.0": 60
    }  # fmt: skip
    assert telegram.serial == "1ISK0000000001"
    assert telegram.meter_at == datetime(2025, 7, 14, 10, 0, 5, tzinfo=UTC)


def test_kaernten_over_the_end_of_summer() -> None:
    instants = []
    for hour, deviation, status in ((2, -120, 0x80), (2, -60, 0)):
        time = encode_time(CosemTime(datetime(2025, 10, 26, hour, 45), deviation, status))  # noqa: DTZ001
        body = structure(*KN_HEAD[:2], octets(time[5:9]), octets(time[:5]), *KN_VALUES)
        instants.append(decoded(body, b"\x0c" + time).meter_time)
    assert (instants[1] - instants[0]).total_seconds() == 3600


def test_codes_and_values_in_turn() -> None:
    found = read(
        structure(CLOCK_TIME, obis("1-0:1.8.0"), u32(5), obis("1-0:3.7.0"), u32(6), obis("0-0:96.1.0"), text("A12345"))
    )
    assert (found.layout, found.serial) == (Layout.OBIS_VALUE, "A12345")
    assert found.values == {
        "1-0:1.8.0": Register(5, 0, "Wh", unit_sent=False), "1-0:3.7.0": Register(6, 0, "var", unit_sent=False)
    }  # fmt: skip
    assert found.object_time is not None
    assert found.object_time.local == wire.LOCAL


def test_scaler_and_unit_behind_each_value() -> None:
    telegram = decoded(
        structure(
            obis("1-0:1.8.0"), u32(51), scale(3, 30), obis("1-0:32.7.0"), u16(2337), scale(-1, 35), text("181220000009")
        )
    )
    assert telegram.layout is Layout.OBIS_VALUE_SCALER
    assert telegram.values == {"1-0:1.8.0": Register(51, 3, "Wh"), "1-0:32.7.0": Register(2337, -1, "V")}
    assert (telegram.registers, telegram.resolution_wh) == ({"1-0:1.8.0": 51000}, 1000)
    assert (telegram.serial, telegram.meter_at, telegram.invocation_counter) == ("181220000009", None, 0)


def test_structures_of_code_value_and_scale() -> None:
    entries = [
        structure(obis("0-0:96.1.0"), octets(b"12345678")),
        structure(obis("0-0:1.0.0"), CLOCK_TIME),
        structure(obis("1-0:1.8.0"), u32(12345), scale(-1, 30)),
        structure(obis("1-0:2.8.0"), u32(7), i8(1), enum(30)),
        structure(obis("1-0:13.7.0"), u16(998), scale(-3, 255)),
    ]
    for body in (array(*entries), structure(*entries), structure(text("LIST_V1"), array(*entries))):
        telegram = decoded(body)
        assert telegram.layout is Layout.OBIS_STRUCTURES
        assert telegram.registers == {"1-0:1.8.0": 1234, "1-0:2.8.0": 70}
        assert telegram.values["1-0:13.7.0"] == Register(998, -3, None)
        assert telegram.meter_at == datetime(2025, 7, 14, 10, 0, 5, tzinfo=UTC)


OBJECTS = (wire.described(40, "0-8:25.9.0"), wire.described(1, "0-0:96.1.0"), wire.described(8, "0-0:1.0.0"),
           wire.described(3, "1-1:1.8.0"), wire.described(3, "1-1:2.8.0"), wire.described(40, "0-8:25.9.0", 1))  # fmt: skip
VALUES = (octets(b"LGZ001"), CLOCK_TIME, u32(4711), u32(12), obis("0-8:25.9.0"))


@pytest.mark.parametrize(
    "body",
    [
        structure(array(*OBJECTS), *VALUES),
        structure(array(*OBJECTS[1:]), *VALUES),
        structure(array(*OBJECTS), structure(*VALUES)),
        structure(structure(*OBJECTS[1:]), *VALUES),
    ],
)
def test_a_list_of_objects_and_their_values(body: bytes) -> None:
    telegram = decoded(body)
    assert telegram.layout is Layout.OBJECT_LIST
    assert telegram.registers == {"1-1:1.8.0": 4711, "1-1:2.8.0": 12}
    assert (telegram.serial, telegram.meter_at) == ("LGZ001", datetime(2025, 7, 14, 10, 0, 5, tzinfo=UTC))


def test_a_list_of_objects_may_bring_scalers_of_its_own() -> None:
    objects = array(
        wire.described(3, "1-0:1.8.0"),
        wire.described(3, "1-0:1.8.0", 3),
        wire.described(5, "1-0:1.4.0"),
        wire.described(5, "1-0:1.4.0", 4),
    )
    found = read(structure(objects, u32(5), scale(3, 30), u32(9), scale(1, 27)))
    assert found.values == {"1-0:1.8.0": Register(5, 3, "Wh"), "1-0:1.4.0": Register(9, 1, "W")}


POWERS = tuple(u32(each) for each in (1500, 0, 10, 20))
NAMES = (octets(b"KFM_001"), octets(b"6970631400000001"), octets(b"MA105H2E"))
ONE_PHASE, THREE_PHASES = (u32(6500), u32(2301)), tuple(u32(each) for each in (1, 2, 3, 2301, 2302, 2303))
HOUR = (CLOCK_TIME, *(u32(each) for each in (40300, 5, 600, 7)))


@pytest.mark.parametrize(
    ("items", "count"),
    [
        (POWERS[:1], 1),
        ((*NAMES, *POWERS, *ONE_PHASE), 6),
        ((*NAMES, *POWERS, *THREE_PHASES), 10),
        ((*NAMES, *POWERS, *ONE_PHASE, *HOUR), 10),
        ((*NAMES, *POWERS, *THREE_PHASES, *HOUR), 14),
    ],
)
def test_kaifas_norwegian_lists(items: tuple[bytes, ...], count: int) -> None:
    telegram = decoded(structure(*items), b"\x09\x0c" + wire.TIME)
    assert (telegram.layout, len(telegram.values)) == (Layout.NORWEGIAN_LIST, count)
    assert telegram.registers["1-0:1.7.0"] == 1500
    assert telegram.meter_at == datetime(2025, 7, 14, 10, 0, 5, tzinfo=UTC)
    assert telegram.registers.get("1-0:1.8.0") == (40300 if HOUR[0] in items else None)
    if count > 1:
        assert telegram.values["1-0:32.7.0"] == Register(2301, -1, "V", unit_sent=False)


def test_kamstrups_norwegian_list_counts_in_tens_of_watt_hours() -> None:
    telegram = decoded(
        structure(text("Kamstrup_V0001"), obis("1-1:0.0.5"), text("5706567000000000"), obis("1-1:1.7.0"), u32(1638),
                  obis("1-1:31.7.0"), u32(712), obis("1-1:32.7.0"), u16(229), obis("0-1:1.0.0"), CLOCK_TIME,
                  obis("1-1:1.8.0"), u32(4711)),
        b"\x09\x0c" + wire.TIME,
    )  # fmt: skip
    assert telegram.registers == {"1-1:1.7.0": 1638, "1-1:1.8.0": 47110}
    assert telegram.values["1-1:31.7.0"] == Register(712, -2, "A", unit_sent=False)
    assert (telegram.serial, telegram.resolution_wh) == ("5706567000000000", 10)


def _entry(kind: int, code: str, attribute: int, value: bytes) -> bytes:
    return b"\x02\x02" + kind.to_bytes(2, "big") + wire.obis_bytes(code) + bytes((attribute,)) + value


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_list_without_tags(wrapped: bool) -> None:
    entries = array(
        _entry(1, "0-0:96.1.1", 2, octets(b"5100005149")),
        _entry(70, "0-0:96.3.10", 3, enum(2)),
        _entry(3, "1-0:1.8.0", 2, u32(77)),
    )
    found = read(structure(enum(1), entries) if wrapped else entries)
    assert (found.layout, found.serial) == (Layout.UNTAGGED, "5100005149")
    assert found.values == {"1-0:1.8.0": Register(77, 0, "Wh", unit_sent=False)}


GOOD = structure(obis("1-0:1.8.0"), u32(5), obis("1-0:2.8.0"), u32(6))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (u32(5), "no list of values"),
        (structure(), "no list of values"),
        (structure(CLOCK_TIME), "no register"),
        (structure(u32(5), obis("1-0:1.8.0")), "no OBIS code"),
        (structure(obis("1-0:1.8.0"), structure(u32(5))), "is a list"),
        (structure(structure(obis("1-0:1.8.0"), array())), "no value with its OBIS code"),
        (structure(obis("1-0:1.8.0"), u32(5), obis("1-0:1.8.0"), u32(6)), "stands twice"),
        (structure(obis("1-0:1.8.0"), u32(5), scale(100, 30)), "scaler of 100"),
        (structure(array(*OBJECTS), *VALUES[1:]), "lists 6 objects, but holds 4"),
        (structure(*NAMES, *POWERS, *ONE_PHASE[:1], enum(3)), "no number"),
        (structure(*NAMES, *POWERS, *ONE_PHASE, u32(1), *HOUR[1:]), "no time"),
        (structure(*KN_HEAD[:3], octets(b"\x07\xe9\x0d\x01\x01"), *KN_VALUES), "date or time"),
        (array(_entry(3, "1-0:1.8.0", 2, array())), "holds a list"),
        (array(_entry(3, "1-0:1.8.0", 2, u32(1)), u32(5)), "no entry"),
        (GOOD + b"\0", "left over"),
        (b"\x13\0", "no value begins with 13"),
        (b"\x02\x83", "length byte 83"),
        (b"\x09\x82\xff\xff", "ends early"),
        (b"\x01\x82\xff\xff", "list of 65535"),
    ],
)
def test_what_only_resembles_a_layout_is_refused(body: bytes, said: str) -> None:
    with pytest.raises(UnknownLayout, match=said):
        read(body)


@pytest.mark.parametrize("time", [b"\x05" + bytes(5), b"\x0c" + bytes(12), b"\x09\x05" + bytes(5)])
def test_a_header_with_a_senseless_time_is_refused(time: bytes) -> None:
    with pytest.raises(UnknownLayout, match="its time"):
        read(GOOD, time)


@pytest.mark.parametrize("time", ["ffffffffffffffffff8000ff", "07e9ffffff0c0000ff888000", "07e907ffff0c0000ffff8880"])
def test_a_time_that_the_meter_leaves_open_is_none(time: str) -> None:
    found = read(GOOD, b"\x0c" + bytes.fromhex(time))
    assert (found.notification_time, found.object_time) == (None, None)


def test_a_day_of_the_week_that_was_never_set_is_no_fault() -> None:
    found = read(GOOD, b"\x0c" + wire.TIME[:4] + b"\0" + wire.TIME[5:])
    assert found.notification_time is not None
    assert found.notification_time.local == wire.LOCAL


def test_nesting_and_counts_are_bounded() -> None:
    with pytest.raises(UnknownLayout, match="deeper"):
        AxdrReader(b"\x02\x01" * (DEPTH_MAX + 2) + u32(1)).node()
    with pytest.raises(UnknownLayout, match="more values"):
        AxdrReader(b"\x01\x82\x04\x00" + b"\0" * NODES_MAX).node()
    with pytest.raises(EndsEarly):
        AxdrReader(b"\x02\x82\x04\x00" + b"\0" * 5).node()


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(notification),
                 st.binary(max_size=60).map(lambda tail: notification(GOOD[:7] + tail))))  # fmt: skip
def test_whatever_comes_is_read_or_refused(plaintext: bytes) -> None:
    try:
        found = parse_notification(plaintext)
    except UnknownLayout:
        return
    assert found.values


def test_units_follow_from_codes() -> None:
    codes = {"1-0:21.8.0": "Wh", "1-0:62.7.0": "W", "1-0:3.8.1": "varh", "1-0:44.7.0": "var", "1-0:9.8.0": "VAh",
             "1-0:9.7.0": "VA", "1-0:32.7.0": None, "0-0:1.8.0": None, "1-0:1.99.0": None}  # fmt: skip
    assert {code: implied_unit(wire.obis_bytes(code)) for code in codes} == codes
    assert obis_text(b"\x01\x00\x01\x08\x00\x01") == "1-0:1.8.0*1"


def test_whole_numbers_are_rounded_down_and_never_up() -> None:
    assert [Register(1999, scaler, "Wh").whole for scaler in (-3, -1, 0, 3)] == [1, 199, 1999, 1999000]
    with pytest.raises(ValueError, match="scaler"):
        Register(1, 10)


def test_only_positional_telegrams_are_built() -> None:
    body = PushBody(
        Layout.OBIS_VALUE, 1, CosemTime(wire.LOCAL, -120, 0x80), CosemTime(wire.LOCAL, -120, 0x80), None, {}
    )
    with pytest.raises(ValueError, match="positional"):
        encode_push(replace(body, registers={}))

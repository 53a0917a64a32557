"""Time on the air as the network servers and the chip maker's calculator give it."""

import pytest

from community.attestation.airtime import LORAWAN_OVERHEAD_BYTES, airtime_of, strongest_dbm, time_on_air_us


@pytest.mark.parametrize(
    ("size", "factor", "microseconds"),
    [(13, 7, 46_336), (23, 7, 61_696), (51 + 13, 12, 2_793_472), (64, 9, 390_144), (222 + 13, 7, 368_896)],
)
def test_time_on_air_at_125_khz(size: int, factor: int, microseconds: int) -> None:
    assert time_on_air_us(size, factor, 125_000) == microseconds


@pytest.mark.parametrize(
    "wrong", [(256, 7, 125_000, 5), (10, 13, 125_000, 5), (10, 7, 1, 5), (10, 7, 125_000, 9), (-1, 7, 125_000, 5)]
)
def test_what_is_no_modulation_is_refused(wrong: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="LoRa"):
        time_on_air_us(*wrong)


def test_both_network_servers_say_how_it_was_sent() -> None:
    lora = {"bandwidth": 125_000, "spreading_factor": 7, "coding_rate": "4/5"}
    stack = {"uplink_message": {"settings": {"data_rate": {"lora": lora}}}}
    chirp = {"txInfo": {"modulation": {"lora": {"bandwidth": 125_000, "spreadingFactor": 7, "codeRate": "CR_4_5"}}}}
    expected = time_on_air_us(10 + LORAWAN_OVERHEAD_BYTES, 7, 125_000)
    assert airtime_of(stack, 10) == airtime_of(chirp, 10) == expected == 61_696
    assert airtime_of({"uplink_message": {"consumed_airtime": "1.5s"}}, 10) == 1_500_000


@pytest.mark.parametrize(
    "envelope",
    [
        {},
        {"uplink_message": None},
        {"uplink_message": {}},
        {"txInfo": {"modulation": {}}},
        {"uplink_message": {"consumed_airtime": "s"}},
    ],
)
def test_an_envelope_that_does_not_say_gives_none(envelope: dict[str, object]) -> None:
    assert airtime_of(envelope, 10) is None


@pytest.mark.parametrize(
    ("envelope", "dbm"),
    [
        ({"uplink_message": {"rx_metadata": [{"rssi": -110}, {"rssi": -97.6}, {"snr": 3}]}}, -98),
        ({"rxInfo": [{"rssi": -35, "snr": 11.5}]}, -35),
        ({"rxInfo": [{"rssi": True}, {"rssi": "-30"}, {"rssi": float("inf")}, None]}, None),
        ({"rxInfo": {}}, None),
        ({"uplink_message": None}, None),
        ({}, None),
    ],
)
def test_the_strongest_gateway_counts(envelope: dict[str, object], dbm: int | None) -> None:
    assert strongest_dbm(envelope) == dbm

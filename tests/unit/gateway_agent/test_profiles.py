"""Profiles: those that come with the agent load, and each way to misread a meter is refused with its reason."""

from importlib import resources

import pytest

from gateway_agent.profiles import (
    DlmsPushProfile,
    ModbusProfile,
    ProfileError,
    load_profile,
    parse_profile,
    profile_names,
)

JANITZA = resources.files("gateway_agent.profiles").joinpath("janitza-umg604.toml").read_text("utf-8")
WIENER_NETZE = resources.files("gateway_agent.profiles").joinpath("at-wiener-netze.toml").read_text("utf-8")


def test_every_profile_that_comes_along_loads() -> None:
    assert profile_names() == ("at-wiener-netze", "janitza-umg604")
    assert isinstance(load_profile("janitza-umg604"), ModbusProfile)
    assert isinstance(load_profile("at-wiener-netze"), DlmsPushProfile)


def test_an_unknown_profile_names_the_known_ones() -> None:
    with pytest.raises(ProfileError, match="at-wiener-netze, janitza-umg604"):
        load_profile("../../secret")


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("function = 3", "function = 6", "only read"),
        ("function = 3", "function = 16", "only read"),
        ("function = 3", "function = true", "only read"),
        ('word_order = "big"', 'word_order = "middle"', "word_order"),
        ('invalid = ["nan", "inf", "negative"]', 'invalid = ["nan"]', "always refused"),
        ('type = "float32"\nunit = "Wh"', 'type = "float32"', "no unit"),
        ('unit = "Wh"', 'unit = "J"', "not known"),
        ('unit = "Wh"', 'unit = "W"', "no energy register"),
        ("address = 9851", "address = 9862", "overlap"),
        ("address = 9851", "address = 65536", "outside 0 to 65535"),
        ("address = 9851", 'address = "9851"', "outside 0 to 65535"),
        ('type = "int32"', 'type = "int33"', "not known"),
        ('kind = "unix-utc"', 'kind = "local"', "unix-utc"),
        ('source = "Janitza Doc 1.033.033.g"', "", "source is missing"),
        ('source = "Janitza Doc 1.033.033.g"', 'source = "x"\nwrite_back = true', "write_back"),
        ("optional = true", "optinal = true", "optinal"),
        ('id = "janitza-umg604"', 'id = "other"', "called"),
        ('protocol = "modbus"', 'protocol = "modbas"', "not known"),
        ("function = 3", "function = = 3", "not TOML"),
    ],
)
def test_a_modbus_profile_that_misleads_is_refused(before: str, after: str, reason: str) -> None:
    assert before in JANITZA
    with pytest.raises(ProfileError, match=reason):
        parse_profile(JANITZA.replace(before, after), "janitza-umg604")


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("baud = 9600", "baud = 0", "baud"),
        ('format = "8N1"', 'format = "9X1"', "format"),
        ('"1-0:2.8.0" = "Wh"', '"1-0:2.8.0" = "kWh"', "not Wh or W"),
        ("[hints]", '[hints]\nother = "x"', "other"),
        ("[line]", "[lines]", "line must be a table"),
    ],
)
def test_a_push_profile_that_misleads_is_refused(before: str, after: str, reason: str) -> None:
    assert before in WIENER_NETZE
    with pytest.raises(ProfileError, match=reason):
        parse_profile(WIENER_NETZE.replace(before, after), "at-wiener-netze")


def test_all_faults_come_together() -> None:
    text = JANITZA.replace("function = 3", "function = 5").replace('unit = "Wh"', 'unit = "J"')
    with pytest.raises(ProfileError) as caught:
        parse_profile(text, "janitza-umg604")
    assert str(caught.value).count("\n  - ") >= 3

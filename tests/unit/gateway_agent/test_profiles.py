"""Profiles: those that come with the agent load, and each way to misread a meter is refused with its reason."""

from importlib import resources

import pytest

from gateway_agent.profiles import (
    DlmsPushProfile,
    MbusProfile,
    MeterProfile,
    ModbusProfile,
    ProfileError,
    SunSpecProfile,
    load_profile,
    parse_profile,
    profile_names,
)

JANITZA = resources.files("gateway_agent.profiles").joinpath("janitza-umg604.toml").read_text("utf-8")
SDM630, SUNSPEC, MBUS = (
    resources.files("gateway_agent.profiles").joinpath(f"{name}.toml").read_text("utf-8")
    for name in ("eastron-sdm630", "fronius-smart-meter", "mbus-two-tariffs")
)
WIENER_NETZE = resources.files("gateway_agent.profiles").joinpath("at-wiener-netze.toml").read_text("utf-8")


def test_every_profile_that_comes_along_loads() -> None:
    kinds: dict[str, type[MeterProfile]] = {
        "at-wiener-netze": DlmsPushProfile,
        "carlo-gavazzi-em24": ModbusProfile,
        "carlo-gavazzi-em340": ModbusProfile,
        "eastron-sdm630": ModbusProfile,
        "fronius-smart-meter": SunSpecProfile,
        "janitza-umg604": ModbusProfile,
        "mbus-emh-diz": MbusProfile,
        "mbus-generic": MbusProfile,
        "mbus-two-tariffs": MbusProfile,
        "sunspec-inverter": SunSpecProfile,
        "sunspec-meter": SunSpecProfile,
    }
    assert set(kinds) <= set(profile_names())
    for name in profile_names():
        profile = load_profile(name)
        assert profile.name == name and profile.source
        assert isinstance(profile, kinds.get(name, object))


def test_an_unknown_profile_names_the_known_ones() -> None:
    with pytest.raises(ProfileError, match="carlo-gavazzi-em24, carlo-gavazzi-em340"):
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


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("function = 3", "function = 6", "3 or 4, which only read"),
        ("function = 3", "function = 16", "3 or 4, which only read"),
        ("optional = true\n\n[values", "optional = true\n\n[vales", "vales is no key"),
        ('format = "8N1"', 'format = "9N1"', "line.format"),
        ("baud = 9600", "baud = 9600.5", "line.baud"),
        ('address = 0x4A\ntype = "float32"', 'address = 0x4A\nfunction = 3\ntype = "float32"', "is energy"),
        ('address = 0x4A\ntype = "float32"', 'address = 0x4A\noptional = true\ntype = "float32"', "is energy"),
        ('verified = "document"', 'verified = "surely"', "verified 'surely'"),
    ],
)
def test_a_profile_with_its_own_functions_is_judged_too(before: str, after: str, reason: str) -> None:
    assert before in SDM630
    with pytest.raises(ProfileError, match=reason):
        parse_profile(SDM630.replace(before, after), "eastron-sdm630")


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("models = [203,", "models = [205,", "models"),
        ("models = [203,", "models = [103,", "not every model in models has the point TotWhImp"),
        ("units = [240", "units = [0", "units"),
        ("bases = [40000", "bases = [70000", "bases"),
        ('"TotWhExp"', '"TotWhImp"', "each once"),
        ('"TotWhExp"', '"VoltLN"', "not one of"),
        ("power =", "powr =", "powr"),
    ],
)
def test_a_sunspec_profile_that_misleads_is_refused(before: str, after: str, reason: str) -> None:
    assert before in SUNSPEC
    with pytest.raises(ProfileError, match=reason):
        parse_profile(SUNSPEC.replace(before, after), "fronius-smart-meter")


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ('direction = "import"', 'direction = "both"', "direction"),
        ("tariffs = [1, 2]", "tariffs = [1, 1]", "each once"),
        ("tariffs = [1, 2]", "tariffs = []", "each once"),
        ("tariffs = [1, 2]", "tariffs = [-1]", "each once"),
        ("tariffs = [1, 2]", "storage = -1", "storage"),
        ("tariffs = [1, 2]", "subunit = true", "subunit"),
        ("tariffs = [1, 2]", "tarifs = [1, 2]", "tarifs"),
        ('media = ["Electricity"]', 'media = ["Electric"]', "media"),
        ("baud = 2400", "baud = 1", "line.baud"),
        ('verified = "telegrams"', 'verified = "telegrams"\nmanufacturers = ["emh"]', "three capital letters"),
        ('[values."1-0:1.8.0"]', '[values."1-0:1.8.0".more]', "direction"),
    ],
)
def test_an_mbus_profile_that_misleads_is_refused(before: str, after: str, reason: str) -> None:
    assert before in MBUS
    with pytest.raises(ProfileError, match=reason):
        parse_profile(MBUS.replace(before, after), "mbus-two-tariffs")


def test_all_faults_come_together() -> None:
    text = JANITZA.replace("function = 3", "function = 5").replace('unit = "Wh"', 'unit = "J"')
    with pytest.raises(ProfileError) as caught:
        parse_profile(text, "janitza-umg604")
    assert str(caught.value).count("\n  - ") >= 3

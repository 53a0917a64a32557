"""Profiles of D0, SML and P1 meters: those that come along say what they should, and each mistake is told."""

from importlib import resources

import pytest

from gateway_agent.profiles import (
    DsmrP1Profile,
    Iec62056Profile,
    ProfileError,
    SmlProfile,
    load_profile,
    parse_profile,
)

D0, SML, P1 = (
    resources.files("gateway_agent.profiles").joinpath(f"{name}.toml").read_text("utf-8")
    for name in ("d0-mode-c", "sml-infrared", "dsmr-p1")
)


def test_the_lines_of_the_profiles_are_those_of_the_meters() -> None:
    lines = {
        "d0-mode-c": (Iec62056Profile, 300, "7E1"),
        "d0-push": (Iec62056Profile, 9600, "7E1"),
        "d0-push-2400": (Iec62056Profile, 2400, "7E1"),
        "sml-infrared": (SmlProfile, 9600, "8N1"),
        "dsmr-p1": (DsmrP1Profile, 115_200, "8N1"),
        "dsmr-p1-v3": (DsmrP1Profile, 9600, "7E1"),
    }
    for name, (kind, baud, bits) in lines.items():
        profile = load_profile(name)
        assert isinstance(profile, Iec62056Profile | SmlProfile | DsmrP1Profile) and type(profile) is kind
        assert profile.source and profile.verified
        assert (profile.baud, profile.format) == (baud, bits)
        assert profile.registers["1-0:1.8.0"][:2] == (("1-0:1.8.0",), ("1-0:1.8.1", "1-0:1.8.2"))


def test_only_meters_without_a_check_are_read_without_one() -> None:
    checks = {
        name: getattr(load_profile(name), "check", None)
        for name in ("d0-mode-c", "d0-push", "d0-push-2400", "dsmr-p1", "dsmr-p1-v3")
    }
    assert checks == {
        "d0-mode-c": "required",
        "d0-push": "none",
        "d0-push-2400": "required",
        "dsmr-p1": "required",
        "dsmr-p1-v3": "as-promised",
    }


@pytest.mark.parametrize(
    ("text", "before", "after", "reason"),
    [
        (D0, 'mode = "request"', 'mode = "ask"', "mode 'ask' is not known: request, push"),
        (D0, "baud = 300", "baud = 9600", "always begins at 300"),
        (D0, "baud_max = 19200", "baud_max = 14400", "baud_max 14400"),
        (D0, 'check = "required"', 'check = "as-promised"', "check 'as-promised' is not known"),
        (D0, 'check = "required"', "", "check None is not known"),
        (D0, 'format = "7E1"', 'format = "7O1"', "7O1"),
        (D0, 'mode = "request"', 'mode = "request"\nenergy_unit = "J"', "energy_unit 'J'"),
        (D0, 'mode = "request"', 'mode = "request"\nwake = 3', "wake is no key"),
        (D0, '"1-0:1.8.0" = [', '"1.8.0" = [', "registers.1.8.0 is no OBIS code"),
        (D0, '["1-0:1.8.0", "1-0:1.8.1 + 1-0:1.8.2", "1-0:1.8.1"]', '"1-0:1.8.0"', "must be a list of sums"),
        (D0, "1-0:1.8.1 + 1-0:1.8.2", "1-0:1.8.1 + 1-0:1.8.1", "each once"),
        (D0, "1-0:1.8.1 + 1-0:1.8.2", "1-0:1.8.1 - 1-0:1.8.2", "no sum of OBIS codes"),
        (D0, 'mode = "request"', 'mode = "request"\ngroup = "heat"', "group 'heat' is no A-B"),
        (D0, 'mode = "request"', 'mode = "request"\nwakeup = 1000', "wakeup 1000 is outside 0 to 100"),
        (SML, "[registers]", "[registers]\n[other]", "registers holds no register"),
        (SML, "baud = 9600", "baud = 0", "baud 0 is outside"),
        (SML, "no_bytes", "no_byte", "hints.no_byte is no key"),
        (P1, 'check = "required"', 'check = "crc"', "required, as-promised, none"),
        (P1, 'protocol = "dsmr-p1"', 'protocol = "dsmr"', "dsmr-p1 are"),
    ],
)
def test_a_profile_with_a_mistake_is_refused(text: str, before: str, after: str, reason: str) -> None:
    name = next(line.split('"')[1] for line in text.splitlines() if line.startswith("id = "))
    assert before in text
    with pytest.raises(ProfileError, match=r"cannot be used|not known") as caught:
        parse_profile(text.replace(before, after), name)
    assert reason in str(caught.value)

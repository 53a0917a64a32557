"""Choosing the register by what records say; exchanges on a bus with echo, noise and collisions."""

import pytest

from gateway_agent.profiles import MbusProfile, load_profile
from gateway_agent.protocols.energy import InvalidRegister
from gateway_agent.protocols.mbus_choice import NoRegister, RegisterRule, choose_energy
from gateway_agent.protocols.mbus_exchange import Exchange
from gateway_agent.protocols.mbus_link import LongFrame, ShortFrame, parse_frame
from gateway_agent.protocols.mbus_records import parse_records
from gateway_agent.protocols.mbus_telegram import parse_telegram
from tests.support.meter_vectors import meter_vectors

IMPORT, EXPORT = RegisterRule("import"), RegisterRule("export")
PLAIN, FORWARD, BACKWARD = "04 03 05 00 00 00", "04 83 3B 06 00 00 00", "04 83 3C 07 00 00 00"
QUESTION = ShortFrame(0x5B, 1).encoded()
ANSWER = LongFrame(0x08, 1, 0x72, bytes(12))


def chosen(text: str, rule: RegisterRule) -> int:
    return choose_energy(parse_records(bytes.fromhex(text)), rule).wh


@pytest.mark.parametrize(
    ("text", "rule", "wh"),
    [
        (PLAIN, IMPORT, 5),
        (PLAIN + BACKWARD, IMPORT, 5),
        (PLAIN + BACKWARD, EXPORT, 7),
        (PLAIN + FORWARD + BACKWARD, IMPORT, 6),
        ("84 10 03 01 00 00 00" + PLAIN, IMPORT, 5),
        ("84 10 03 01 00 00 00" + PLAIN, RegisterRule(tariffs=(1,)), 1),
        ("84 10 06 01 00 00 00 84 20 06 02 00 00 00", RegisterRule(tariffs=(1, 2)), 3000),
        ("84 40 03 09 00 00 00" + PLAIN, IMPORT, 5),
        ("84 40 03 09 00 00 00" + PLAIN, RegisterRule(subunit=1), 9),
        ("44 03 09 00 00 00" + PLAIN, IMPORT, 5),
        ("44 03 09 00 00 00" + PLAIN, RegisterRule(storage=1), 9),
        ("14 03 09 00 00 00" + PLAIN, IMPORT, 5),
        ("04 83 FF 01 09 00 00 00" + PLAIN, IMPORT, 5),
        ("04 0E 09 00 00 00" + PLAIN, IMPORT, 5),
        ("04 2B 09 00 00 00" + PLAIN, IMPORT, 5),
        (PLAIN + PLAIN, IMPORT, 5),
        ("01 83 74 09" + "01 2B 09", IMPORT, 0),
        ("05 06 00 00 C0 3F", IMPORT, 1500),
        ("0C 04 78 56 34 12", IMPORT, 123_456_780),
    ],
)
def test_the_register(text: str, rule: RegisterRule, wh: int) -> None:
    assert chosen(text, rule) == wh


@pytest.mark.parametrize(
    ("text", "rule", "reason"),
    [
        ("", IMPORT, "no energy in Wh at all"),
        (PLAIN, EXPORT, "it sends tariff 0 subunit 0 storage 0"),
        (BACKWARD, IMPORT, "VIFE 3C"),
        (PLAIN + "04 03 06 00 00 00", IMPORT, "more than once"),
        ("84 10 03 01 00 00 00", RegisterRule(tariffs=(1, 2)), "tariff 2"),
        ("44 03 09 00 00 00" * 14, IMPORT, r"\.\.\."),
    ],
)
def test_no_register(text: str, rule: RegisterRule, reason: str) -> None:
    with pytest.raises(NoRegister, match=reason):
        chosen(text, rule)


@pytest.mark.parametrize("text", ["0C 03 AB 00 00 00", "04 03 FF FF FF FF", "05 03 00 00 C0 7F", "00 03"])
def test_a_register_without_a_value(text: str) -> None:
    with pytest.raises(InvalidRegister):
        chosen(text, IMPORT)


def test_the_resolution_is_that_of_the_record() -> None:
    energy = choose_energy(parse_records(bytes.fromhex("04 06 05 00 00 00")), IMPORT)
    assert (energy.wh, energy.resolution_wh, energy.as_sent()) == (5000, 1000, (5, 3))
    small = choose_energy(parse_records(bytes.fromhex("04 01 7B 00 00 00")), IMPORT)
    assert (small.wh, small.resolution_wh, small.as_sent()) == (1, 1, (123, -2))


@pytest.mark.parametrize("rule", [{"tariffs": ()}, {"tariffs": (1, 1)}, {"subunit": -1}, {"tariffs": (-1,)}])
def test_a_rule_that_is_none(rule: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"tariffs|negative"):
        RegisterRule(**rule)  # type: ignore[arg-type]


def test_recorded_meters_give_their_register() -> None:
    """Only the Wh records of the present without tariff count; each recorded meter of electricity or heat is decided."""
    profile = load_profile("mbus-generic")
    assert isinstance(profile, MbusProfile)
    decided = {}
    for vector in meter_vectors("mbus"):
        frame = parse_frame(bytes.fromhex(vector["frame_hex"]))
        assert isinstance(frame, LongFrame)
        telegram = parse_telegram(frame)
        for obis, rule in profile.values.items():
            if telegram.medium in rule.media:
                try:
                    decided[vector["id"], obis] = choose_energy(telegram.records, rule).wh
                except NoRegister:
                    continue
    assert decided["mbus-filler", "1-0:1.8.0"] == 5000
    assert decided["mbus-kamstrup_multical_601", "6-0:1.0.0"] == 37_351_000
    assert decided["mbus-sen_pollusonic_2", "6-0:1.0.0"] == 6_531_000
    assert ("mbus-electricity-meter-1", "1-0:1.8.0") not in decided


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("echo", [b"", QUESTION])
def test_an_echo_is_dropped(size: int, echo: bytes) -> None:
    exchange = Exchange(QUESTION)
    stream = echo + ANSWER.encoded()
    for at in range(0, len(stream), size):
        exchange.feed(stream[at : at + size])
    exchange.quiet()
    assert exchange.answer == ANSWER and not exchange.is_garbled


def test_an_echo_alone_is_no_answer() -> None:
    exchange = Exchange(QUESTION)
    exchange.feed(QUESTION)
    exchange.quiet()
    assert not exchange.heard_anything


def test_noise_around_an_answer() -> None:
    exchange = Exchange(QUESTION)
    exchange.feed(b"\x00" + ANSWER.encoded())
    exchange.quiet()
    assert exchange.answer == ANSWER and exchange.is_garbled and not exchange.is_acknowledged


def test_two_answers_are_none() -> None:
    exchange = Exchange(QUESTION)
    exchange.feed(ANSWER.encoded() * 2)
    exchange.quiet()
    assert exchange.answer is None and exchange.is_garbled
    both = Exchange(QUESTION)
    both.feed(b"\xe5\xe5")
    assert both.is_garbled and not both.is_acknowledged


def test_an_answer_cut_off() -> None:
    exchange = Exchange(QUESTION)
    exchange.feed(ANSWER.encoded()[:-1])
    assert exchange.has_begun and not exchange.heard_anything
    exchange.quiet()
    assert exchange.heard_anything and exchange.answer is None


def test_a_flood_is_bounded() -> None:
    exchange = Exchange(QUESTION)
    for _piece in range(100):
        exchange.feed(b"\xe5" * 1000)
    assert exchange.is_garbled and exchange.answer is None

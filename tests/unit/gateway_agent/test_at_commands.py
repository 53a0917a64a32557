"""AT commands against the modem's own answers, and the simulated modem against the same commands."""

from datetime import UTC, datetime

import pytest

from gateway_agent.protocols import at_commands
from gateway_agent.protocols.at_commands import Answer, Command, Downlink, LineBuffer, ModemBusy, ModemFailure
from standalone.lora_modem import LoraModem, RadioUplink
from standalone.lora_radio import LoraRadio

EUI = bytes.fromhex("2cf7f12024900363")


@pytest.mark.parametrize(
    ("command", "line", "answer"),
    [
        (at_commands.hello(), "+AT: OK", Answer.DONE),
        (at_commands.hello(), "+INFO: Input timeout", Answer.GOING_ON),
        (at_commands.join(), "+JOIN: Start", Answer.GOING_ON),
        (at_commands.join(), "+JOIN: Network joined", Answer.GOING_ON),
        (at_commands.join(), "+JOIN: Done", Answer.DONE),
        (at_commands.join(), "+JOIN: Joined already", Answer.DONE),
        (at_commands.send(b"\x01"), "+MSGHEX: FPENDING", Answer.GOING_ON),
        (at_commands.send(b"\x01"), "+MSGHEX: RXWIN1, RSSI -106, SNR 4", Answer.GOING_ON),
        (at_commands.send(b"\x01"), "+MSGHEX: Done", Answer.DONE),
        (at_commands.set_port(9), "+PORT: 9", Answer.DONE),
    ],
)
def test_what_a_line_means(command: Command, line: str, answer: Answer) -> None:
    assert command.judge(line) is answer


@pytest.mark.parametrize(
    "line",
    [
        "+MSGHEX: Please join network first",
        "+MSGHEX: LoRaWAN modem is busy",
        "+MSGHEX: No free channel",
        "+MSGHEX: Length error 51",
        "+MSGHEX: ERROR(-1)",
        "+AT: ERROR(-10)",
    ],
)
def test_a_refusal_is_a_failure(line: str) -> None:
    with pytest.raises(ModemFailure):
        at_commands.send(b"\x01").judge(line)


def test_a_join_that_fails_is_a_failure() -> None:
    with pytest.raises(ModemFailure):
        at_commands.join().judge("+JOIN: Join failed")


def test_the_eui_is_read() -> None:
    assert at_commands.parse_device_eui("+ID: DevEui, 2C:F7:F1:20:24:90:03:63") == EUI
    with pytest.raises(ModemFailure):
        at_commands.parse_device_eui("+ID: DevEui, 2C:F7")


@pytest.mark.parametrize("wrong", [0, 224, -1])
def test_ports_of_the_network_itself_are_refused(wrong: int) -> None:
    with pytest.raises(ValueError, match="1 to 223"):
        at_commands.set_port(wrong)
    with pytest.raises(ValueError, match="0 to 5"):
        at_commands.set_data_rate(6)


def test_lines_come_whole_in_whatever_pieces() -> None:
    buffer = LineBuffer()
    pieces = [b"+JO", b"IN: Start\r", b"\n+JOIN: Done\r\n+A"]
    assert [line for piece in pieces for line in buffer.feed(piece)] == ["+JOIN: Start", "+JOIN: Done"]
    assert buffer.feed(b"x" * 5000) == []
    assert buffer.feed(b"\n+AT: OK\n") == ["+AT: OK"]


def test_modem_and_commands_agree() -> None:
    heard: list[RadioUplink] = []
    joins: list[int] = []
    modem = LoraModem(EUI, heard.append, lambda: joins.append(1))

    def ask(command: Command) -> Answer:
        return [command.judge(line) for line in modem.answer(command.encoded().decode())][-1]

    assert ask(at_commands.hello()) is Answer.DONE
    with pytest.raises(ModemFailure, match="join"):
        ask(at_commands.send(b"\x01"))
    assert at_commands.parse_device_eui(modem.answer(at_commands.device_eui().line)[0]) == EUI
    assert ask(at_commands.join()) is Answer.DONE and ask(at_commands.join()) is Answer.DONE
    assert ask(at_commands.set_port(7)) is Answer.DONE
    with pytest.raises(ModemFailure, match="Length"):
        ask(at_commands.send(bytes(201)))  # data rate 0 carries 51 bytes
    assert ask(at_commands.set_data_rate(5)) is Answer.DONE
    assert ask(at_commands.send(bytes(201))) is Answer.DONE
    assert heard == [RadioUplink(7, 5, bytes(201))]
    assert joins == [1]
    assert modem.answer("AT+UNKNOWN") == ["+AT: ERROR(-10)"]
    assert modem.answer('AT+MSGHEX="ABC"') == ["+MSGHEX: ERROR(-1)"]


def test_a_modem_that_cannot_now_says_for_how_long() -> None:
    for line, wait_s in (
        ("+MSGHEX: No band in 13469ms", 14.469),
        ("+MSGHEX: LoRaWAN modem is busy", 10),
        ("+MSGHEX: No free channel", 10),
    ):
        with pytest.raises(ModemBusy) as caught:
            at_commands.send(b"\x01").judge(line)
        assert caught.value.wait_s == pytest.approx(wait_s)


def test_downlinks_are_found_among_the_lines() -> None:
    assert at_commands.parse_downlink('+MSGHEX: PORT: 20; RX: "0A 1B"') == Downlink(20, b"\x0a\x1b")
    assert at_commands.parse_downlink('+MSGHEX: PORT: 20; RX: ""') == Downlink(20, b"")
    for line in ("+MSGHEX: Done", '+MSGHEX: PORT: 20; RX: "0A1"', '+MSG: PORT: 20; RX: "0A"'):
        assert at_commands.parse_downlink(line) is None


def test_what_the_modem_says_of_itself() -> None:
    assert at_commands.parse_data_rate("+DR: DR3") == 3
    assert at_commands.parse_data_rate("+DR: DR0 (ADR DR5)") == 5
    assert at_commands.parse_length("+LW: LEN, 51") == 51
    assert at_commands.parse_clock("+RTC: 2026-11-17 00:45:03") == datetime(2026, 11, 17, 0, 45, 3, tzinfo=UTC)
    for parse, line in (
        (at_commands.parse_data_rate, "+DR: DR8"),
        (at_commands.parse_length, "+LW: VER"),
        (at_commands.parse_clock, "+RTC: 2026-13-17 00:45:03"),
        (at_commands.parse_clock, "+RTC: never"),
    ):
        with pytest.raises(ModemFailure):
            parse(line)


def test_the_simulated_modem_keeps_to_the_radio_s_limits() -> None:
    heard: list[RadioUplink] = []
    now_s = [1000.0]
    radio = LoraRadio(lambda: now_s[0])
    down = [(20, b"\xab")]
    modem = LoraModem(
        EUI, heard.append, lambda: None, joined=True, radio=radio, receive=lambda: down.pop() if down else None
    )

    def ask(command: Command) -> list[str]:
        return modem.answer(command.encoded().decode())

    assert ask(at_commands.adaptive_data_rate(True)) == ["+ADR: ON"]
    radio.order_data_rate(3)
    assert at_commands.parse_data_rate(ask(at_commands.data_rate())[0]) == 3
    assert at_commands.parse_length(ask(at_commands.payload_length())[0]) == 113
    lines = ask(at_commands.send(b"\x01"))
    assert [at_commands.parse_downlink(line) for line in lines if "RX:" in line] == [Downlink(20, b"\xab")]
    assert heard == [RadioUplink(8, 3, b"\x01")] and radio.sent[0][1] > 0
    assert at_commands.parse_length(ask(at_commands.payload_length())[0]) == 115
    with pytest.raises(ModemBusy):
        at_commands.send(b"\x01").judge(ask(at_commands.send(b"\x01"))[0])
    now_s[0] += 100
    assert ask(at_commands.request_time()) == ["+LW: DTR"]
    assert ask(at_commands.send(b"\x02"))[-1] == "+MSGHEX: Done"
    assert at_commands.parse_clock(ask(at_commands.clock())[0]) == datetime.fromtimestamp(1100, UTC)
    modem.busy = True
    with pytest.raises(ModemBusy):
        at_commands.send(b"\x01").judge(ask(at_commands.send(b"\x01"))[0])
    assert modem.answer("AT+ADR=MAYBE") == ["+ADR: ERROR(-1)"] and modem.answer("AT+LW=X") == ["+LW: ERROR(-1)"]

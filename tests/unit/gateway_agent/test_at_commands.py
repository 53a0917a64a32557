"""AT commands against the modem's own answers, and the simulated modem against the same commands."""

import pytest

from gateway_agent.protocols import at_commands
from gateway_agent.protocols.at_commands import Answer, Command, LineBuffer, ModemFailure
from standalone.lora_modem import LoraModem, RadioUplink

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

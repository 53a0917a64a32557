"""A Modbus unit as a source of registers, over TCP or a serial line (RTU). It can only read: codes 3 and 4."""

import asyncio
import logging
import termios

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from gateway_agent.meters.unreachable import MeterUnreachable

logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)  # what fails is told once, by our own events

READ_HOLDING, READ_INPUT = 3, 4
READ_MAX = 125
"""Registers in one read (Modbus V1.1b3, 6.3)."""


class RegisterRefused(MeterUnreachable):
    """The device answers with a Modbus exception: it does not have these registers."""


class ModbusLink:
    """One unit behind one connection. Connects when asked, and again after a loss."""

    def __init__(self, client: AsyncModbusTcpClient | AsyncModbusSerialClient, unit: int, where: str) -> None:
        if not 0 <= unit <= 255:
            raise ValueError(f"a Modbus unit is 0 to 255, not {unit}")
        self._client = client
        self._unit = unit
        self.where = f"{where} unit {unit}"
        self._asking = asyncio.Lock()

    async def registers(self, function: int, address: int, count: int) -> list[int]:
        """`count` registers from `address` on. Raises RegisterRefused or MeterUnreachable."""
        if function not in (READ_HOLDING, READ_INPUT):
            raise ValueError(f"function {function} is not one of the two that read registers")
        if not 1 <= count <= READ_MAX:
            raise ValueError(f"one read gives 1 to {READ_MAX} registers, not {count}")
        async with self._asking:
            await self._connect()
            read = (
                self._client.read_holding_registers if function == READ_HOLDING else self._client.read_input_registers
            )
            try:
                answer = await read(address, count=count, device_id=self._unit)
            except (ModbusException, OSError, termios.error) as error:
                self._client.close()
                raise MeterUnreachable(f"{self.where} did not answer for register {address}: {error}") from error
        if answer.isError():
            raise RegisterRefused(f"{self.where} refuses {count} register(s) at {address}: {answer}")
        if len(answer.registers) != count:
            raise MeterUnreachable(f"{self.where} gave {len(answer.registers)} registers instead of {count}")
        return list(answer.registers)

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    async def _connect(self) -> None:
        try:
            if self._client.connected or await self._client.connect():
                return
        except (OSError, termios.error) as error:  # a serial port that takes no settings
            raise MeterUnreachable(f"{self.where} cannot be opened: {error}") from error
        raise MeterUnreachable(f"Nothing answers at {self.where}. Is the address right and the meter on?")


def tcp_link(host: str, port: int = 502, unit: int = 1, timeout_s: float = 2.0) -> ModbusLink:
    """A unit on Modbus TCP; nothing is opened yet."""
    client = AsyncModbusTcpClient(host, port=port, timeout=timeout_s, retries=1, reconnect_delay=0)
    return ModbusLink(client, unit, f"{host}:{port}")


def rtu_link(
    port: str, unit: int, baud: int = 9600, bits_format: str = "8N1", timeout_s: float = 1.0, *, echo: bool = False
) -> ModbusLink:
    """A unit on a serial line; nothing is opened yet. `echo`: the adapter hears what it sends.

    Raises ValueError for a format other than 7 or 8 data bits, parity N, E or O, and 1 or 2 stop bits.
    """
    size, parity, stop = parse_format(bits_format)
    client = AsyncModbusSerialClient(
        port,
        baudrate=baud,
        bytesize=size,
        parity=parity,
        stopbits=stop,
        handle_local_echo=echo,
        timeout=timeout_s,
        retries=1,
        reconnect_delay=0,
    )
    return ModbusLink(client, unit, port)


def parse_format(bits_format: str) -> tuple[int, str, int]:
    """(data bits, parity, stop bits) of a text as in `8N2`. Raises ValueError."""
    if len(bits_format) == 3 and bits_format[0] in "78" and bits_format[1] in "NEO" and bits_format[2] in "12":
        return int(bits_format[0]), bits_format[1], int(bits_format[2])
    raise ValueError(f"{bits_format!r} is no format of a serial byte: 8N1, 8E1, 8N2 are usual")

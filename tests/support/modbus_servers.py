"""Real Modbus servers (pymodbus) that serve given registers, over TCP and over a serial line."""

import contextlib
from collections.abc import AsyncGenerator, Iterable, Mapping

from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from tests.support.brokers import free_port
from tests.support.ports import accepting

Registers = Mapping[int, list[int]]


def chain_of(base: int, models: Iterable[tuple[int, list[int]]]) -> dict[int, list[int]]:
    """A SunSpec map at `base`: each model's number and the registers after its length; the end is added."""
    words = [0x5375, 0x6E53]
    for number, body in models:
        words += [number, len(body), *body]
    return {base: [*words, 0xFFFF, 0]}


def _device(unit: int, registers: Registers) -> SimDevice:
    """Neighbouring values become one block, as in a meter's own memory."""
    blocks: list[tuple[int, list[int]]] = []
    for address, words in sorted(registers.items()):
        if blocks and blocks[-1][0] + len(blocks[-1][1]) == address:
            blocks[-1][1].extend(words)
        else:
            blocks.append((address, list(words)))
    data = [SimData(address, values=words, datatype=DataType.REGISTERS, readonly=True) for address, words in blocks]
    return SimDevice(unit, simdata=data)


@contextlib.asynccontextmanager
async def modbus_tcp(registers: Registers, unit: int = 1) -> AsyncGenerator[int, None]:
    """Serves on 127.0.0.1; gives the port."""
    port = free_port()
    server = ModbusTcpServer(_device(unit, registers), address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    try:
        await accepting(port)
        yield port
    finally:
        await server.shutdown()


@contextlib.asynccontextmanager
async def modbus_rtu(registers: Registers, port: str, unit: int = 1, baud: int = 9600) -> AsyncGenerator[None, None]:
    """Serves at the serial port `port`."""
    server = ModbusSerialServer(_device(unit, registers), framer=FramerType.RTU, port=port, baudrate=baud)
    await server.serve_forever(background=True)
    try:
        yield
    finally:
        await server.shutdown()

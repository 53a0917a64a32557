"""A Modbus TCP server that answers like a Janitza UMG 604 Pro (Doc 1.033.033.g), function codes 3 and 4."""

import asyncio
import struct
from dataclasses import dataclass
from datetime import datetime

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from community.clock import Clock
from standalone.meters.load_profiles import CumulativeRegister

UNIT = 1
_READ_FUNCTIONS = (3, 4)
_REALTIME, _SYSTIME = 0, 4
_IMPORT_WH, _EXPORT_WH, _IMPORT_RATE_1 = 9851, 9863, 19068
_ENERGY_BLOCK = (9827, 9913)  # 1-phase and tariff counters between the totals: they can be read, and stand at 0
_SERIAL = 10176
_POWER_W = 19026
_REALTIME_PER_S = 500_000_000  # units of 2 ns


@dataclass(frozen=True, slots=True)
class JanitzaMeter:
    """The meter behind the server: what it has counted, and who it is."""

    imported: CumulativeRegister
    exported: CumulativeRegister
    serial: int

    def registers_at(self, instant: datetime) -> dict[int, bytes]:
        """Address and content of every value at `instant`, big-endian, high word first."""
        seconds = int(instant.timestamp())
        imported, exported = self.imported.wh_at(instant), self.exported.wh_at(instant)
        power = self.imported.power_w_at(instant) - self.exported.power_w_at(instant)
        return {
            _REALTIME: struct.pack(">q", seconds * _REALTIME_PER_S),
            _SYSTIME: struct.pack(">i", seconds),
            _IMPORT_WH: struct.pack(">f", imported),
            _EXPORT_WH: struct.pack(">f", exported),
            _SERIAL: struct.pack(">I", self.serial),
            _POWER_W: struct.pack(">f", power),
            _IMPORT_RATE_1: struct.pack(">f", imported // 2),
        }


async def run_janitza_server(meter: JanitzaMeter, host: str, port: int, clock: Clock, stop: asyncio.Event) -> None:
    """Serve until `stop`. Raises RuntimeError if the port is taken."""

    async def show_present(
        function: int,
        start: int,
        _address: int,
        _count: int,
        registers: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        if function not in _READ_FUNCTIONS or values:
            return ExcCodes.ILLEGAL_FUNCTION
        for address, content in meter.registers_at(clock.now()).items():
            for at in range(0, len(content), 2):
                registers[address - start + at // 2] = int.from_bytes(content[at : at + 2], "big")
        return None

    begin, end = _ENERGY_BLOCK
    lengths = {address: len(content) // 2 for address, content in meter.registers_at(clock.now()).items()}
    lengths = {address: length for address, length in lengths.items() if not begin <= address < end} | {
        begin: end - begin
    }
    blocks = [
        SimData(address, values=[0] * length, datatype=DataType.REGISTERS, readonly=True)
        for address, length in sorted(lengths.items())
    ]
    server = ModbusTcpServer(SimDevice(UNIT, simdata=blocks, action=show_present), address=(host, port))
    await server.serve_forever(background=True)
    try:
        await stop.wait()
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]

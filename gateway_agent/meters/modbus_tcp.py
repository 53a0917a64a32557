"""A meter that answers on Modbus TCP, read by its profile."""

import logging
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from community.errors import RetryableError
from gateway_agent.profiles import ModbusProfile, ModbusValue
from gateway_agent.protocols.modbus_registers import InvalidRegister, decode, decode_energy
from gateway_agent.reading import MeterSample

logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)  # what fails is told once, by our own events

BLOCK_MAX = 125
"""Registers in one read (Modbus V1.1b3, 6.3)."""
_READ_WITHIN = timedelta(seconds=5)
_BLOCK_GAP_MAX = 16
"""Values at most this far apart come in one read, so that they are of one moment."""


class MeterUnreachable(RetryableError):
    """The meter does not answer, refuses a register, or gives a value that is none."""


class ModbusTcpMeter:
    """One unit behind one address. Connects when asked and again after a loss."""

    def __init__(self, profile: ModbusProfile, host: str, port: int, unit: int, timeout_s: float = 2.0) -> None:
        self._profile = profile
        self._where = f"{host}:{port} unit {unit}"
        self._unit = unit
        self._client = AsyncModbusTcpClient(host, port=port, timeout=timeout_s, retries=1, reconnect_delay=0)
        self._serial: str | None = None
        self._blocks = _blocks([value for value in profile.values.values() if value.is_energy])

    async def read(self) -> MeterSample:
        """The meter's clock, its energy, its clock again, then what is optional. Raises MeterUnreachable.

        Energy between two looks at the clock that are far apart belongs to no instant: it is refused.
        """
        await self._connect()
        if self._serial is None:
            self._serial = await self._read_serial()
        meter_at = await self._read_time()
        energy: dict[int, list[int]] = {}
        for start, count in self._blocks:
            energy[start] = await self._registers(start, count)
        after = await self._read_time()
        if meter_at is not None and after is not None and abs(after - meter_at) > _READ_WITHIN:
            raise MeterUnreachable(f"{self._where} took from {meter_at:%H:%M:%S} to {after:%H:%M:%S} for one answer")
        registers_wh: dict[str, int] = {}
        resolution_wh = 1
        for obis, value in self._profile.values.items():
            if not value.is_energy or value.unit is None:
                continue
            start = next(begin for begin, count in self._blocks if begin <= value.address < begin + count)
            words = energy[start][value.address - start :][: value.count]
            try:
                decoded = decode_energy(words, value.type_name, value.unit, self._profile.word_order)
            except InvalidRegister as error:
                raise MeterUnreachable(f"{self._where}, {obis} at {value.address}: {error}") from error
            registers_wh[obis] = decoded.wh
            resolution_wh = max(resolution_wh, decoded.resolution_wh)
        return MeterSample(registers_wh, self._serial, meter_at, resolution_wh, False, await self._read_powers())

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    async def _connect(self) -> None:
        if not self._client.connected and not await self._client.connect():
            raise MeterUnreachable(f"No Modbus meter answers at {self._where}. Is the address right and the meter on?")

    async def _registers(self, address: int, count: int) -> list[int]:
        read = self._client.read_holding_registers if self._profile.function == 3 else self._client.read_input_registers
        try:
            answer = await read(address, count=count, device_id=self._unit)
        except ModbusException as error:
            self._client.close()
            raise MeterUnreachable(f"{self._where} did not answer for register {address}: {error}") from error
        if answer.isError():
            raise MeterUnreachable(f"{self._where} refuses {count} register(s) at {address}: {answer}")
        if len(answer.registers) != count:
            raise MeterUnreachable(f"{self._where} gave {len(answer.registers)} registers instead of {count}")
        return list(answer.registers)

    async def _number(self, value: ModbusValue) -> Fraction:
        words = await self._registers(value.address, value.count)
        try:
            return decode(words, value.type_name, self._profile.word_order)
        except InvalidRegister as error:
            raise MeterUnreachable(f"{self._where}, register {value.address}: {error}") from error

    async def _read_serial(self) -> str:
        return "" if self._profile.serial is None else str(int(await self._number(self._profile.serial)))

    async def _read_time(self) -> datetime | None:
        if self._profile.time is None:
            return None
        return datetime.fromtimestamp(int(await self._number(self._profile.time)), UTC)

    async def _read_powers(self) -> dict[str, int]:
        powers = {}
        for obis, value in self._profile.values.items():
            if value.is_energy:
                continue
            try:
                powers[obis] = int(await self._number(value))
            except MeterUnreachable:
                if not value.optional:
                    raise
        return powers


def _blocks(values: list[ModbusValue]) -> list[tuple[int, int]]:
    """(start, count) of as few reads as hold all `values`."""
    blocks: list[tuple[int, int]] = []
    for value in sorted(values, key=lambda each: each.address):
        end = value.address + value.count
        if blocks:
            start, count = blocks[-1]
            if value.address - (start + count) <= _BLOCK_GAP_MAX and end - start <= BLOCK_MAX:
                blocks[-1] = (start, end - start)
                continue
        blocks.append((value.address, value.count))
    return blocks

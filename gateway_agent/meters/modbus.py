"""A Modbus meter read by its profile, over whatever carries Modbus."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

from gateway_agent.meters.modbus_link import READ_MAX, ModbusLink, RegisterRefused
from gateway_agent.meters.unreachable import MeterUnreachable
from gateway_agent.profiles import ModbusProfile, ModbusValue
from gateway_agent.protocols.energy import InvalidRegister
from gateway_agent.protocols.modbus_registers import decode, decode_energy
from gateway_agent.reading import MeterSample, RawRegister

_READ_WITHIN = timedelta(seconds=5)
_BLOCK_GAP_MAX = 16
"""Values at most this far apart come in one read, so that they are of one moment."""


class ModbusMeter:
    """One meter behind one link."""

    def __init__(self, profile: ModbusProfile, link: ModbusLink) -> None:
        self._profile = profile
        self._link = link
        self._serial: str | None = None
        self._energies = [value for value in profile.values.values() if value.is_energy]
        self._blocks = blocks_of(self._energies)

    async def read(self) -> MeterSample:
        """The meter's clock, its energy, its clock again, then what is optional. Raises MeterUnreachable.

        Energy between two looks at the clock that are far apart belongs to no instant: it is refused.
        """
        where = self._link.where
        if self._serial is None:
            self._serial = await self._read_serial()
        meter_at = await self._read_time()
        energy = await self._read_energy()
        after = await self._read_time()
        if meter_at is not None and after is not None and abs(after - meter_at) > _READ_WITHIN:
            raise MeterUnreachable(f"{where} took from {meter_at:%H:%M:%S} to {after:%H:%M:%S} for one answer")
        registers_wh: dict[str, int] = {}
        raw: dict[str, RawRegister] = {}
        resolution_wh = 1
        for obis, value in self._profile.values.items():
            if not value.is_energy or value.unit is None:
                continue
            start = next(begin for begin, count in self._blocks if begin <= value.address < begin + count)
            words = energy[start][value.address - start :][: value.count]
            try:
                decoded = decode_energy(words, value.type_name, value.unit, self._profile.word_order)
            except InvalidRegister as error:
                raise MeterUnreachable(f"{where}, {obis} at {value.address}: {error}") from error
            registers_wh[obis] = decoded.wh
            raw[obis] = RawRegister(*decoded.as_sent(), "Wh")
            resolution_wh = max(resolution_wh, decoded.resolution_wh)
        powers = await self._read_powers()
        return MeterSample(registers_wh, self._serial, meter_at, resolution_wh, False, powers, raw=raw)

    def close(self) -> None:
        """Hang up."""
        self._link.close()

    async def _read_energy(self) -> dict[int, list[int]]:
        """The registers of each block. A meter that refuses the gaps within a block is read value by value from then on."""
        try:
            return {
                start: await self._link.registers(self._profile.function, start, count) for start, count in self._blocks
            }
        except RegisterRefused:
            singly = [(value.address, value.count) for value in self._energies]
            if self._blocks == singly:
                raise
            self._blocks = singly
            return await self._read_energy()

    async def _number(self, value: ModbusValue) -> Fraction:
        function = value.function or self._profile.function
        words = await self._link.registers(function, value.address, value.count)
        try:
            return decode(words, value.type_name, self._profile.word_order) * value.scale
        except InvalidRegister as error:
            raise MeterUnreachable(f"{self._link.where}, register {value.address}: {error}") from error

    async def _read_serial(self) -> str:
        serial = self._profile.serial
        if serial is None:
            return ""
        try:
            return str(int(await self._number(serial)))
        except MeterUnreachable:
            if not serial.optional:
                raise
            return ""

    async def _read_time(self) -> datetime | None:
        if self._profile.time is None:
            return None
        seconds = int(await self._number(self._profile.time))
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (OverflowError, ValueError, OSError) as error:
            raise MeterUnreachable(f"{self._link.where} gives {seconds} s since 1970 as its time") from error

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


def blocks_of(values: list[ModbusValue]) -> list[tuple[int, int]]:
    """(start, count) of as few reads as hold all `values`."""
    blocks: list[tuple[int, int]] = []
    for value in sorted(values, key=lambda each: each.address):
        end = value.address + value.count
        if blocks:
            start, count = blocks[-1]
            if value.address - (start + count) <= _BLOCK_GAP_MAX and end - start <= READ_MAX:
                blocks[-1] = (start, end - start)
                continue
        blocks.append((value.address, value.count))
    return blocks

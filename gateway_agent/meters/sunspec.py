"""Inverters and meters that describe themselves by SunSpec models, found by discovery and read by what they offer."""

from collections.abc import AsyncGenerator, Generator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from gateway_agent.meters.modbus_link import READ_HOLDING, ModbusLink, RegisterRefused
from gateway_agent.meters.unreachable import MeterUnreachable
from gateway_agent.profiles import SunSpecProfile
from gateway_agent.protocols import sunspec
from gateway_agent.protocols.energy import Energy, InvalidRegister
from gateway_agent.protocols.sunspec import FoundModel, Identity, NotSunSpec, PointName
from gateway_agent.reading import MeterSample, RawRegister

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class DiscoveredModel:
    """One model of a device, with what it has counted if its layout is known."""

    found: FoundModel
    identity: Identity
    energy: dict[PointName, Energy] = field(default_factory=dict)
    problems: dict[PointName, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Device:
    chain: tuple[FoundModel, ...]
    identity: Identity


class SunSpecMeter:
    """A device behind a link. The chain of models is found at the first read, and again when it has changed."""

    def __init__(self, profile: SunSpecProfile, link: ModbusLink) -> None:
        self._profile = profile
        self._link = link
        self._device: _Device | None = None

    async def read(self) -> MeterSample:
        """What the first model of the profile's list says that the device has and fills. Raises MeterUnreachable."""
        try:
            if self._device is None:
                self._device = await _meet(self._link, self._profile.bases)
            return await self._read(self._device)
        except NotSunSpec as error:
            self._device = None
            raise MeterUnreachable(f"{self._link.where}: {error}") from error

    def close(self) -> None:
        """Hang up."""
        self._link.close()

    async def _read(self, device: _Device) -> MeterSample:
        reasons = []
        for model in _offered(device.chain, self._profile.models):
            points = [point for point in self._profile.points.values() if sunspec.has_point(model.model, point)]
            if not points:
                continue
            content = await _content(self._link, model, (*points, "W"))
            energy, problems = _energies(model.model, points, content)
            if energy:
                return self._sample(device, model, energy, content)
            reasons.append(f"model {model.model}: {'; '.join(problems.values())}")
        offered = ", ".join(str(each.model) for each in device.chain) or "none"
        why = "; ".join(reasons) or f"the device has models {offered}, the profile {self._profile.name} reads others"
        raise MeterUnreachable(f"{self._link.where} gives no energy: {why}")

    def _sample(
        self, device: _Device, model: FoundModel, energy: dict[PointName, Energy], content: list[int]
    ) -> MeterSample:
        obis_of = {point: obis for obis, point in self._profile.points.items()}
        powers = {}
        try:
            powers[self._profile.power] = sunspec.power_w(model.model, content)
        except InvalidRegister:
            pass  # power is only shown
        return MeterSample(
            {obis_of[point]: each.wh for point, each in energy.items()},
            device.identity.serial,
            None,
            max(each.resolution_wh for each in energy.values()),
            False,
            powers,
            raw={obis_of[point]: RawRegister(*each.as_sent(), "Wh") for point, each in energy.items()},
        )


async def discover_sunspec(
    link: ModbusLink, bases: Sequence[int] = sunspec.BASES
) -> AsyncGenerator[DiscoveredModel, None]:
    """Every model of the device in its order, with its energy. Raises MeterUnreachable if it has no chain of models."""
    try:
        device = await _meet(link, bases)
        for found in device.chain:
            points = [point for point in sunspec.ENERGY_POINTS if sunspec.has_point(found.model, point)]
            if not points:
                yield DiscoveredModel(found, device.identity)
                continue
            energy, problems = _energies(found.model, points, await _content(link, found, points))
            yield DiscoveredModel(found, device.identity, energy, problems)
    except NotSunSpec as error:
        raise MeterUnreachable(f"{link.where}: {error}") from error


def _offered(chain: Sequence[FoundModel], models: Sequence[int]) -> list[FoundModel]:
    """The models of the chain that the profile reads, in the profile's order."""
    return [found for model in models for found in chain if found.model == model]


def _energies(
    model: int, points: Sequence[PointName], content: list[int]
) -> tuple[dict[PointName, Energy], dict[PointName, str]]:
    energy: dict[PointName, Energy] = {}
    problems: dict[PointName, str] = {}
    for point in points:
        try:
            energy[point] = sunspec.energy(model, point, content)
        except InvalidRegister as error:
            problems[point] = f"{point}: {error}"
    return energy, problems


async def _meet(link: ModbusLink, bases: Sequence[int]) -> _Device:
    chain = await _asked(link, sunspec.discover(bases))
    return _Device(chain, await _asked(link, sunspec.identify(chain)))


async def _content(link: ModbusLink, model: FoundModel, points: Sequence[PointName]) -> list[int]:
    address, count = sunspec.span_of(model, points)
    content = await link.registers(READ_HOLDING, address, count)
    sunspec.check_head(model, content)
    return content


async def _asked(link: ModbusLink, questions: Generator[sunspec.Wanted, sunspec.Content, Result]) -> Result:
    """Answer the questions of a coroutine of protocols.sunspec from the device, and give back its result."""
    content: sunspec.Content = None
    try:
        address, count = next(questions)
        while True:
            try:
                content = await link.registers(READ_HOLDING, address, count)
            except RegisterRefused:
                content = None
            address, count = questions.send(content)
    except StopIteration as done:
        result: Result = done.value
        return result

"""`scan modbus|mbus` and `sunspec HOST`: who answers on a bus. Only ever done because a person asked for it."""

import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from community.errors import RetryableError
from gateway_agent.cli_text import Terminal, Write, grouped, plural
from gateway_agent.meters.mbus_line import MbusLink
from gateway_agent.meters.mbus_scan import MbusCollision, MbusFound, ScanResult, scan_mbus, search_mbus
from gateway_agent.meters.modbus import ModbusMeter
from gateway_agent.meters.modbus_link import READ_HOLDING, ModbusLink, RegisterRefused
from gateway_agent.meters.sunspec import DiscoveredModel, discover_sunspec
from gateway_agent.meters.unreachable import MeterUnreachable
from gateway_agent.profiles import ModbusProfile, load_profile, profile_names

FIRST_UNIT, LAST_UNIT = 1, 247


class NobodyAnswers(RetryableError):
    """A scan that found nothing."""


async def scan_modbus(links: "AsyncGenerator[tuple[int, ModbusLink], None]", write: Write) -> None:
    """Ask each unit for one register, and those that answer as every Modbus profile would. Raises NobodyAnswers.

    A refusal is an answer too: somebody is there.
    """
    out = Terminal.around(write)
    out.line(f"{'unit':>4}  what answers")
    found: list[dict[str, Any]] = []
    async with contextlib.aclosing(links) as each:
        async for unit, link in each:
            try:
                if not await _is_there(link):
                    continue
                fits = await _fitting(link)
            finally:
                link.close()
            found.append({"unit": unit, "profiles": fits})
            text = "; ".join(f"{name}: {rows}" for name, rows in fits.items())
            out.line(f"{unit:>4}  {text or 'answers, but as no profile here: try `sunspec`'}")
    out.document(found)
    if not found:
        raise NobodyAnswers(
            "No unit answers. Are A and B the right way round, speed and format those of the meter, and does nobody else"
            " hold the connection?"
        )
    out.line(f"{plural(len(found), 'unit')}; compare the numbers with the meter's display before you believe a profile")


async def _is_there(link: ModbusLink) -> bool:
    try:
        await link.registers(READ_HOLDING, 0, 1)
    except RegisterRefused:
        return True
    except MeterUnreachable:
        return False
    return True


async def _fitting(link: ModbusLink) -> dict[str, str]:
    """Profiles by which the unit gives a sample, with what they read."""
    fits = {}
    for name in profile_names():
        profile = load_profile(name)
        if not isinstance(profile, ModbusProfile):
            continue
        with contextlib.suppress(RetryableError, ValueError, OverflowError, OSError):
            sample = await ModbusMeter(profile, link).read()
            energy = ", ".join(f"{obis} {grouped(wh, 'Wh')}" for obis, wh in sample.registers_wh.items())
            fits[name] = f"{energy}{', serial ' + sample.meter_serial if sample.meter_serial else ''}"
    return fits


async def scan_mbus_bus(
    link: MbusLink, write: Write, *, secondary: bool, first: int = 1, last: int = 250, mask: str = "F" * 16
) -> None:
    """Call every primary address, or search by secondary address. Raises LineLost, NobodyAnswers."""
    out = Terminal.around(write)
    out.line(f"{'address':<24}  meter")
    found: list[dict[str, Any]] = []
    results = search_mbus(link, mask) if secondary else scan_mbus(link, first, last)
    async with contextlib.aclosing(results) as each:
        async for result in each:
            facts = _mbus_facts(result)
            found.append(facts)
            out.line(f"{facts['address']:<24}  {facts['text']}")
    out.document(found)
    if not found:
        raise NobodyAnswers(
            f"No meter answers on {link.where}. Is the bus powered by the converter, is the speed right (2400, 300 or"
            " 9600), and the number of meters within what the converter feeds?"
        )
    out.line(plural(len(found), "answer"))


def _mbus_facts(result: ScanResult) -> dict[str, Any]:
    address = str(result.address) if isinstance(result.address, int) else f"sec:{result.address}"
    match result:
        case MbusCollision():
            return {
                "address": address,
                "collision": True,
                "text": "several meters answer at once: scan with --secondary",
            }
        case MbusFound(telegram=None):
            return {"address": address, "collision": False, "text": "answers, but its telegram cannot be read"}
        case MbusFound(telegram=telegram):
            assert telegram is not None
            text = f"{telegram.manufacturer} {telegram.identification}, {telegram.medium}, {plural(len(telegram.records), 'record')}"
            facts = {"manufacturer": telegram.manufacturer, "identification": telegram.identification}
            return {"address": address, "collision": False, **facts, "medium": telegram.medium, "text": text}


async def show_sunspec(link: ModbusLink, write: Write) -> None:
    """The models of a device that describes itself. Raises MeterUnreachable."""
    out = Terminal.around(write)
    models: list[dict[str, Any]] = []
    try:
        async with contextlib.aclosing(discover_sunspec(link)) as discovered:
            async for model in discovered:
                if not models:
                    out.rows(_identity_rows(model))
                    out.line()
                    out.line(f"{'model':>5}  {'address':>7}  {'length':>6}  what it counts")
                models.append(_model_facts(model))
                found = model.found
                out.line(f"{found.model:>5}  {found.address:>7}  {found.length:>6}  {_model_text(model)}")
    finally:
        link.close()
    out.document(models)


def _identity_rows(model: DiscoveredModel) -> list[tuple[str, str]]:
    identity = model.identity
    return [
        ("maker", identity.manufacturer),
        ("model", identity.device),
        ("version", identity.version or "not told"),
        ("serial", identity.serial),
    ]


def _model_text(model: DiscoveredModel) -> str:
    parts = [
        f"{point} {grouped(energy.wh, 'Wh')} (step {energy.resolution_wh})" for point, energy in model.energy.items()
    ]
    return ", ".join([*parts, *model.problems.values()]) or "-"


def _model_facts(model: DiscoveredModel) -> dict[str, Any]:
    return {
        "model": model.found.model,
        "address": model.found.address,
        "length": model.found.length,
        "energy_wh": {str(point): energy.wh for point, energy in model.energy.items()},
        "problems": {str(point): text for point, text in model.problems.items()},
    }

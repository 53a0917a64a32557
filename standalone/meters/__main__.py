"""One simulated meter or radio site as a process: `python -m standalone.meters plant|head|lora-site ...`."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from community.clients.mqtt import MqttAddress
from community.clock import Clock
from community.metering.dlms.encode import MeterModel, PushMeter
from community.runtime.lifecycle import Runnable, run_until_stopped
from community.runtime.logs import configure_logging
from community.runtime.system_clock import SystemClock
from standalone.lora_site import LoraSite, SiteOptions
from standalone.meters.infrared_head import PushingMeter, run_infrared_head
from standalone.meters.load_profiles import CumulativeRegister, HouseholdPower, NightStandby, SunPower
from standalone.replay_clock import ReplayClock
from standalone.things_stack_json import Application


class Plant:
    """The photovoltaic plant's meter as an application."""

    def __init__(self, options: argparse.Namespace, clock: Clock) -> None:
        from standalone.meters.janitza_server import JanitzaMeter  # Modbus is the plant's alone, and takes long to load

        sun = SunPower(options.nameplate_w, options.seed)
        self._meter = JanitzaMeter(
            imported=CumulativeRegister(NightStandby(sun), options.since, options.opening_wh // 200),
            exported=CumulativeRegister(sun, options.since, options.opening_wh),
            serial=options.serial,
        )
        self._port = options.port
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`."""
        from standalone.meters.janitza_server import run_janitza_server

        await run_janitza_server(self._meter, "127.0.0.1", self._port, self._clock, stop)


class Head:
    """A flat's meter with an infrared head as an application."""

    def __init__(self, options: argparse.Namespace, clock: Clock) -> None:
        key = bytes.fromhex(Path(options.key_file).read_text("utf-8").strip())
        imported = CumulativeRegister(HouseholdPower(options.seed), options.since, options.opening_wh)
        meter = PushMeter(MeterModel[options.model], bytes.fromhex(options.system_title), key)
        self._meter = PushingMeter(meter, imported)
        self._link = Path(options.link)
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Send telegrams until `stop`."""
        await run_infrared_head(self._meter, self._link, self._clock, stop)


def _lora_site(options: argparse.Namespace, clock: Clock) -> LoraSite:
    name, _, tenant = options.application.partition("@")
    eui = bytes.fromhex(options.eui)
    application = Application(name, tenant or "ttn", f"eui-{eui.hex()}", eui)
    broker = MqttAddress(f"mqtt://127.0.0.1:{options.broker_port}", username="network-server", version=4)
    return LoraSite(SiteOptions(options.link, application, broker, options.storage, options.storage_port), clock)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m standalone.meters", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    plant = commands.add_parser("plant", help="a Janitza UMG 604 Pro on Modbus TCP behind a photovoltaic plant")
    plant.add_argument("--port", type=int, required=True)
    plant.add_argument("--serial", type=int, default=60_400_042)
    plant.add_argument("--nameplate-w", type=int, default=30_000)
    head = commands.add_parser("head", help="an infrared head on the meter of a flat")
    head.add_argument("--link", required=True, help="the path that shall name the serial port")
    head.add_argument("--model", choices=[model.name for model in MeterModel], required=True)
    head.add_argument("--system-title", required=True, help="16 hexadecimal digits")
    head.add_argument("--key-file", required=True, help="a file with the meter's key, 32 hexadecimal digits")
    site = commands.add_parser("lora-site", help="a LoRaWAN modem and The Things Stack behind it")
    site.add_argument("--link", type=Path, required=True, help="the path that shall name the modem's serial port")
    site.add_argument("--eui", required=True, help="the modem's DevEUI, 16 hexadecimal digits")
    site.add_argument("--application", required=True, help="as in topics: application@tenant")
    site.add_argument("--broker-port", type=int, required=True, help="where uplinks are published")
    site.add_argument("--storage-port", type=int, required=True, help="where stored uplinks can be fetched")
    site.add_argument("--storage", type=Path, required=True, help="the file in which they are stored")
    for each in (plant, head, site):
        each.add_argument("--clock", type=Path, help="the file of a replayed clock; without it the system's time")
    for each, opening_wh in ((plant, 8_000_000), (head, 4_500_000)):
        each.add_argument("--since", type=datetime.fromisoformat, required=True, help="when it began to count")
        each.add_argument("--opening-wh", type=int, default=opening_wh)
        each.add_argument("--seed", default="demo")
    return parser


def main(arguments: list[str]) -> int:
    """Run one meter until it is stopped; returns the exit code."""
    options = _parser().parse_args(arguments)
    configure_logging(f"meter-{options.command}")
    clock: Clock = ReplayClock(options.clock) if options.clock else SystemClock()
    kinds: dict[str, Callable[[argparse.Namespace, Clock], Runnable]] = {
        "plant": Plant,
        "head": Head,
        "lora-site": _lora_site,
    }
    return run_until_stopped(lambda: kinds[options.command](options, clock))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

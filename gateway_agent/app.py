"""Builds the agent from its settings: meter, sampler, signer, spool, uplink."""

import asyncio
import contextlib
import os
from dataclasses import dataclass

import structlog

from community.attestation.statement import OFFSET_UNKNOWN_S
from community.clock import QUARTER_HOUR, Clock, next_boundary
from community.runtime.probes import ProbesAddress, probes
from gateway_agent.clock_state import WatchedHostClock
from gateway_agent.condition import AgentCondition
from gateway_agent.housekeeping import Housekeeping
from gateway_agent.meter_kinds import Meter, as_polled, as_pushing, close_meter, meter_of
from gateway_agent.reading import RegisterReading
from gateway_agent.readings_rules import Limits
from gateway_agent.sampler import BoundaryRules, HostClockState, sample_polled, sample_pushed
from gateway_agent.secure_element.atecc import AteccSigner
from gateway_agent.secure_element.development_key import DevelopmentKeySigner
from gateway_agent.secure_element.pkcs11 import Pkcs11Signer
from gateway_agent.secure_element.signer import Signer, SignerUnusable, key_id_of, self_test
from gateway_agent.secure_element.tpm2 import Tpm2Signer
from gateway_agent.settings import (
    AgentSettings,
    AteccSettings,
    DevelopmentKeySettings,
    LorawanEcw1SinkSettings,
    LorawanSinkSettings,
    MqttSinkSettings,
    Pkcs11Settings,
    Tpm2Settings,
)
from gateway_agent.spool import Spool, SpoolFull
from gateway_agent.spool_intake import Intake
from gateway_agent.uplinks.lorawan_ecw1 import LorawanEcw1Uplink, LorawanOptions
from gateway_agent.uplinks.lorawan_modem import LorawanModemUplink
from gateway_agent.uplinks.mqtt import MqttUplink

log = structlog.get_logger(__name__)

Uplink = MqttUplink | LorawanEcw1Uplink | LorawanModemUplink


def open_signer(settings: AgentSettings) -> Signer:
    """The signer that the settings name. Raises SignerUnusable."""
    match settings.signer:
        case Pkcs11Settings(module, token, key, pin):
            return Pkcs11Signer(module, token, key, pin)
        case AteccSettings(bus, address, slot):
            return AteccSigner(bus, address, slot)
        case Tpm2Settings(tcti, handle, auth):
            return Tpm2Signer(tcti, handle, auth)
        case DevelopmentKeySettings(key_file):
            if not settings.allow_insecure_key:
                raise SignerUnusable(
                    "signer.backend is development, which keeps the key in a file. Use pkcs11, or set"
                    " gateway.allow_insecure_key = true for a test system."
                )
            return DevelopmentKeySigner(key_file)


def open_meter(settings: AgentSettings) -> Meter:
    """The meter that the settings name; nothing is opened yet."""
    return meter_of(settings.meter, settings.zone)


@dataclass(slots=True)
class Agent:
    """A composed gateway agent."""

    meter: Meter
    rules: BoundaryRules
    spool: Spool
    intake: Intake
    signer: Signer
    uplink: Uplink
    clock: Clock
    development_key: bool
    allow_insecure_key: bool
    house: Housekeeping
    condition: AgentCondition
    probes: ProbesAddress

    async def run(self, stop: asyncio.Event) -> None:
        """Sample and send until `stop`. Raises SignerUnusable if the key fails its test at the start."""
        try:
            self_test(self.signer, os.urandom(32), allow_insecure_key=self.allow_insecure_key)
            log.info("signer_ready", key_id=key_id_of(self.signer.public_key()), development_key=self.development_key)
            async with probes("gateway_agent", self.condition, self.probes):
                self.house.ready()
                await self._work(stop)
        finally:
            self.house.stopping()
            self.spool.close()

    async def _work(self, stop: asyncio.Event) -> None:
        tasks = [
            asyncio.create_task(self._sample(), name="sampler"),
            asyncio.create_task(self.uplink.run(stop), name="uplink"),
            asyncio.create_task(self._forget_old(), name="forget-old"),
            *(asyncio.create_task(work(), name="housekeeping") for work in self.house.tasks()),
        ]
        stopped = asyncio.create_task(stop.wait(), name="stop")
        try:
            done, _ = await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await task
            if stop.is_set():
                await tasks[1]  # the uplink says goodbye by itself
        finally:
            for task in (stopped, *tasks):
                task.cancel()
            await asyncio.gather(stopped, *tasks, return_exceptions=True)
            close_meter(self.meter)

    async def _sample(self) -> None:
        if (polled := as_polled(self.meter)) is not None:
            await sample_polled(polled, self.rules, self.clock, self._take)
        elif (pushing := as_pushing(self.meter)) is not None:
            await sample_pushed(pushing, self.rules, self.clock, self._take)

    async def _take(self, reading: RegisterReading) -> None:
        if self.intake.take(reading):
            self.uplink.wake()
            self.house.write_metrics()

    async def _forget_old(self) -> None:
        while True:
            try:
                removed = self.spool.forget_before(self.clock.now())
                if removed:
                    log.info("old_readings_forgotten", count=removed)
            except SpoolFull as error:
                log.warning("old_readings_stay", reason=str(error))
            await self.clock.sleep_until(next_boundary(self.clock.now()) + 95 * QUARTER_HOUR)


def open_uplink(settings: AgentSettings, signer: Signer, spool: Spool, clock: Clock, *, marked: bool) -> Uplink:
    """The way out that the settings name; nothing is opened yet. `marked`: the key is a development key."""
    match settings.sink:
        case MqttSinkSettings(address, resend_after_s):
            return MqttUplink(
                address, settings.identity, signer, spool, development_key=marked, resend_after_s=resend_after_s
            )
        case LorawanEcw1SinkSettings(device, data_rate, daily_airtime_s):
            options = LorawanOptions(data_rate, daily_airtime_s)
            return LorawanEcw1Uplink(
                device, settings.identity, signer, spool, clock, development_key=marked, options=options
            )
        case LorawanSinkSettings(device, f_port, data_rate):
            return LorawanModemUplink(
                device,
                settings.identity.eui,
                signer,
                spool,
                development_key=marked,
                f_port=f_port,
                data_rate=data_rate,
            )


def build(settings: AgentSettings, clock: Clock, host_clock: HostClockState | None = None) -> Agent:
    """The agent for `settings`. Raises FatalError if key or spool cannot be used.

    `host_clock` says whether our own clock is right; without it nobody knows.
    """
    signer = open_signer(settings)
    marked = signer.attributes().development_key
    spool = Spool(settings.spool, settings.identity.eui_text)
    try:
        last = spool.last_accepted()
        intake = Intake(spool, Limits(settings.max_power_w), marked)
        rules = BoundaryRules(
            settings.identity.register_profile,
            settings.clock_skew_max_s,
            spool.last_slot(),
            settings.serial_expected,
            meter_clock_trusted=last is not None and last.off_s != OFFSET_UNKNOWN_S,
            host_clock=host_clock,
            note=intake.note,
        )
        ask_first = spool.resume(clock.now())
        uplink = open_uplink(settings, signer, spool, clock, marked=marked)
        if ask_first and isinstance(uplink, MqttUplink):
            uplink.ask_before_signing()
        meter = open_meter(settings)
        watched = host_clock if isinstance(host_clock, WatchedHostClock) else None
        house = Housekeeping(settings.meter_name, spool, clock, settings.metrics, watched)
        condition = AgentCondition(settings.meter_name, spool, clock, watched)
        return Agent(
            meter, rules, spool, intake, signer, uplink, clock, marked, settings.allow_insecure_key, house, condition,
            settings.probes,
        )  # fmt: skip
    except BaseException:
        with contextlib.suppress(Exception):
            spool.close()
        raise

"""What the command line does besides running: look at a meter, a configuration, a key, a spool."""

import asyncio
import contextlib
import os
from collections.abc import Callable

from community.clock import slot_start
from community.errors import RetryableError
from gateway_agent.app import open_meter, open_signer
from gateway_agent.meters.dlms_push import DlmsPushMeter
from gateway_agent.reading import MeterSample
from gateway_agent.secure_element.development_key import DevelopmentKeySigner
from gateway_agent.secure_element.pkcs11 import Pkcs11Signer
from gateway_agent.secure_element.signer import Signer, SignerUnusable, key_id_of, self_test
from gateway_agent.settings import AgentSettings, DevelopmentKeySettings, Pkcs11Settings
from gateway_agent.spool import Spool

READ_TIMEOUT_S = 20.0
Write = Callable[[str], None]


class MeterSilent(RetryableError):
    """A push meter said nothing readable."""


async def read_once(settings: AgentSettings, write: Write) -> None:
    """One sample of the meter, for people. Raises RetryableError if it says nothing."""
    meter = open_meter(settings)
    if isinstance(meter, DlmsPushMeter):
        sample = await _first_telegram(settings, meter)
    else:
        try:
            sample = await meter.read()
        finally:
            meter.close()
    for name, value in _sample_rows(settings.meter_name, sample):
        write(f"{name:<14} {value}")


async def _first_telegram(settings: AgentSettings, meter: DlmsPushMeter) -> MeterSample:
    try:
        async with asyncio.timeout(READ_TIMEOUT_S), contextlib.aclosing(meter.samples()) as samples:
            return await anext(samples)
    except TimeoutError:
        raise MeterSilent(
            f"No readable telegram of meter {settings.meter_name!r} in {READ_TIMEOUT_S:g} s. Either nothing comes from the"
            " port (interface not activated, head upside down) or the key does not fit this meter; the log says which."
        ) from None


def _sample_rows(name: str, sample: MeterSample) -> list[tuple[str, str]]:
    at = "none" if sample.meter_at is None else f"{sample.meter_at:%Y-%m-%d %H:%M:%S} UTC"
    rows = [("meter", name), ("serial", sample.meter_serial), ("meter clock", at)]
    rows += [(obis, f"{value:>14,} Wh".replace(",", " ")) for obis, value in sample.registers_wh.items()]
    rows += [(obis, f"{value:>14,} W".replace(",", " ")) for obis, value in sample.powers_w.items()]
    return [*rows, ("resolution", f"{sample.resolution_wh} Wh")]


def check_configuration(settings: AgentSettings, write: Write) -> None:
    """The configuration was readable: say what it means, and test the key. Raises SignerUnusable."""
    signer = open_signer(settings)
    self_test(signer, os.urandom(32), allow_insecure_key=settings.allow_insecure_key)
    write(f"gateway        {settings.gateway_id}")
    write(f"device         {settings.identity.eui_text}, register profile {settings.identity.register_profile}")
    write(f"meter          {settings.meter_name} ({settings.meter.profile.name}: {settings.meter.profile.source})")
    _write_key(signer, write)
    write("ok")


def create_key(settings: AgentSettings, write: Write) -> None:
    """Make the device's key where the settings say. Raises SignerUnusable if there is one."""
    _write_key(_created(settings), write)


def _created(settings: AgentSettings) -> Signer:
    match settings.signer:
        case Pkcs11Settings(module, token, key, pin):
            signer = Pkcs11Signer(module, token, key, pin)
            signer.create_key()
            return signer
        case DevelopmentKeySettings(key_file):
            if not settings.allow_insecure_key:
                raise SignerUnusable("A key in a file needs gateway.allow_insecure_key = true.")
            return DevelopmentKeySigner.create(key_file)


def show_key(settings: AgentSettings, write: Write) -> None:
    """The public key that the registry needs. Raises SignerUnusable."""
    _write_key(open_signer(settings), write)


def _write_key(signer: Signer, write: Write) -> None:
    attributes, public_key = signer.attributes(), signer.public_key()
    write(f"key id         {key_id_of(public_key)}")
    write(f"public key     {public_key.hex()}")
    write(
        f"kept in        {attributes.backend} {attributes.label}{' ' + attributes.serial if attributes.serial else ''}"
    )
    if attributes.development_key:
        write("warning        this key can be copied: a development key, every record made with it is marked")


def show_spool(settings: AgentSettings, write: Write) -> None:
    """What waits on disk. Raises FatalError."""
    spool = Spool(settings.spool, settings.identity.eui_text)
    try:
        status = spool.status()
    finally:
        spool.close()
    last = "none" if status.last_slot is None else f"{slot_start(status.last_slot):%Y-%m-%d %H:%M} UTC"
    write(f"readings       {status.readings}, newest {last}")
    write(f"unsigned       {status.unsigned}")
    write(f"statements     {status.statements}, not acknowledged {status.unacknowledged}, counter {status.ctr}")
    write(f"payloads       {status.payloads_waiting} waiting for the radio")
    write(f"messages       counter {status.message_counter}")

"""`check`: the configuration was readable; say what it means, try the key, look at the files' rights."""

import os
import stat
from pathlib import Path

from gateway_agent.app import open_signer
from gateway_agent.cli_text import Terminal, Write
from gateway_agent.commands.keys import key_facts, key_rows
from gateway_agent.secure_element.signer import self_test
from gateway_agent.settings import AgentSettings, LorawanEcw1SinkSettings, LorawanSinkSettings, MqttSinkSettings


def check_configuration(settings: AgentSettings, write: Write) -> None:
    """What the configuration means, and whether the key signs. Raises SignerUnusable, SignerUnavailable."""
    out = Terminal.around(write)
    signer = open_signer(settings)
    self_test(signer, os.urandom(32), allow_insecure_key=settings.allow_insecure_key)
    facts = key_facts(signer)
    profile = settings.meter.profile
    warnings = [f"{path} can be read by every user: chmod 600 {path}" for path in settings.secret_files if _open(path)]
    out.rows(
        [
            ("gateway", settings.gateway_id),
            ("device", f"{settings.identity.eui_text}, register profile {settings.identity.register_profile}"),
            ("meter", f"{settings.meter_name} at {settings.meter.place}"),
            ("profile", f"{profile.name}, after {profile.source}"),
            ("serial", settings.serial_expected or "any: add serial_expected to notice a swapped head"),
            ("uplink", uplink_text(settings)),
            ("spool", str(settings.spool)),
            *key_rows(facts),
            *(("warning", text) for text in warnings),
        ]
    )
    if not settings.spool.parent.is_dir():
        out.line(f"note: {settings.spool.parent} is made at the first start")
    out.line("ok")
    out.document(
        {
            "ok": True,
            "gateway": settings.gateway_id,
            "device": settings.identity.eui_text,
            "register_profile": settings.identity.register_profile,
            "meter": settings.meter_name,
            "place": str(settings.meter.place),
            "profile": profile.name,
            "serial_expected": settings.serial_expected,
            "uplink": uplink_text(settings),
            "spool": str(settings.spool),
            "key": facts,
            "warnings": warnings,
        }
    )


def uplink_text(settings: AgentSettings) -> str:
    """The way out, without its secrets."""
    match settings.sink:
        case MqttSinkSettings(address=address):
            user = f" as {address.username}" if address.username else ""
            return f"{address.url}{user}{' with a client certificate' if address.cert_file else ''}"
        case LorawanEcw1SinkSettings(device=device, data_rate=rate, daily_airtime_s=airtime_s):
            chosen = "data rate chosen by the network" if rate is None else f"data rate {rate}"
            return f"LoRaWAN modem at {device}, {chosen}, at most {airtime_s} s on the air a day"
        case LorawanSinkSettings(device=device, data_rate=rate):
            return f"LoRaWAN modem at {device}, legacy payloads at data rate {rate}"


def _open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH))
    except OSError:
        return False

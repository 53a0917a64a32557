"""Installing the three gateways: secrets, configuration, and a key in a secure element where there is one."""

import os
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from community.errors import FatalError
from standalone.households import FLAT_TWO, PLANT, Site
from standalone.layout import Layout, Ports

_SOFTHSM_MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)
TOKEN = "gateway"
COMMAND_TIMEOUT_S = 180


@dataclass(frozen=True, slots=True)
class Gateway:
    """What registration must know of an installed gateway."""

    site: Site
    public_key: bytes
    development_key: bool
    secret: bytes = field(repr=False)
    meter_key: bytes = field(repr=False)


def softhsm_module() -> Path | None:
    """SoftHSM2's PKCS#11 module, None where it is not installed."""
    if shutil.which("softhsm2-util") is None:
        return None
    return next((Path(module) for module in _SOFTHSM_MODULES if Path(module).exists()), None)


def write_secret(path: Path, text: str) -> None:
    """A file that only its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text + "\n")


def install_gateway(layout: Layout, site: Site) -> Gateway:
    """Make the secrets and the signing key of one gateway."""
    folder = layout.gateway(site.key)
    folder.mkdir(parents=True)
    secret, meter_key = secrets.token_bytes(32), secrets.token_bytes(16)
    write_secret(folder / "device.secret", secret.hex())
    write_secret(folder / "meter.key", meter_key.hex())
    module = softhsm_module()
    if module is not None:
        _make_token(folder)
    # Ports are chosen at every start; key init needs a complete file only.
    write_configuration(layout, site, Ports(0, 1883, 0, 502, 0))
    shown = _run((sys.executable, "-m", "gateway_agent", "key", "init", "--config", str(folder / "agent.toml")), folder)
    lines = dict(line.split(maxsplit=2)[::2] for line in shown.splitlines() if line.startswith("public key"))
    return Gateway(site, bytes.fromhex(lines["public"]), module is None, secret, meter_key)


def gateway_environment(layout: Layout, site: Site) -> dict[str, str]:
    """Where SoftHSM2 finds this gateway's token."""
    return {"SOFTHSM2_CONF": str(layout.gateway(site.key) / "softhsm2.conf")}


def _make_token(folder: Path) -> None:
    (folder / "tokens").mkdir(mode=0o700)
    (folder / "softhsm2.conf").write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    pin = secrets.token_hex(8)
    write_secret(folder / "pin", pin)
    arguments = ("softhsm2-util", "--init-token", "--free", "--label", TOKEN, "--so-pin", pin, "--pin", pin)
    _run(arguments, folder)


def _run(arguments: tuple[str, ...], folder: Path) -> str:
    environment = {**os.environ, "SOFTHSM2_CONF": str(folder / "softhsm2.conf")}
    result = subprocess.run(
        arguments, env=environment, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False
    )
    if result.returncode != 0:
        raise FatalError(f"`{' '.join(arguments[:4])}` failed: {result.stderr.strip() or result.stdout.strip()}")
    return result.stdout


def write_configuration(layout: Layout, site: Site, ports: Ports) -> None:
    """The agent's configuration file for these ports."""
    folder = layout.gateway(site.key)
    module = softhsm_module() if (folder / "pin").exists() else None
    signer = (
        f'backend = "pkcs11"\nmodule = "{module}"\ntoken = "{TOKEN}"\nkey = "p256-0"\npin_file = "pin"\n'
        if module
        else 'backend = "development"\nkey_file = "signing.pem"\n'
    )
    (folder / "agent.toml").write_text(
        f'[gateway]\nid = "gw-{site.key}"\ntimezone = "Europe/Vienna"\nspool = "spool.db"\n'
        f"allow_insecure_key = {'false' if module else 'true'}\n\n"
        f'[device]\neui = "{site.eui}"\nsecret_file = "device.secret"\nregister_profile = {site.profile or 1}\n\n'
        f"[signer]\n{signer}\n{_meter(layout, site, ports)}\n{_sink(layout, site, ports)}"
    )


def _meter(layout: Layout, site: Site, ports: Ports) -> str:
    if site is PLANT:
        return (
            f'[[meter]]\nname = "{site.key}"\nprofile = "janitza-umg604"\n'
            f'transport = {{ type = "modbus-tcp", host = "127.0.0.1", port = {ports.plant_meter}, unit = 1 }}\n'
        )
    return (
        f'[[meter]]\nname = "{site.key}"\nprofile = "at-wiener-netze"\nport = "{layout.line(site.key)}"\n'
        f'key_file = "meter.key"\n'
    )


def _sink(layout: Layout, site: Site, ports: Ports) -> str:
    if site is FLAT_TWO:
        return f'[sink.lorawan]\ndevice = "{layout.modem}"\npayload = "legacy"\n'
    return (
        f'[sink.mqtt]\nurl = "mqtt://127.0.0.1:{ports.broker}"\nusername = "{site.eui}"\nversion = 4\n'
        f'payload = "ecw1"\nresend_after_s = 3\n'
    )

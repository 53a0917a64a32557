"""Mosquitto from the system's package with deploy/mosquitto; only paths and ports are other ones."""

import os
import pwd
import shutil
from pathlib import Path

from community.errors import FatalError

ROOT = Path(__file__).resolve().parents[2]


def mosquitto_program() -> str:
    """The program. Raises FatalError where it is not installed."""
    for found in (shutil.which("mosquitto"), "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"):
        if found is not None and Path(found).exists():
            return found
    raise FatalError("Mosquitto is not installed (Debian and Ubuntu: sudo apt-get install mosquitto).")


def write_configuration(folder: Path, secrets: Path, plain: int, tls: int) -> Path:
    """Copy the configuration into `folder` with its own places; returns the file."""
    state = folder / "state"
    state.mkdir(parents=True, exist_ok=True)
    config = (ROOT / "deploy" / "mosquitto" / "mosquitto.conf").read_text()
    for old, new in {
        "listener 1883": f"listener {plain} 127.0.0.1",
        "listener 8883": f"listener {tls} 127.0.0.1",
        "/mosquitto/certs/": f"{secrets}/broker/",
        "/mosquitto/config/": f"{ROOT}/deploy/mosquitto/",
        "/mosquitto/data/": f"{state}/",
    }.items():
        if old not in config:
            raise FatalError(f"deploy/mosquitto/mosquitto.conf has no {old!r} any more: the stack must follow it.")
        config = config.replace(old, new)
    file = folder / "mosquitto.conf"
    file.write_text(f"{config}\nuser {pwd.getpwuid(os.getuid()).pw_name}\n")
    return file

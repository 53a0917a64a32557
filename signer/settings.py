"""What the signer process needs to run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from community.clients.mqtt import MqttAddress
from community.errors import FatalError
from community.runtime.probes import NOWHERE, ProbesAddress, read_probes_address
from community.runtime.settings import SettingsReader
from signer.passphrase import passphrase_from

PREFIX = "SIGNER"


@dataclass(frozen=True, slots=True)
class SignerSettings:
    """Settings of `python -m signer run`. `folder` holds the keys, the registry and the journal.

    `rpc_port` is the port of the JSON-RPC door on `rpc_host`; none is opened where it is None.
    """

    folder: Path
    signer_id: str
    broker: MqttAddress
    passphrase: str = field(repr=False)
    rpc_host: str = "127.0.0.1"
    rpc_port: int | None = None
    probes: ProbesAddress = NOWHERE


def read_settings(environment: Mapping[str, str]) -> SignerSettings:
    """The settings from `SIGNER_…` variables. Raises SettingsError with every problem."""
    reader = SettingsReader(PREFIX, environment)
    folder = reader.path("FOLDER")
    signer_id = reader.text("ID", "signer")
    passphrase = _passphrase(reader)
    url = reader.text("BROKER_URL", "mqtt://127.0.0.1:1883")
    username, password = reader.optional("BROKER_USERNAME"), reader.secret("BROKER_PASSWORD", required=False)
    ca_file, version = reader.optional("BROKER_CA_FILE"), reader.integer("BROKER_MQTT_VERSION", 5, low=4, high=5)
    rpc_host, rpc_port = reader.text("RPC_HOST", "127.0.0.1"), reader.integer("RPC_PORT", 0, high=65_535)
    probes = read_probes_address(reader, PREFIX)
    reader.finish()
    broker = MqttAddress(url, username, password, ca_file=ca_file, version=4 if version == 4 else 5)
    return SignerSettings(folder, signer_id, broker, passphrase, rpc_host, rpc_port or None, probes)


def _passphrase(reader: SettingsReader) -> str:
    file, descriptor = reader.optional("PASSPHRASE_FILE"), reader.optional("PASSPHRASE_FD")
    try:
        return passphrase_from(Path(file) if file else None, int(descriptor) if descriptor else None)
    except (FatalError, ValueError) as error:
        reader.note(f"{PREFIX}_PASSPHRASE_FILE or {PREFIX}_PASSPHRASE_FD: {error}")
        return ""

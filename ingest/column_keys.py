"""The column keys of this process: from a file, those that are wrapped opened by the key service."""

from dataclasses import dataclass, field
from pathlib import Path

from community.clients.pkcs11_keys import Pkcs11KeyWrapper
from community.runtime.settings import SettingsReader
from community.store.column_key_file import load_column_keys
from community.store.sealed_columns import ColumnKeys


@dataclass(frozen=True, slots=True)
class KeyServiceSettings:
    """A token whose AES key wraps the column keys."""

    module: Path
    token: str
    key: str
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ColumnKeySettings:
    """Where the column keys are; `service` is None where the file holds them as they are."""

    file: Path
    service: KeyServiceSettings | None = None


def read_column_keys(reader: SettingsReader, *, must_exist: bool = True) -> ColumnKeySettings:
    """What the environment says about the column keys; problems are noted at the reader."""
    file = reader.existing_file("COLUMN_KEY_FILE") if must_exist else reader.path("COLUMN_KEY_FILE")
    module, token = reader.optional("KEY_SERVICE_MODULE"), reader.optional("KEY_SERVICE_TOKEN")
    key = reader.text("KEY_SERVICE_KEY", "column-keys")
    pin = reader.secret("KEY_SERVICE_PIN", required=False)
    given = (module, token, pin)
    if not any(given):
        return ColumnKeySettings(file)
    if module is None or token is None or pin is None:
        reader.note(
            "a key service needs INGEST_KEY_SERVICE_MODULE, INGEST_KEY_SERVICE_TOKEN and INGEST_KEY_SERVICE_PIN_FILE"
        )
        return ColumnKeySettings(file)
    return ColumnKeySettings(file, KeyServiceSettings(Path(module), token, key, pin))


def key_service(settings: ColumnKeySettings) -> Pkcs11KeyWrapper | None:
    """The key service, None where none is set."""
    service = settings.service
    return None if service is None else Pkcs11KeyWrapper(service.module, service.token, service.key, service.pin)


def open_column_keys(settings: ColumnKeySettings) -> ColumnKeys:
    """The keys, unwrapped. Raises FatalError, and RetryableError where the key service is away."""
    return load_column_keys(settings.file, key_service(settings))

"""The column keys of this process: from a file, those that are wrapped opened by the key service."""

from dataclasses import dataclass, field
from pathlib import Path

import structlog

from community.clients.pkcs11_keys import Pkcs11KeyWrapper
from community.errors import FatalError, RetryableError
from community.runtime.settings import SettingsReader
from community.store.column_key_file import load_column_keys
from community.store.sealed_columns import ColumnKeys

log = structlog.get_logger(__name__)


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


class ColumnKeysOnFile:
    """The column keys of a process that goes on: their file is read anew when it has changed.

    So a key that `secrets new-key` put into the file seals from then on, and opens what `secrets rotate` seals with it,
    without a restart. A changed file that cannot be read changes nothing but the log. Raises what `open_column_keys` does.
    """

    def __init__(self, settings: ColumnKeySettings) -> None:
        self._settings = settings
        self._read = self._state()
        self._keys = open_column_keys(settings)

    def seal(self, secret: bytes, purpose: str) -> bytes:
        """Encrypt `secret` with the newest key."""
        self._read_anew()
        return self._keys.seal(secret, purpose)

    def unseal(self, sealed: bytes, purpose: str) -> bytes:
        """Decrypt with the key that `sealed` names. Raises FatalError if none of the keys opens it for this row."""
        try:
            return self._keys.unseal(sealed, purpose)
        except FatalError:
            if not self._read_anew():
                raise
        return self._keys.unseal(sealed, purpose)

    def _read_anew(self) -> bool:
        """Read the file if it has changed since; says whether there are other keys now."""
        state, before = self._state(), self._keys
        if state == self._read:
            return False
        try:
            self._keys = open_column_keys(self._settings)
        except (FatalError, RetryableError) as error:
            log.warning("column_keys_not_read", reason=str(error))
            return False
        self._read = state
        if self._keys != before:
            log.info("column_keys_read_anew", keys=[key.id.hex() for key in self._keys.keys])
        return self._keys != before

    def _state(self) -> tuple[int, int, int] | None:
        try:
            found = self._settings.file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

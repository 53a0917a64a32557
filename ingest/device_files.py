"""What is on file about devices, kept as long as nothing in the registry changes."""

from collections.abc import Iterable
from dataclasses import dataclass

from community.attestation.device_record import DeviceRecord
from community.store.devices import DeviceFile, load_devices, registry_revision
from community.store.sealed_columns import ColumnSeal
from community.store.unit_of_work import Work
from ingest.device_records import record_of

FILES_MAX = 65536
"""Devices remembered. Their key objects are remembered besides: a parsed point costs as much as a verification."""


@dataclass(frozen=True, slots=True)
class OnFile:
    """A device's file, and the same as admission wants it; None if the file contradicts itself."""

    file: DeviceFile
    record: DeviceRecord | None


class DeviceFiles:
    """The files of the devices that send; those of unknown ones are remembered as None."""

    def __init__(self, column_key: ColumnSeal) -> None:
        self._column_key = column_key
        self._known: dict[str, OnFile | None] = {}
        self.revision: int | None = None

    async def refresh(self, work: Work, euis: Iterable[str]) -> bool:
        """Have the files of `euis` as they are in `work`. Says whether anything remembered before was out of date."""
        revision = await registry_revision(work)
        stale = revision != self.revision
        if stale or len(self._known) > FILES_MAX:
            self._known.clear()
            self.revision = revision
        missing = sorted({eui for eui in euis if eui not in self._known})
        if missing:
            found = await load_devices(work, missing, self._column_key)
            for eui in missing:
                file = found.get(eui)
                self._known[eui] = None if file is None else OnFile(file, _record_of(file))
        return stale

    def get(self, eui: str | None) -> OnFile | None:
        """The file of a device that `refresh` was asked for; None if it is not registered."""
        return None if eui is None else self._known.get(eui)


def _record_of(file: DeviceFile) -> DeviceRecord | None:
    try:
        return record_of(file)
    except ValueError:
        return None

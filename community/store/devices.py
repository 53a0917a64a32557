"""Devices with their keys and secrets, and where they are installed: what ingest must know to judge a frame."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlmodel import col

from community.identity.identities import IdentityKind
from community.store.identities import add_identity
from community.store.sealed_columns import ColumnSeal, device_purpose, meter_key_purpose, meter_purpose
from community.store.tables.identity import DeviceKeyRow, DeviceRow, IdentityRow
from community.store.tables.metering import (
    InstallationRegisterRow,
    InstallationRow,
    MeteringPointRow,
    MeterKeyChangeRow,
    MeterRow,
    RegisterRow,
    RegistryRevisionRow,
)
from community.store.unit_of_work import Work


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """A device's public signing key, valid for statements over instants in `[valid_from, valid_to)`."""

    id: str
    keyno: int
    public_key: bytes
    kid: str
    valid_from: datetime
    valid_to: datetime | None = None
    development_key: bool = False
    first_ctr: int | None = None
    """Of a key that came by rotation: the statement counter it begins with."""
    revoked_from: datetime | None = None
    """From this instant on nothing that it signed is believed."""


@dataclass(frozen=True, slots=True)
class NewDevice:
    """What registration knows of a device. `secret` is shared with the device (32 bytes); it is sealed at once.

    One that is recorded as active was approved by whoever records it; any other begins its onboarding.
    """

    id: str
    name: str
    eui: str
    payload_format: str
    profile: int | None = None
    secret: bytes | None = field(default=None, repr=False)
    state: str = "pending"
    approved_at: datetime | None = None
    trial: bool = False
    """For good: what it measures is never minted."""


@dataclass(frozen=True, slots=True)
class MeteringPoint:
    """A place in the grid; `settled_obis` names the register whose energy counts there."""

    id: str
    code: str
    name: str
    direction: str
    settled_obis: str


@dataclass(frozen=True, slots=True)
class Meter:
    """An instrument with its registers: OBIS code to modulus in Wh (None where the register is not known to wrap)."""

    id: str
    serial: str
    maker: str
    model: str
    registers: dict[str, int | None]
    meter_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Register:
    """One cumulative register of a meter."""

    id: str
    obis: str
    modulus_wh: int | None


@dataclass(frozen=True, slots=True)
class Installation:
    """A meter read by a device at a metering point for instants in `[valid_from, valid_to)`."""

    id: str
    metering_point: MeteringPoint
    meter_id: str
    meter_serial: str
    meter_key: bytes | None = field(repr=False)
    registers: dict[str, Register]
    valid_from: datetime
    valid_to: datetime | None
    factor: int
    max_power_w: int
    later_meter_keys: tuple[tuple[datetime, bytes], ...] = field(default=(), repr=False)
    """Keys that replaced `meter_key`, each with the instant from which it counts, oldest first."""
    initial_wh: dict[str, int] = field(default_factory=dict)
    """By OBIS code where the meter's registers stood when it was put in, as far as that was written down."""
    final_wh: dict[str, int] = field(default_factory=dict)
    """Likewise when it was taken out."""

    def meter_keys_at(self, instant: datetime) -> list[tuple[bytes, datetime]]:
        """The keys that a telegram received at `instant` may have, each with its beginning; the newest first."""
        first = [] if self.meter_key is None else [(self.meter_key, self.valid_from)]
        later = [(key, since) for since, key in self.later_meter_keys if since <= instant]
        return [*first, *later][::-1]

    def holds_at(self, instant: datetime) -> bool:
        """Whether this installation was in place at `instant`.

        The closing boundary still belongs to it, unless the meter was exchanged and its final registers are written down:
        then they say what a reading at that boundary would say, and the boundary is the next meter's.
        """
        if instant < self.valid_from or self.valid_to is None:
            return instant >= self.valid_from
        return instant < self.valid_to or (instant == self.valid_to and not self.final_wh)


@dataclass(frozen=True, slots=True)
class DeviceFile:
    """All that is on file about a device."""

    id: str
    name: str
    eui: str
    state: str
    payload_format: str
    profile: int | None
    secret: bytes | None = field(repr=False)
    keys: tuple[DeviceKey, ...]
    installations: tuple[Installation, ...]

    def installation_at(self, instant: datetime) -> Installation | None:
        """The installation in place at `instant`; at an exchange the newer one."""
        return next((place for place in reversed(self.installations) if place.holds_at(instant)), None)


async def add_device(work: Work, device: NewDevice, column_key: ColumnSeal, now: datetime) -> None:
    """Record a device with its secret sealed."""
    await add_identity(work, device.id, IdentityKind.DEVICE, device.name, now)
    await work.session.execute(
        insert(DeviceRow).values(
            identity_id=device.id,
            eui=device.eui,
            payload_format=device.payload_format,
            profile=device.profile,
            secret_sealed=None if device.secret is None else column_key.seal(device.secret, device_purpose(device.eui)),
            state=device.state,
            approved_at=device.approved_at,
            onboarding="approved" if device.state == "active" else "created",
            trial=device.trial,
        )
    )


async def add_device_key(work: Work, device_id: str, key: DeviceKey) -> None:
    """Record a public key of a device."""
    await work.session.execute(
        insert(DeviceKeyRow).values(
            id=key.id,
            device_id=device_id,
            keyno=key.keyno,
            public_key=key.public_key,
            kid=key.kid,
            development_key=key.development_key,
            valid_from=key.valid_from,
            valid_to=key.valid_to,
            first_ctr=key.first_ctr,
        )
    )


async def add_metering_point(work: Work, point: MeteringPoint) -> None:
    """Record a metering point."""
    await work.session.execute(
        insert(MeteringPointRow).values(
            id=point.id, code=point.code, name=point.name, direction=point.direction, settled_obis=point.settled_obis
        )
    )


async def add_meter(work: Work, meter: Meter, column_key: ColumnSeal) -> None:
    """Record a meter and its registers, with the meter's own key sealed."""
    sealed = None if meter.meter_key is None else column_key.seal(meter.meter_key, meter_purpose(meter.serial))
    await work.session.execute(
        insert(MeterRow).values(
            id=meter.id, serial=meter.serial, maker=meter.maker, model=meter.model, meter_key_sealed=sealed
        )
    )
    for obis, modulus_wh in meter.registers.items():
        await work.session.execute(
            insert(RegisterRow).values(id=f"{meter.id}-{obis}", meter_id=meter.id, obis=obis, modulus_wh=modulus_wh)
        )


async def install(
    work: Work,
    installation_id: str,
    *,
    metering_point_id: str,
    meter_id: str,
    device_id: str,
    valid_from: datetime,
    max_power_w: int,
    factor: int = 1,
) -> None:
    """Record that a device reads a meter at a metering point from an instant on."""
    await work.session.execute(
        insert(InstallationRow).values(
            id=installation_id,
            metering_point_id=metering_point_id,
            meter_id=meter_id,
            device_id=device_id,
            valid_from=valid_from,
            factor=factor,
            max_power_w=max_power_w,
        )
    )


async def end_installation(work: Work, installation_id: str, valid_to: datetime) -> None:
    """Record until when a device read a meter at a metering point."""
    await work.session.execute(
        update(InstallationRow).where(col(InstallationRow.id) == installation_id).values(valid_to=valid_to)
    )


async def device_id_by_eui(work: Work, eui: str) -> str | None:
    """The id of the device with this EUI (16 lower-case hex digits)."""
    found = await work.session.execute(select(col(DeviceRow.identity_id)).where(col(DeviceRow.eui) == eui))
    return found.scalar_one_or_none()


async def metering_point_id_by_code(work: Work, code: str) -> str | None:
    """The id of the metering point with this code."""
    found = await work.session.execute(select(col(MeteringPointRow.id)).where(col(MeteringPointRow.code) == code))
    return found.scalar_one_or_none()


async def load_device(work: Work, eui: str, column_key: ColumnSeal) -> DeviceFile | None:
    """Everything on file about the device with this EUI (16 lower-case hex digits), secrets unsealed."""
    return (await load_devices(work, [eui], column_key)).get(eui)


async def load_devices(work: Work, euis: Sequence[str], column_key: ColumnSeal) -> dict[str, DeviceFile]:
    """Everything on file about each of these devices that is registered, by EUI, secrets unsealed."""
    found = await work.session.execute(
        select(DeviceRow, IdentityRow)
        .join(IdentityRow, col(IdentityRow.id) == col(DeviceRow.identity_id))
        .where(col(DeviceRow.eui).in_(euis))
    )
    pairs = list(found)
    ids = [row.identity_id for row, _ in pairs]
    keys = await _keys(work, ids)
    installations = await _installations(work, ids, column_key)
    return {
        row.eui: DeviceFile(
            id=row.identity_id,
            name=identity.name,
            eui=row.eui,
            state=row.state,
            payload_format=row.payload_format,
            profile=row.profile,
            secret=None if row.secret_sealed is None else column_key.unseal(row.secret_sealed, device_purpose(row.eui)),
            keys=tuple(keys.get(row.identity_id, ())),
            installations=tuple(installations.get(row.identity_id, ())),
        )
        for row, identity in pairs
    }


async def registry_revision(work: Work) -> int:
    """A number that rises with every change to devices, their keys, meters, registers, places and installations.

    The database counts it itself (triggers), whoever makes the change: what was loaded under this number still holds.
    """
    return (await work.session.execute(select(col(RegistryRevisionRow.number)))).scalar_one()


async def _keys(work: Work, device_ids: Sequence[str]) -> dict[str, list[DeviceKey]]:
    rows = await work.session.execute(
        select(DeviceKeyRow).where(col(DeviceKeyRow.device_id).in_(device_ids)).order_by(col(DeviceKeyRow.keyno))
    )
    keys: dict[str, list[DeviceKey]] = {}
    for row in rows.scalars():
        keys.setdefault(row.device_id, []).append(
            DeviceKey(
                row.id,
                row.keyno,
                row.public_key,
                row.kid,
                row.valid_from,
                row.valid_to,
                row.development_key,
                row.first_ctr,
                row.revoked_from,
            )
        )
    return keys


async def _installations(
    work: Work, device_ids: Sequence[str], column_key: ColumnSeal
) -> dict[str, list[Installation]]:
    rows = await work.session.execute(
        select(InstallationRow, MeteringPointRow, MeterRow)
        .join(MeteringPointRow, col(MeteringPointRow.id) == col(InstallationRow.metering_point_id))
        .join(MeterRow, col(MeterRow.id) == col(InstallationRow.meter_id))
        .where(col(InstallationRow.device_id).in_(device_ids))
        .order_by(col(InstallationRow.valid_from))
    )
    placed = list(rows)
    registers = await work.session.execute(
        select(RegisterRow).where(col(RegisterRow.meter_id).in_({meter.id for _, _, meter in placed}))
    )
    by_meter: dict[str, dict[str, Register]] = {}
    for register in registers.scalars():
        by_meter.setdefault(register.meter_id, {})[register.obis] = Register(
            register.id, register.obis, register.modulus_wh
        )
    later = await _later_meter_keys(work, {meter.id for _, _, meter in placed}, column_key)
    ends = await _registers_at_ends(work, [place.id for place, _, _ in placed])
    places: dict[str, list[Installation]] = {}
    for place, point, meter in placed:
        places.setdefault(place.device_id, []).append(
            Installation(
                id=place.id,
                metering_point=MeteringPoint(point.id, point.code, point.name, point.direction, point.settled_obis),
                meter_id=meter.id,
                meter_serial=meter.serial,
                meter_key=None
                if meter.meter_key_sealed is None
                else column_key.unseal(meter.meter_key_sealed, meter_purpose(meter.serial)),
                registers=by_meter.get(meter.id, {}),
                valid_from=place.valid_from,
                valid_to=place.valid_to,
                factor=place.factor,
                max_power_w=place.max_power_w,
                later_meter_keys=later.get(meter.id, ()),
                initial_wh=ends.get((place.id, "initial"), {}),
                final_wh=ends.get((place.id, "final"), {}),
            )
        )
    return places


async def _registers_at_ends(work: Work, installation_ids: Sequence[str]) -> dict[tuple[str, str], dict[str, int]]:
    row = InstallationRegisterRow
    found: dict[tuple[str, str], dict[str, int]] = {}
    for each in (
        await work.session.execute(select(row).where(col(row.installation_id).in_(installation_ids)))
    ).scalars():
        found.setdefault((each.installation_id, each.moment), {})[each.obis] = each.register_wh
    return found


async def _later_meter_keys(
    work: Work, meter_ids: set[str], column_key: ColumnSeal
) -> dict[str, tuple[tuple[datetime, bytes], ...]]:
    row = MeterKeyChangeRow
    changes = select(row).where(col(row.meter_id).in_(meter_ids)).order_by(col(row.valid_from))
    found: dict[str, tuple[tuple[datetime, bytes], ...]] = {}
    for change in (await work.session.execute(changes)).scalars():
        key = column_key.unseal(change.key_sealed, meter_key_purpose(change.id))
        found[change.meter_id] = (*found.get(change.meter_id, ()), (change.valid_from, key))
    return found

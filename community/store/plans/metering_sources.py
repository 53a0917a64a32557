"""Metering points, meters, measurements with their evidence, gaps, quarantine as sources of plans."""

from typing import Any

from sqlalchemy import any_, case, false, func, join, or_, select, true
from sqlalchemy.dialects.postgresql import array

from community.attestation.statement import BOUNDARY_TOLERANCE_S, ReadingStatus
from community.store.plans.sources import Arguments, Asking, Opened, Relation, Way, alias, columns_of, one, source
from community.store.tables.identity import DeviceKeyRow, EnergyConsumptionUnitRow, EnergySourceRow
from community.store.tables.measuring import FrameRow, GapRow, MeasurementRow, QuarantineRow, StatementRow
from community.store.tables.metering import InstallationRow, MeteringPointRow, MeterRow, RegisterRow
from community.store.views import metering as metering_views


def _metering_point(asking: Asking) -> Opened:
    row, plant, unit = alias(MeteringPointRow), alias(EnergySourceRow), alias(EnergyConsumptionUnitRow)
    of_plant = select(plant.identity_id).where(plant.metering_point_id == row.id).correlate(row).scalar_subquery()
    of_unit = select(unit.identity_id).where(unit.metering_point_id == row.id).correlate(row).scalar_subquery()
    columns = columns_of(row, "id code name direction settled_obis", identity_id=func.coalesce(of_plant, of_unit))
    return Opened(row, (row,), columns, (asking.scope.metering_points(row.id),))


def _installation(asking: Asking) -> Opened:
    row = alias(InstallationRow)
    names = "id metering_point_id meter_id device_id valid_from valid_to factor max_power_w"
    return Opened(row, (row,), columns_of(row, names), (asking.scope.metering_points(row.metering_point_id),))


def _meter(_asking: Asking) -> Opened:
    row = alias(MeterRow)
    return Opened(row, (row,), columns_of(row, "id serial maker model"))


def _register(_asking: Asking) -> Opened:
    row = alias(RegisterRow)
    return Opened(row, (row,), columns_of(row, "id meter_id obis modulus_wh"))


def _measurement(_asking: Asking) -> Opened:
    """Measurements are reached through an installation or an issuance; each of these ways has its condition of scope."""
    row, installation = alias(MeasurementRow), alias(InstallationRow)
    at = (
        select(installation.metering_point_id)
        .where(installation.id == row.installation_id)
        .correlate(row)
        .scalar_subquery()
    )
    signed, key = alias(StatementRow), alias(DeviceKeyRow)
    suspect = (
        select(key.id)
        .where(signed.digest == row.statement_digest, key.id == signed.device_key_id, key.revoked_from <= row.at)
        .correlate(row)
        .exists()
    )
    names = "id at register_wh status evidence_mode leaf_index recorded_at register_id installation_id device_id statement_digest"
    inexact = or_(
        ~row.off_s.between(-BOUNDARY_TOLERANCE_S, BOUNDARY_TOLERANCE_S),
        row.status.bitwise_and(int(ReadingStatus.CLOCK_UNSYNCHRONISED)) != 0,
    )  # as is_boundary_inexact
    columns = columns_of(
        row, names, read_offset_s=row.off_s, metering_point_id=at, suspect=suspect, boundary_inexact=inexact
    )
    return Opened(row, (row,), columns)


def _statement(_asking: Asking) -> Opened:
    row, key = alias(StatementRow), alias(DeviceKeyRow)
    columns = columns_of(
        row,
        "digest format first_at reading_count signed recorded_at",
        counter=row.ctr,
        key_number=row.keyno,
        kid=key.kid,
        public_key=key.public_key,
        is_development_key=key.development_key,
    )
    return Opened(join(row, key, key.id == row.device_key_id), (row, key), columns)


def _gap(asking: Asking) -> Opened:
    row = alias(GapRow)
    names = "id metering_point_id starts_at ends_at energy_wh state opened_at closed_at"
    return Opened(row, (row,), columns_of(row, names), (asking.scope.metering_points(row.metering_point_id),))


def _quarantine_entry(_asking: Asking) -> Opened:
    row, frame = alias(QuarantineRow), alias(FrameRow)
    columns = columns_of(
        row,
        "id device_id frame_digest at reason detail recorded_at resolved_at resolution",
        device_eui=frame.device_eui,
        source=frame.source,
        payload=frame.payload,
    )
    return Opened(join(row, frame, frame.digest == row.frame_digest), (row, frame), columns)


def _installations(ours: Opened, asking: Asking, arguments: Arguments) -> list[Way]:
    """The installations of a metering point with their registers: each leads to its newest measurements by index."""
    way = alias(InstallationRow)
    point = arguments.get("metering_point_id")
    if point is None:
        point = ours["argument_metering_point_id" if "argument_metering_point_id" in ours.columns else "id"]
    # As a list of one, which only a B-tree serves: the GiST index that keeps installations from overlapping serves equality too,
    # takes ten times as long, and PostgreSQL reckons both the same.
    at = way.metering_point_id == (point if asking.sqlite else any_(array([point])))
    register = alias(RegisterRow)
    rows: Any = select(way.id, register.id.label("register_id"))
    rows = rows.select_from(join(way, register, register.meter_id == way.meter_id))
    rows = rows.where(at, asking.scope.metering_points(way.metering_point_id)).correlate(*ours.aliases).subquery("w")

    def joins(theirs: Opened) -> Any:
        # By register and instant there is an index; an installation's own would be one more to write for each reading. A
        # register's readings are of one installation or two, which no statistics tell PostgreSQL: of a plain comparison it
        # believes that hardly any row passes, and sorts all of the register's readings instead of taking the newest.
        of_installation = case((theirs["installation_id"] == rows.c.id, true()), else_=false())
        return (theirs["register_id"] == rows.c.register_id) & of_installation

    return [Way(rows, joins, unique_by=1)]  # a register has one reading of an instant


def _in_time(_ours: Opened, theirs: Opened, arguments: Arguments, _asking: Asking) -> list[Any]:
    conditions = []
    if "since" in arguments:
        conditions.append(theirs["at"] >= arguments["since"])
    if "until" in arguments:
        conditions.append(theirs["at"] < arguments["until"])
    return conditions


def measurements(*arguments: str) -> Relation:
    """A page of measurements, newest first, of the metering point in the enclosing row or in the argument of that name."""
    return Relation(
        "measurement",
        "page",
        _in_time,
        keys=lambda row: (row["at"], row["id"]),
        falling=True,
        through=_installations,
        arguments=frozenset({"since", "until", *arguments}),
    )


source(
    "metering_point",
    _metering_point,
    {
        "identity": one("identity", "identity_id"),
        "installations": Relation(
            "installation",
            "many",
            lambda ours, theirs, _a, _k: [theirs["metering_point_id"] == ours["id"]],
            keys=lambda row: (row["valid_from"].desc(), row["id"]),
            limit=metering_views.ROWS_MAX,
        ),
        "measurements": measurements(),
    },
)
source(
    "installation",
    _installation,
    {
        "meter": one("meter", "meter_id"),
        "device": one("device", "device_id"),
        "metering_point": one("metering_point", "metering_point_id"),
    },
)
source(
    "meter",
    _meter,
    {
        "registers": Relation(
            "register",
            "many",
            lambda ours, theirs, _a, _k: [theirs["meter_id"] == ours["id"]],
            keys=lambda row: (row["obis"],),
            limit=metering_views.ROWS_MAX,
        )
    },
)
source("register", _register)
source(
    "measurement",
    _measurement,
    {
        "register": one("register", "register_id"),
        "metering_point": one("metering_point", "metering_point_id"),
        "device": one("device", "device_id"),
        "statement": one("statement", "statement_digest", "digest"),
    },
)
source("statement", _statement)
source("gap", _gap, {"metering_point": one("metering_point", "metering_point_id")})
source("quarantine_entry", _quarantine_entry, {"device": one("device", "device_id")})

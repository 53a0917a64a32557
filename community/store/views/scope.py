"""What an asker may see, as conditions on rows. Every view takes a scope, so that none can forget it."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, select, true, union
from sqlalchemy.sql import ColumnElement
from sqlmodel import col

from community.store.tables.identity import (
    CoinAddressRow,
    EnergyConsumptionUnitRow,
    EnergySourceRow,
    IdentityRow,
)
from community.store.tables.metering import InstallationRow


@dataclass(frozen=True, slots=True)
class Scope:
    """Rows an asker may see: all of them, or those of `identity_ids` (his member and user identities) and the community's.

    `pseudonyms` hides the names of people; ids, energies and addresses stay, so that an auditor can still add up.
    """

    everything: bool
    identity_ids: tuple[str, ...] = field(default=())
    pseudonyms: bool = False
    disclosed: tuple[str, ...] = field(default=())
    """People whom the asker may know by name all the same: disclosed to him, for a reason that is on the books."""

    def shown_name(self, kind: str, identity_id: str, name: str) -> str:
        """`name`, or a pseudonym that is the same every time where the asker must not know people by name."""
        if not self.pseudonyms or kind not in ("member", "user") or identity_id in self.disclosed:
            return name
        return pseudonym(kind, identity_id)

    def among(self, column: Any) -> ColumnElement[bool]:
        """`column` is one of the asker's own identities. A plan, whose text serves many askers, puts a parameter here."""
        named: ColumnElement[bool] = column.in_(self.identity_ids)
        return named

    def holders(self, column: Any) -> ColumnElement[bool]:
        """`column` names a member the asker may see."""
        return true() if self.everything else self.among(column)

    def addresses(self, column: Any) -> ColumnElement[bool]:
        """`column` is a coin address of an identity the asker may see."""
        return true() if self.everything else column.in_(_own_addresses(self))

    def metering_points(self, column: Any) -> ColumnElement[bool]:
        """`column` names a metering point of an energy source (shared by all) or of one of the asker's units."""
        return true() if self.everything else column.in_(_open_metering_points(self))

    def identities(self, column: Any) -> ColumnElement[bool]:
        """`column` names the asker himself, his units, a device at them, or an energy source of the community."""
        return true() if self.everything else column.in_(_open_identities(self))


def pseudonym(kind: str, identity_id: str) -> str:
    """What stands for a person's name: the same every time, and no way back to the name."""
    return f"{kind.capitalize()} {hashlib.sha256(identity_id.encode()).hexdigest()[:6]}"


def _own_addresses(scope: Scope) -> Select[Any]:
    return select(col(CoinAddressRow.address)).where(scope.among(col(CoinAddressRow.identity_id)))


def _open_metering_points(scope: Scope) -> Any:
    own = select(col(EnergyConsumptionUnitRow.metering_point_id)).where(
        scope.among(col(EnergyConsumptionUnitRow.member_id))
    )
    return union(select(col(EnergySourceRow.metering_point_id)), own)


def _open_identities(scope: Scope) -> Any:
    units = select(col(EnergyConsumptionUnitRow.identity_id), col(EnergyConsumptionUnitRow.metering_point_id)).where(
        scope.among(col(EnergyConsumptionUnitRow.member_id))
    )
    points = select(units.subquery().c.metering_point_id)
    return union(
        select(col(IdentityRow.id)).where(scope.among(col(IdentityRow.id))),
        select(col(EnergySourceRow.identity_id)),
        select(units.subquery().c.identity_id),
        select(col(InstallationRow.device_id)).where(col(InstallationRow.metering_point_id).in_(points)),
    )

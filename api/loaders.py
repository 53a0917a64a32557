"""Loaders: what many objects of one answer need is read in one statement. One set per operation."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from strawberry.dataloader import DataLoader

from community.store import revocations
from community.store.stored_breaks import BreakEntry
from community.store.unit_of_work import Work
from community.store.views import (
    balances,
    chain,
    device_health,
    identities,
    issuances,
    measurements,
    metering,
    notifications,
    proposals,
    reconciliation,
    shares,
)
from community.store.views.scope import Scope

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Asking(Protocol):
    """What loaders need of an operation."""

    def reading(self) -> Any: ...

    def now(self) -> datetime: ...

    @property
    def scope(self) -> Scope: ...


class Loaders:
    """Each attribute maps a key to what belongs to it, within the asker's scope."""

    def __init__(self, asking: Asking, token: str | None) -> None:
        self._asking = asking
        self._token = token
        self.identity: DataLoader[str, identities.IdentityView | None] = self._one(
            lambda work, keys: identities.by_ids(work, asking.scope, keys)
        )
        self.coin_addresses: DataLoader[str, list[identities.CoinAddressView]] = self._many(
            lambda work, keys: identities.coin_addresses(work, asking.scope, keys)
        )
        self.units_of_member: DataLoader[str, list[identities.EnergyConsumptionUnitView]] = self._many(
            lambda work, keys: identities.units_of_members(work, asking.scope, keys)
        )
        self.device_keys: DataLoader[str, list[identities.DeviceKeyView]] = self._many(
            lambda work, keys: identities.device_keys(work, asking.scope, keys)
        )
        self.last_seen: DataLoader[str, datetime | None] = self._one(identities.last_seen)
        self.device_health: DataLoader[str, device_health.DeviceHealth | None] = self._one(self._device_health)
        self.metering_point: DataLoader[str, metering.MeteringPointView | None] = self._one(
            lambda work, keys: metering.by_ids(work, asking.scope, keys)
        )
        self.installations_at: DataLoader[str, list[metering.InstallationView]] = self._many(
            lambda work, keys: metering.installations_at(work, asking.scope, keys)
        )
        self.installations_of: DataLoader[str, list[metering.InstallationView]] = self._many(
            lambda work, keys: metering.installations_of(work, asking.scope, keys)
        )
        self.registers: DataLoader[str, list[metering.RegisterView]] = self._many(metering.registers_of)
        self.share_tables: DataLoader[str, list[shares.ShareTableView]] = self._many(
            lambda work, keys: shares.tables_of_sources(work, asking.scope, keys)
        )
        self.shares_of_member: DataLoader[str, list[shares.ShareView]] = self._many(
            lambda work, keys: shares.shares_of_members(work, asking.scope, keys)
        )
        self.measurement: DataLoader[str, measurements.MeasurementView | None] = self._one(
            lambda work, keys: measurements.by_ids(work, asking.scope, keys)
        )
        self.measurements_of_statement: DataLoader[str, list[measurements.MeasurementView]] = self._many(
            lambda work, keys: measurements.of_statements(work, asking.scope, keys)
        )
        self.statement: DataLoader[str, measurements.StatementView | None] = self._one(measurements.statements)
        self.issuance: DataLoader[str, issuances.IssuanceView | None] = self._one(issuances.by_ids)
        self.issuance_by_register: DataLoader[issuances.EnergyKey, issuances.IssuanceView | None] = self._one(
            issuances.by_registers
        )
        self.issuances_of_measurement: DataLoader[str, list[issuances.IssuanceView]] = self._many(
            issuances.by_measurements
        )
        self.parts: DataLoader[str, list[issuances.IssuancePartView]] = self._many(
            lambda work, keys: issuances.parts(work, asking.scope, keys)
        )
        self.attempts: DataLoader[str, list[issuances.AttemptView]] = self._many(issuances.attempts)
        self.settlements_by_tx: DataLoader[str, list[chain.SettlementView]] = self._many(chain.settlements_by_tx)
        self.proposal_of_issuance: DataLoader[str, proposals.ProposalView | None] = self._one(proposals.by_issuances)
        self.objections: DataLoader[str, list[proposals.ObjectionView]] = self._many(proposals.objections)
        self.rests_on: DataLoader[str, revocations.RestsOn | None] = self._one(_rests_on)
        self.unread_notifications: DataLoader[str, int | None] = self._one(
            lambda work, keys: notifications.unread_counts(work, asking.scope, keys)
        )
        self.story: DataLoader[str, list[BreakEntry]] = self._many(reconciliation.stories)
        self.balance: DataLoader[str, balances.BalanceView | None] = self._one(self._balances)

    async def _balances(self, work: Work, keys: Sequence[str]) -> dict[str, balances.BalanceView]:
        found = await balances.balances(work, self._asking.scope, self._token, keys)
        return {view.member_id: view for view in found}

    async def _device_health(self, work: Work, keys: Sequence[str]) -> dict[str, device_health.DeviceHealth]:
        return {one.eui: one for one in await device_health.device_health(work, self._asking.now(), keys)}

    def _one(self, load: Callable[[Work, Sequence[K]], Awaitable[dict[K, V]]]) -> "DataLoader[K, V | None]":
        async def batch(keys: list[K]) -> list[V | None]:
            async with self._asking.reading() as work:
                found = await load(work, keys)
            return [found.get(key) for key in keys]

        return DataLoader(load_fn=batch, max_batch_size=500)

    def _many(self, load: Callable[[Work, Sequence[K]], Awaitable[dict[K, list[V]]]]) -> "DataLoader[K, list[V]]":
        async def batch(keys: list[K]) -> list[list[V]]:
            async with self._asking.reading() as work:
                found = await load(work, keys)
            return [found.get(key, []) for key in keys]

        return DataLoader(load_fn=batch, max_batch_size=500)


async def _rests_on(work: Work, device_ids: Sequence[str]) -> dict[str, revocations.RestsOn]:
    return {device_id: await revocations.rests_on(work, device_id) for device_id in dict.fromkeys(device_ids)}

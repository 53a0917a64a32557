"""Issuances, settlements, transfers, balances, supply, the chain's head: the way from energy to tokens and back."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from api.graph.identities import EnergySource, Member, load_as
from api.graph.metering import Measurement
from api.graph.projection import Info, all_projected, projected
from api.plans.lives import lives_in
from api.scalars import Address, Counter, Hash
from community.store.views import chain as chain_views
from community.store.views import issuances as issuance_views
from community.store.views import transfers as transfer_views
from community.units import TokenAmount, WattHours

if TYPE_CHECKING:
    from api.graph.proposals import Proposal


@lives_in("balance")
@strawberry.type
class Balance:
    """A member's three numbers, in base units. Energy moves from the last to the first and is always in just one."""

    final: TokenAmount = strawberry.field(description="On chain in a finalised block.")
    minted_not_final: TokenAmount = strawberry.field(description="On chain, but a reorg could still take it away.")
    earned_not_yet_minted: TokenAmount = strawberry.field(
        description="The member's part of verified energy that is not on chain yet, by the shares of its time."
    )
    verified_until: datetime | None = strawberry.field(
        description="The newest verified reading behind the third number."
    )
    member_id: strawberry.Private[str]

    @strawberry.field
    async def member(self, info: Info) -> Member | None:
        return await load_as(info, Member, self.member_id)


@lives_in("supply")
@strawberry.type
class Supply:
    """All tokens ever minted and burned, indexed and finalised."""

    token: Address
    minted: TokenAmount
    burned: TokenAmount
    final_minted: TokenAmount
    final_burned: TokenAmount


@lives_in("chain_head")
@strawberry.type
class ChainHead:
    """How far the index has come. `lag` is how many blocks the node is ahead."""

    chain_id: Counter
    head: Counter
    head_hash: Hash
    finalised: Counter
    node_head: Counter
    lag: Counter
    updated_at: datetime


def chain_head_of(view: chain_views.ChainHeadView | None) -> ChainHead | None:
    return None if view is None else projected(ChainHead, view)


@lives_in("issuance_part")
@strawberry.type
class IssuancePart:
    """What one holder gets of an issuance: `shareCount` of its `shareTotal`."""

    address: Address
    share_count: int
    amount: TokenAmount
    holder_id: strawberry.Private[str]

    @strawberry.field
    async def holder(self, info: Info) -> Member | None:
        return await load_as(info, Member, self.holder_id)


@lives_in("attempt")
@strawberry.type
class TransactionAttempt:
    """One signed form of an issuance's transaction. All attempts share one nonce."""

    number: int
    nonce: Counter
    account: Address
    max_fee_wei: TokenAmount
    tip_wei: TokenAmount
    state: str
    tx_hash: Hash | None
    requested_at: datetime
    signed_at: datetime | None
    broadcast_at: datetime | None


@lives_in("issuance")
@strawberry.type
class Issuance:
    """The decision to mint a source's production between two register values."""

    id: strawberry.ID
    chain_id: Counter
    issuer: Address
    from_wh: WattHours
    to_wh: WattHours
    period_start: datetime
    period_end: datetime
    amount: TokenAmount
    share_total: int
    state: str
    failure: str | None
    planned_at: datetime
    mined_block: Counter | None
    tx_hash: Hash | None
    final_at: datetime | None
    source_id: strawberry.Private[str]
    measurement_id: strawberry.Private[str]

    @strawberry.field
    def energy_wh(self) -> WattHours:
        return WattHours(self.to_wh - self.from_wh)

    @strawberry.field
    async def source(self, info: Info) -> EnergySource | None:
        return await load_as(info, EnergySource, self.source_id)

    @strawberry.field
    async def measurement(self, info: Info) -> Measurement | None:
        """The reading at the period's end that proves it."""
        view = await info.context.loaders.measurement.load(self.measurement_id)
        return None if view is None else projected(Measurement, view)

    @strawberry.field
    async def parts(self, info: Info) -> list[IssuancePart]:
        """All parts, or for a member his own."""
        return all_projected(IssuancePart, await info.context.loaders.parts.load(self.id))

    @strawberry.field
    async def settlement(self, info: Info) -> Annotated["Settlement", strawberry.lazy("api.graph.tokens")] | None:
        """What the issuer told of it on chain; null before it is mined."""
        if self.tx_hash is None:
            return None
        found = await info.context.loaders.settlements_by_tx.load(self.tx_hash)
        return next(
            (settlement_of(one) for one in found if (one.source_id, one.from_wh) == (self.source_id, self.from_wh)),
            None,
        )

    @strawberry.field
    async def proposal(self, info: Info) -> Annotated["Proposal", strawberry.lazy("api.graph.proposals")] | None:
        """How it was announced, with the objections to it; null where it was minted without a window."""
        from api.graph.proposals import proposal_of

        view = await info.context.loaders.proposal_of_issuance.load(str(self.id))
        return None if view is None else proposal_of(view)

    @strawberry.field
    async def attempts(self, info: Info) -> list[TransactionAttempt]:
        return all_projected(TransactionAttempt, await info.context.loaders.attempts.load(self.id))


def issuance_of(view: issuance_views.IssuanceView | None) -> Issuance | None:
    return None if view is None else projected(Issuance, view)


@lives_in("settlement")
@strawberry.type
class Settlement:
    """An issuance on chain: the issuer contract checked the statement and minted."""

    block_number: Counter
    log_index: int
    tx_hash: Hash
    issuer: Address
    source_ref: Hash
    number: Counter
    from_wh: WattHours
    to_wh: WattHours
    read_at: datetime
    minted_wh: WattHours
    mode: str
    evidence: Hash
    at: datetime | None
    is_final: bool
    source_id: strawberry.Private[str | None]

    @strawberry.field
    async def source(self, info: Info) -> EnergySource | None:
        return await load_as(info, EnergySource, self.source_id)

    @strawberry.field
    async def transfers(self, info: Info) -> list[Annotated["Transfer", strawberry.lazy("api.graph.tokens")]]:
        """The mints of it, or for a member his own: up to the next settlement of its transaction."""
        settled = await info.context.loaders.settlements_by_tx.load(self.tx_hash)
        behind = [one.log_index for one in settled if one.log_index > self.log_index]
        async with info.context.reading() as work:
            page = await transfer_views.page(
                work, info.context.scope, address=None, tx_hash=self.tx_hash, first=500, after=None
            )
        ours = [
            one
            for one in reversed(page.items)
            if one.kind == "mint" and one.log_index > self.log_index and (not behind or one.log_index < min(behind))
        ]
        return [transfer_of(one) for one in ours]

    @strawberry.field
    async def issuance(self, info: Info) -> Issuance | None:
        """The decision behind it; null for a settlement that nobody here decided, which reconciliation reports."""
        if self.source_id is None:
            return None
        key = (self.source_id, int(self.from_wh), self.read_at)
        return issuance_of(await info.context.loaders.issuance_by_register.load(key))


def settlement_of(view: chain_views.SettlementView) -> Settlement:
    return projected(Settlement, view, is_final=view.final)


@lives_in("transfer")
@strawberry.type
class Transfer:
    """A movement of tokens. A mint comes from the zero address, a burn goes there."""

    block_number: Counter
    log_index: int
    tx_hash: Hash
    token: Address
    sender: Address
    recipient: Address
    amount: TokenAmount
    kind: str
    at: datetime | None
    is_final: bool

    @strawberry.field
    async def settlement(self, info: Info) -> Annotated["Settlement", strawberry.lazy("api.graph.tokens")] | None:
        """The settlement that minted it: the last one before it in its transaction, as the issuer tells, then mints."""
        if self.kind != "mint":
            return None
        found = await info.context.loaders.settlements_by_tx.load(self.tx_hash)
        before = [view for view in found if view.log_index < self.log_index]
        return settlement_of(before[-1]) if before else None


def transfer_of(view: transfer_views.TransferView) -> Transfer:
    return projected(Transfer, view, is_final=view.final)

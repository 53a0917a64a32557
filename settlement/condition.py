"""How settlement is: does it send, what is under way, what waits for a person."""

from collections.abc import Callable
from datetime import datetime

from prometheus_client.metrics_core import Metric

from community.clients.evm import EvmNode, NodeRefused
from community.errors import RetryableError
from community.minting.issuances import IssuanceState
from community.runtime.figures import figure
from community.store.issuances import count_by_state
from community.store.operating_figures import settlement_figures
from community.store.unit_of_work import Store
from settlement.terms import SettlementTerms

STALLED_AFTER_S = 300.0
"""A pass waits for the signer and the node, each with a limit of its own; many sources make it longer."""


class SettlementCondition:
    """What one settlement process reports of itself."""

    def __init__(
        self,
        terms: SettlementTerms,
        node: EvmNode,
        store: Store,
        now: Callable[[], datetime],
        broker_connected: Callable[[], bool],
    ) -> None:
        self._terms, self._node, self._store, self._now = terms, node, store, now
        self._broker_connected = broker_connected
        self._passed_at = now()
        self._reason = "it has not passed the gate yet"
        self.standing_by = False
        self.blocked_sources = 0

    def passed(self, blocked_sources: int) -> None:
        """A pass over the books was made. `blocked_sources` wait for a person."""
        self._passed_at, self._reason, self.blocked_sources = self._now(), "", blocked_sources

    def waits(self, reason: str) -> None:
        """It cannot work now; what is away is waited for, so it stays alive."""
        self._passed_at, self._reason = self._now(), reason

    @property
    def since_pass_s(self) -> float:
        return (self._now() - self._passed_at).total_seconds()

    def why_not_alive(self) -> str:
        """Why it should be started anew."""
        if self.standing_by or self.since_pass_s < STALLED_AFTER_S:
            return ""
        return f"no pass was made for {self.since_pass_s:.0f} s"

    async def why_not_ready(self) -> str:
        """Why nothing is settled at this moment."""
        if self.standing_by:
            return "another process settles for this account, this one stands by"
        if self._reason:
            return self._reason
        return "" if self._broker_connected() else "the signature broker is not connected"

    async def figures(self) -> list[Metric]:
        """What stands in the books, and the coins for fees. Raises StoreUnavailable."""
        async with self._store.read() as work:
            counts, books = await count_by_state(work), await settlement_figures(work)
        oldest_s = 0.0 if books.oldest_open_at is None else (self._now() - books.oldest_open_at).total_seconds()
        by_state = {state.value: counts.get(state, 0) for state in IssuanceState}
        found = [
            figure("gauge", "settlement_standing_by", "1 while another process settles", int(self.standing_by)),
            figure("gauge", "settlement_since_pass_seconds", "time since the last pass", self.since_pass_s),
            figure("gauge", "settlement_broker_connected", "1 while subscribed", int(self._broker_connected())),
            figure("gauge", "settlement_issuances", "issuances by state", by_state, "state"),
            figure("gauge", "settlement_oldest_open_seconds", "age of the oldest one under way", max(0.0, oldest_s)),
            figure("gauge", "settlement_frozen_accounts", "accounts that may not send", books.frozen_accounts),
            figure("gauge", "settlement_blocked_sources", "sources that wait for a person", self.blocked_sources),
        ]
        coins = await self._coins()
        if coins is not None:
            found.append(figure("gauge", "settlement_account_coins", "coins for fees, whole ones", coins))
        return found

    async def _coins(self) -> float | None:
        """What the account has for fees; None while the node does not say. A figure for people, so no integer."""
        try:
            wei = await self._node.balance(self._terms.account)
        except (RetryableError, NodeRefused):
            return None
        return wei / 10**18

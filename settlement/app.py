"""The settlement process, put together."""

import asyncio

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from community.clients.evm import EvmNode
from community.clock import Clock
from community.errors import RetryableError
from community.runtime.lifecycle import wait_or_stop
from community.runtime.probes import probes
from community.runtime.system_clock import SystemClock
from community.store.sole_sender import AnotherSends, StillHeld, sole_sender
from community.store.unit_of_work import Store, StoreUnavailable
from settlement import failpoints
from settlement.condition import SettlementCondition
from settlement.failpoints import Failpoint
from settlement.gate import pass_gate, share_period_s
from settlement.json_rpc_signer import JsonRpcSigner
from settlement.loop import compose
from settlement.requester_key import load_requester_key
from settlement.settings import SettlementSettings
from settlement.share_register import ShareFollower
from settlement.signature_broker import BrokeredSigner, SignerConnection

_log = structlog.get_logger()

RETRY_S = 2.0


class SettlementApp:
    """Passes the gate, then works through the books until stopped."""

    def __init__(self, settings: SettlementSettings, clock: Clock, failpoint: Failpoint) -> None:
        self._settings = settings
        self._clock = clock
        self._failpoint = failpoint
        self._share_period_s: int | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Settle until `stop` is set. Raises FatalError where going on would be wrong."""
        settings = self._settings
        key = load_requester_key(settings.requester_key_file)
        store, node = Store.open(settings.database_url), EvmNode(settings.node_url)
        signer = _signer(settings, key)
        condition = SettlementCondition(settings.terms, node, store, self._clock.now, lambda: signer.connected)
        try:
            async with probes("settlement", condition, settings.probes):
                while not stop.is_set():
                    await self._take_turn(node, store, signer, condition, stop)
        finally:
            await signer.stop()
            await node.close()
            await store.close()

    async def _take_turn(
        self, node: EvmNode, store: Store, signer: SignerConnection, condition: SettlementCondition, stop: asyncio.Event
    ) -> None:
        """Work if no other process sends from this account, else look again a little later."""
        try:
            async with sole_sender(store, self._settings.terms.account) as still_held:
                condition.standing_by = False
                await self._send(node, store, signer, condition, still_held, stop)
        except AnotherSends as error:
            if not condition.standing_by:
                _log.info("settlement_stands_by", reason=str(error))
            condition.standing_by = True
            await wait_or_stop(stop, RETRY_S)
        except StoreUnavailable as error:
            _log.warning("settlement_waits_to_start", reason=str(error))
            condition.waits(str(error))
            await signer.stop()
            await wait_or_stop(stop, RETRY_S)

    async def _send(
        self,
        node: EvmNode,
        store: Store,
        signer: SignerConnection,
        condition: SettlementCondition,
        still_held: StillHeld,
        stop: asyncio.Event,
    ) -> None:
        """Work until `stop` is set. Raises StoreUnavailable once another process may send."""
        held = await self._pass_gate(node, store, signer, condition, stop)
        if held is None:
            return
        terms = self._settings.terms
        followed = None
        if self._share_period_s is not None:
            followed = ShareFollower(store, terms.chain_id, self._share_period_s)
        loop = compose(terms, node, store, signer, self._clock, failpoint=self._failpoint, held=held, followed=followed)
        _log.info("settlement_ready", issuer=terms.issuer, account=terms.account)
        while not stop.is_set():
            await still_held()
            try:
                more = await loop.pass_once()
            except RetryableError as error:
                _log.warning("settlement_retries", reason=str(error))
                condition.waits(str(error))
                more = False
            else:
                condition.passed(loop.blocked_count)
            if not more:
                await wait_or_stop(stop, self._settings.poll_ms / 1000)

    async def _pass_gate(
        self, node: EvmNode, store: Store, signer: SignerConnection, condition: SettlementCondition, stop: asyncio.Event
    ) -> dict[str, str] | None:
        """Wait until node, database and broker are there and right. The sources to hold; None if stopped before."""
        while not stop.is_set():
            try:
                held = await pass_gate(self._settings.terms, node, store)
                if self._settings.follow_share_tokens:
                    self._share_period_s = await share_period_s(self._settings.terms, node)
                await signer.start()
            except RetryableError as error:
                _log.warning("settlement_waits_to_start", reason=str(error))
                condition.waits(str(error))
                await wait_or_stop(stop, RETRY_S)
            else:
                return held
        return None


def _signer(settings: SettlementSettings, key: Ed25519PrivateKey) -> SignerConnection:
    """The way to the signer that the settings choose."""
    requester, timeout_s = settings.terms.requester_id, settings.signature_timeout_s
    if settings.signer_url is not None:
        return JsonRpcSigner(settings.signer_url, requester, key, timeout_s)
    return BrokeredSigner(settings.broker, settings.signer_id, requester, key, timeout_s)


def build(
    settings: SettlementSettings, clock: Clock | None = None, failpoint: Failpoint = failpoints.none
) -> SettlementApp:
    """The process for `settings`. `clock` measures how long a transaction waits: the system's, also in a replay."""
    return SettlementApp(settings, clock or SystemClock(), failpoint)

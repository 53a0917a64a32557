"""The settlement process, put together."""

import asyncio

import structlog

from community.clients.evm import EvmNode
from community.clock import Clock
from community.errors import RetryableError
from community.runtime.lifecycle import wait_or_stop
from community.runtime.system_clock import SystemClock
from community.store.sole_sender import StillHeld, sole_sender
from community.store.unit_of_work import Store, StoreUnavailable
from settlement.gate import pass_gate
from settlement.loop import SettlementLoop, compose
from settlement.requester_key import load_requester_key
from settlement.settings import SettlementSettings
from settlement.signature_broker import BrokeredSigner

_log = structlog.get_logger()

RETRY_S = 2.0


class SettlementApp:
    """Passes the gate, then works through the books until stopped."""

    def __init__(self, settings: SettlementSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Settle until `stop` is set. Raises FatalError where going on would be wrong."""
        settings = self._settings
        key = load_requester_key(settings.requester_key_file)
        store, node = Store.open(settings.database_url), EvmNode(settings.node_url)
        signer = BrokeredSigner(
            settings.broker, settings.signer_id, settings.terms.requester_id, key, settings.signature_timeout_s
        )
        loop = compose(settings.terms, node, store, signer, self._clock)
        try:
            while not stop.is_set():
                try:
                    async with sole_sender(store) as still_held:
                        await self._send(loop, node, store, signer, still_held, stop)
                except StoreUnavailable as error:
                    _log.warning("settlement_waits_to_start", reason=str(error))
                    await signer.stop()
                    await wait_or_stop(stop, RETRY_S)
        finally:
            await signer.stop()
            await node.close()
            await store.close()

    async def _send(
        self,
        loop: SettlementLoop,
        node: EvmNode,
        store: Store,
        signer: BrokeredSigner,
        still_held: StillHeld,
        stop: asyncio.Event,
    ) -> None:
        """Work until `stop` is set. Raises StoreUnavailable once another process may send."""
        if not await self._pass_gate(node, store, signer, stop):
            return
        _log.info("settlement_ready", issuer=self._settings.terms.issuer, account=self._settings.terms.account)
        while not stop.is_set():
            await still_held()
            try:
                more = await loop.pass_once()
            except RetryableError as error:
                _log.warning("settlement_retries", reason=str(error))
                more = False
            if not more:
                await wait_or_stop(stop, self._settings.poll_ms / 1000)

    async def _pass_gate(self, node: EvmNode, store: Store, signer: BrokeredSigner, stop: asyncio.Event) -> bool:
        """Wait until node, database and broker are there and right. False if stopped before."""
        while not stop.is_set():
            try:
                await pass_gate(self._settings.terms, node, store)
                await signer.start()
            except RetryableError as error:
                _log.warning("settlement_waits_to_start", reason=str(error))
                await wait_or_stop(stop, RETRY_S)
            else:
                return True
        return False


def build(settings: SettlementSettings, clock: Clock | None = None) -> SettlementApp:
    """The process for `settings`. `clock` measures how long a transaction waits: the system's, also in a replay."""
    return SettlementApp(settings, clock or SystemClock())

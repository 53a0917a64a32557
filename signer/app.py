"""The signer, put together."""

import asyncio

from community.clock import Clock
from community.runtime.probes import probes
from community.runtime.system_clock import SystemClock
from signer.condition import SignerCondition
from signer.journal import Journal
from signer.json_rpc_door import JsonRpcDoor
from signer.keys import open_settler
from signer.mqtt_door import MqttDoor
from signer.pinning import check_chain, follow
from signer.settings import SignerSettings
from signer.signing import Signer


class SignerApp:
    """The running signer: opens keys, registry and journal, then answers until stopped."""

    def __init__(self, settings: SignerSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Answer requests until `stop` is set. Raises FatalError if keys, registry or audit cannot be used."""
        settings = self._settings
        account = await asyncio.to_thread(open_settler, settings.folder, settings.passphrase)
        journal = Journal(settings.folder)
        try:
            check_chain(journal)
            for _ in journal.audit_entries():
                pass  # raises where somebody changed it
            signer, one_at_a_time = Signer(account, journal, follow(journal)), asyncio.Lock()
            condition = SignerCondition(signer.registry, signer.address)
            async with probes("signer", condition, settings.probes):
                await self._serve(signer, one_at_a_time, condition, stop)
        finally:
            journal.close()

    async def _serve(
        self, signer: Signer, one_at_a_time: asyncio.Lock, condition: SignerCondition, stop: asyncio.Event
    ) -> None:
        """Both doors until `stop` is set; when one cannot go on, the other stops too."""
        settings, clock = self._settings, self._clock
        doors: list[MqttDoor | JsonRpcDoor] = [
            MqttDoor(settings.broker, settings.signer_id, signer, clock, one_at_a_time, condition)
        ]
        if settings.rpc_port is not None:
            doors.append(JsonRpcDoor(settings.rpc_host, settings.rpc_port, signer, clock, one_at_a_time))
        running = [asyncio.create_task(door.run(stop)) for door in doors]
        await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        for door in running:
            await door


def build(settings: SignerSettings, clock: Clock | None = None) -> SignerApp:
    """The signer for `settings`; `clock` is given where days pass in minutes."""
    return SignerApp(settings, clock or SystemClock())

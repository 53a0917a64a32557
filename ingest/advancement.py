"""Moving devices on in their onboarding as the facts come: their first uplink, their first statement, a plausible week."""

import asyncio

import structlog

from community.clock import Clock
from community.errors import RetryableError
from community.onboarding.plausibility_week import WeekRules
from community.runtime.lifecycle import wait_or_stop
from community.store.onboarding import advance
from community.store.onboarding_facts import devices_on_their_way
from community.store.unit_of_work import Store

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 60.0


class Advancement:
    """Looks again and again. Each device is a unit of work of its own; a step is recorded once."""

    def __init__(self, store: Store, clock: Clock, rules: WeekRules | None = None) -> None:
        self._store = store
        self._clock = clock
        self._rules = rules or WeekRules()

    async def run(self, stop: asyncio.Event) -> None:
        """Look until `stop`."""
        while not stop.is_set():
            try:
                await self.look()
            except RetryableError as error:
                log.warning("onboarding_not_looked_at", reason=str(error))
            await wait_or_stop(stop, LOOK_EVERY_S)

    async def look(self) -> int:
        """Take every step that is due now; returns how many."""
        async with self._store.read() as work:
            waiting = await devices_on_their_way(work)
        taken = 0
        for device in waiting:
            async with self._store.begin() as work:
                steps = await advance(work, device, self._clock.now(), self._rules)
            for step in steps:
                log.info("device_moved_on", device=device, stage=step.stage.value, why=step.why)
            taken += len(steps)
        return taken

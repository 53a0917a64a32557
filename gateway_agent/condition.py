"""How the agent is, for whoever asks over HTTP: does it read its meter, and what has it not got rid of."""

from dataclasses import dataclass
from datetime import timedelta

from prometheus_client.metrics_core import Metric

from community.clock import QUARTER_HOUR, Clock, slot_start
from gateway_agent.clock_state import WatchedHostClock
from gateway_agent.metrics_file import agent_figures
from gateway_agent.spool import Spool

SILENT_AFTER: timedelta = 2 * QUARTER_HOUR
"""The reading of a quarter-hour comes within it; one that is missed is told by the next."""


@dataclass(frozen=True, slots=True)
class AgentCondition:
    """What the running agent reports of itself: what stands in its spool."""

    meter: str
    spool: Spool
    clock: Clock
    host_clock: WatchedHostClock | None

    def why_not_alive(self) -> str:
        """Nothing: whoever answers this has a loop that turns."""
        return ""

    async def why_not_ready(self) -> str:
        """Why no reading comes."""
        newest = self.spool.last_slot()
        if newest is None:
            return f"the meter {self.meter} has given no reading yet"
        age = self.clock.now() - slot_start(newest)
        if age > SILENT_AFTER:
            return f"the meter {self.meter} has given no reading for {age.total_seconds() // 60:.0f} min"
        return ""

    async def figures(self) -> list[Metric]:
        """As in the metrics file."""
        synchronised = None if self.host_clock is None else self.host_clock.synchronised
        return agent_figures(self.meter, self.spool.status(), self.clock.now(), synchronised)

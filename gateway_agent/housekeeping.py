"""What the agent does beside reading and sending: tells systemd that it lives, looks at the clock, keeps a metrics file."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from community.clock import Clock
from gateway_agent import systemd
from gateway_agent.clock_state import WatchedHostClock
from gateway_agent.metrics_file import metrics_text, write_metrics
from gateway_agent.spool import Spool

log = structlog.get_logger(__name__)

METRICS_EVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class Housekeeping:
    """Only what was asked for is done: an agent under test, or on a replayed clock, keeps no house."""

    meter: str
    spool: Spool
    clock: Clock
    metrics: Path | None = None
    host_clock: WatchedHostClock | None = None

    def tasks(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """Each runs until it is cancelled."""
        wanted: list[Callable[[], Coroutine[Any, Any, None]]] = []
        if systemd.watchdog_interval_s() is not None:
            wanted.append(systemd.keep_alive)
        if self.metrics is not None:
            wanted.append(self._keep_metrics)
        if self.host_clock is not None:
            wanted.append(self.host_clock.run)
        return wanted

    def ready(self) -> None:
        """The key works, meter and uplink are being opened."""
        systemd.notify("READY=1", f"STATUS=reading {self.meter}")

    def stopping(self) -> None:
        """From now on nothing is read any more."""
        systemd.notify("STOPPING=1")

    def write_metrics(self) -> None:
        """Bring the metrics file up to date. A full disk must not stop the agent: it is told once a try."""
        if self.metrics is None:
            return
        state = None if self.host_clock is None else self.host_clock.synchronised
        try:
            write_metrics(self.metrics, metrics_text(self.meter, self.spool.status(), self.clock.now(), state))
        except OSError as error:
            log.warning("metrics_not_written", path=str(self.metrics), reason=str(error))

    async def _keep_metrics(self) -> None:
        while True:
            self.write_metrics()
            await asyncio.sleep(METRICS_EVERY_S)

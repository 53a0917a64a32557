"""How ingest is: what came and what became of it, and what the books lack."""

from collections.abc import Callable
from datetime import datetime

from prometheus_client.metrics_core import Metric

from community.runtime.figures import figure
from community.store.operating_figures import intake_figures
from community.store.unit_of_work import Store
from ingest.acknowledgements import Acknowledgements
from ingest.intake import Intake
from ingest.repairs import Repairs


class IngestCondition:
    """What one process of ingest reports of itself. `broker_connected` says None where there is no device broker."""

    def __init__(
        self,
        store: Store,
        now: Callable[[], datetime],
        intake: Intake,
        acknowledgements: Acknowledgements,
        repairs: Repairs,
        broker_connected: Callable[[], bool | None],
    ) -> None:
        self._store = store
        self._now = now
        self._intake = intake
        self._acknowledgements = acknowledgements
        self._repairs = repairs
        self._broker_connected = broker_connected

    def why_not_alive(self) -> str:
        """Nothing: what is away is waited for, and whoever answers this has a loop that turns."""
        return ""

    async def why_not_ready(self) -> str:
        """Why no frame is taken in. Raises StoreUnavailable where the database is away."""
        if self._broker_connected() is False:
            return "the device broker is not connected"
        async with self._store.read():
            return ""

    async def figures(self) -> list[Metric]:
        """Verdicts since the start, and what stands in the books. Raises StoreUnavailable."""
        counts = self._intake.counts
        verdicts = {name: getattr(counts, name) for name in ("admitted", "duplicate", "rejected", "quarantined")}
        found = [
            figure("counter", "ingest_uplinks_total", "uplinks by verdict", verdicts, "verdict"),
            figure("counter", "ingest_readings_refused_total", "readings refused", counts.readings_refused),
            figure("counter", "ingest_batches_total", "units of work", counts.batches),
            figure("counter", "ingest_acknowledged_total", "acknowledgements sent down", self._acknowledgements.sent),
            figure("counter", "ingest_asked_again_total", "repeats asked of devices", self._repairs.asked),
            figure("gauge", "ingest_waiting", "groups of uplinks that wait for the writer", self._intake.waiting),
        ]
        connected = self._broker_connected()
        if connected is not None:
            found.append(figure("gauge", "ingest_broker_connected", "1 while subscribed", int(connected)))
        async with self._store.read() as work:
            books = await intake_figures(work, self._now())
        found += [
            figure("gauge", "ingest_active_devices", "devices in service", books.active_devices),
            figure("gauge", "ingest_silent_devices", "of these, silent for two hours", books.silent_devices),
            figure("gauge", "ingest_open_gaps", "spans without readings", books.open_gaps),
            figure("gauge", "ingest_open_quarantine", "refusals nobody has resolved", books.open_quarantine),
        ]
        if books.newest_frame_at is not None:
            age_s = max(0.0, (self._now() - books.newest_frame_at).total_seconds())
            found.append(figure("gauge", "ingest_newest_frame_age_seconds", "time since the newest frame", age_s))
        return found

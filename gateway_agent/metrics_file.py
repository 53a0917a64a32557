"""A text file for Prometheus' node exporter (textfile collector): what of the agent should raise an alarm.

Times are unix seconds. The file is replaced as a whole, so that nobody reads half of it.
"""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from community.clock import slot_start
from community.runtime.figures import figure, page
from gateway_agent import FIRMWARE_VERSION
from gateway_agent.spool_view import SpoolStatus

Sample = tuple[str, str, float]
"""Name, help, value."""


def metrics_text(meter: str, status: SpoolStatus, now: datetime, clock_synchronised: bool | None) -> str:
    """The page of one agent."""
    return page(agent_figures(meter, status, now, clock_synchronised))


def agent_figures(meter: str, status: SpoolStatus, now: datetime, clock_synchronised: bool | None) -> list[Metric]:
    """Every figure of one agent, each with the meter's name."""
    info = GaugeMetricFamily("gateway_agent_info", "Which version runs.", labels=["meter", "version"])
    info.add_metric([meter, FIRMWARE_VERSION], 1)
    return [
        info,
        *(
            figure("gauge", f"gateway_agent_{name}", text, {meter: value}, "meter")
            for name, text, value in _samples(status, now, clock_synchronised)
        ),
    ]


def write_metrics(path: Path, text: str) -> None:
    """Replace the file at `path`. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, "utf-8")
    fresh.replace(path)


def _samples(status: SpoolStatus, now: datetime, clock_synchronised: bool | None) -> Iterable[Sample]:
    yield "updated_seconds", "When this was written.", now.timestamp()
    if status.last_slot is not None:
        yield "newest_reading_seconds", "The quarter-hour of the newest reading.", _begin_s(status.last_slot)
    if status.oldest_open_slot is not None:
        oldest_s = _begin_s(status.oldest_open_slot)
        yield "oldest_unacknowledged_seconds", "The oldest reading without acknowledgement.", oldest_s
    yield "readings", "Readings on disk.", status.readings
    yield "unsigned_readings", "Readings under no statement yet.", status.unsigned
    yield "unacknowledged_statements", "Statements the backend has not confirmed.", status.unacknowledged
    yield "waiting_payloads", "Payloads that wait for the radio.", status.payloads_waiting
    yield "quarantined_readings", "Readings held back since a register fell.", status.held
    yield "refused_readings", "Readings found to be spikes.", status.refused
    yield "statement_counter", "The newest statement counter.", status.ctr
    yield "message_counter", "The newest message counter.", status.message_counter
    yield "spool_bytes", "Size of the spool.", status.size_bytes
    if clock_synchronised is not None:
        yield "clock_synchronised", "Whether a time server confirms the clock.", int(clock_synchronised)


def _begin_s(slot: int) -> float:
    return slot_start(slot).timestamp()

"""A text file for Prometheus' node exporter (textfile collector): what of the agent should raise an alarm.

Times are unix seconds. The file is replaced as a whole, so that nobody reads half of it.
"""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from community.clock import slot_start
from gateway_agent import FIRMWARE_VERSION
from gateway_agent.spool_view import SpoolStatus

Sample = tuple[str, str, str, float]
"""Name, type, help, value."""


def metrics_text(meter: str, status: SpoolStatus, now: datetime, clock_synchronised: bool | None) -> str:
    """The page of one agent."""
    label = _escaped(meter)
    lines = [
        "# HELP gateway_agent_info Which version runs.",
        "# TYPE gateway_agent_info gauge",
        f'gateway_agent_info{{meter="{label}",version="{FIRMWARE_VERSION}"}} 1',
    ]
    for name, kind, text, value in _samples(status, now, clock_synchronised):
        lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}", f'{name}{{meter="{label}"}} {value:.15g}']
    return "\n".join(lines) + "\n"


def write_metrics(path: Path, text: str) -> None:
    """Replace the file at `path`. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, "utf-8")
    fresh.replace(path)


def _samples(status: SpoolStatus, now: datetime, clock_synchronised: bool | None) -> Iterable[Sample]:
    yield "gateway_agent_updated_seconds", "gauge", "When this file was written.", now.timestamp()
    if status.last_slot is not None:
        newest = slot_start(status.last_slot).timestamp()
        yield "gateway_agent_newest_reading_seconds", "gauge", "The quarter-hour of the newest reading.", newest
    if status.oldest_open_slot is not None:
        oldest = slot_start(status.oldest_open_slot).timestamp()
        yield (
            "gateway_agent_oldest_unacknowledged_seconds",
            "gauge",
            "The oldest reading without acknowledgement.",
            oldest,
        )
    yield "gateway_agent_readings", "gauge", "Readings on disk.", status.readings
    yield "gateway_agent_unsigned_readings", "gauge", "Readings under no statement yet.", status.unsigned
    yield (
        "gateway_agent_unacknowledged_statements",
        "gauge",
        "Statements the backend has not confirmed.",
        status.unacknowledged,
    )
    yield "gateway_agent_waiting_payloads", "gauge", "Payloads that wait for the radio.", status.payloads_waiting
    yield "gateway_agent_quarantined_readings", "gauge", "Readings held back since a register fell.", status.held
    yield "gateway_agent_refused_readings", "gauge", "Readings found to be spikes.", status.refused
    yield "gateway_agent_statement_counter", "counter", "The newest statement counter.", status.ctr
    yield "gateway_agent_message_counter", "counter", "The newest message counter.", status.message_counter
    yield "gateway_agent_spool_bytes", "gauge", "Size of the spool.", status.size_bytes
    if clock_synchronised is not None:
        text = "Whether a time server confirms the clock."
        yield "gateway_agent_clock_synchronised", "gauge", text, int(clock_synchronised)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

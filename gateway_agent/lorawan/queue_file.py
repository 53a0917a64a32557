"""The send queue in a small file beside the spool. Losing it loses no reading: all that is unacknowledged goes again."""

import os
from pathlib import Path

import structlog

from gateway_agent.lorawan.queue import SendQueue

log = structlog.get_logger(__name__)


def load(path: Path) -> SendQueue:
    """What was kept; an empty queue where there is no file, or none that can be read."""
    try:
        return SendQueue.from_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return SendQueue()
    except (OSError, ValueError) as error:
        log.warning("send_queue_lost", path=str(path), reason=str(error))
        return SendQueue()


def keep(path: Path, queue: SendQueue) -> None:
    """Replace the file at once: a power cut leaves the old one or the new one. Raises OSError."""
    temporary = path.with_name(path.name + ".new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(queue.to_json())
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)

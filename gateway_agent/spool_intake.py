"""From the sampler to the spool: the rules decide, the spool keeps; while the disk is full the readings wait in memory."""

from collections import deque
from dataclasses import dataclass, field

import structlog

from gateway_agent.reading import RegisterReading
from gateway_agent.readings_rules import Limits, ReadingEvent, decide
from gateway_agent.spool import Spool, SpoolFull

log = structlog.get_logger(__name__)

WAITING_MAX = 40 * 96
"""Readings kept in memory while nothing can be written: 40 days."""


@dataclass(slots=True)
class Intake:
    """Takes readings in order. What is quarantined is read from the spool each time: a restart changes nothing."""

    spool: Spool
    limits: Limits
    development_key: bool
    _waiting: deque[RegisterReading | ReadingEvent] = field(default_factory=lambda: deque(maxlen=WAITING_MAX))
    _is_full: bool = False

    @property
    def waiting(self) -> int:
        """How many wait in memory for room on the disk."""
        return len(self._waiting)

    def take(self, reading: RegisterReading) -> bool:
        """Keep `reading`. Whether there is something new to sign."""
        self._waiting.append(reading)
        return self.flush()

    def note(self, event: ReadingEvent) -> None:
        """Keep `event`, after the readings that came before it."""
        self._waiting.append(event)
        self.flush()

    def flush(self) -> bool:
        """Write what waits. Whether there is something new to sign."""
        something_new = False
        try:
            while self._waiting:
                something_new |= self._write(self._waiting[0])
                self._waiting.popleft()
        except SpoolFull as error:
            if not self._is_full:  # said once, not every quarter-hour
                log.warning("spool_full", reason=str(error), waiting_in_memory=self.waiting)
            self._is_full = True
            return something_new
        if self._is_full:
            log.info("spool_has_room_again")
            self._is_full = False
        return something_new

    def _write(self, item: RegisterReading | ReadingEvent) -> bool:
        match item:
            case ReadingEvent():
                self.spool.note(item)
                return False
            case RegisterReading():
                return self._decide(item)

    def _decide(self, reading: RegisterReading) -> bool:
        decision = decide(self.spool.last_accepted(), self.spool.held_readings(), reading, self.limits)
        something_new = self.spool.apply(decision, development_key=self.development_key)
        for event in decision.events:
            log.warning(event.kind, slot=event.slot, detail=event.detail)
        for kept in (*decision.accepted, *decision.held):
            if kept.slot == reading.slot:
                flags = kept.flags.names
                log.info("reading_spooled", slot=kept.slot, off_s=kept.off_s, registers=kept.registers, flags=flags)
        return something_new

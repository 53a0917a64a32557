"""When a LoRaWAN device is told something: at most every four hours and six times a day (wire-format 2.3)."""

from dataclasses import dataclass, field

from community.attestation.lora_frame_downlink import DownlinkCommands

GAP_S = 4 * 3600
PER_DAY = 6
DAY_S = 86_400
DAY_SLACK_S = 1800
"""An acknowledgement a day must not drift from day to day by the wait for the next uplink."""


@dataclass(slots=True)
class DownlinkPace:
    """Unix seconds of the downlinks sent, oldest first, and what the last acknowledgement said."""

    sent_s: list[int] = field(default_factory=list)
    acknowledged: int | None = None

    def is_due(self, commands: DownlinkCommands, now_s: int) -> bool:
        """Whether `commands` are worth a downlink now: something is missing, or a day's evidence can be forgotten."""
        last_s = self.sent_s[-1] if self.sent_s else None
        if last_s is not None and now_s - last_s < GAP_S:
            return False
        if sum(1 for at_s in self.sent_s if at_s > now_s - DAY_S) >= PER_DAY:
            return False
        if commands.asks or commands.clock_correction_s is not None:
            return True
        if commands.stored_up_to is None or commands.stored_up_to == self.acknowledged:
            return False
        return last_s is None or now_s - last_s >= DAY_S - DAY_SLACK_S

    def sent(self, commands: DownlinkCommands, now_s: int) -> None:
        """`commands` were handed to the network."""
        self.sent_s = [at_s for at_s in self.sent_s if at_s > now_s - DAY_S]
        self.sent_s.append(now_s)
        self.acknowledged = commands.stored_up_to

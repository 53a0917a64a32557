"""Where each thing that a network server tells goes: uplinks to intake, reports to the repair, the rest to the log."""

import structlog

from ingest.network_events import DownlinkReport, Joined, NetworkEvent, Notice, TakeReport
from ingest.uplinks import TakeIn, Uplink

log = structlog.get_logger(__name__)


class Dispatch:
    """Hands events on; returns when what must be stored is committed."""

    def __init__(self, take_in: TakeIn, take_report: TakeReport | None = None) -> None:
        self._take_in = take_in
        self._take_report = take_report

    async def take(self, event: NetworkEvent) -> None:
        """Take in one event. Raises what intake raises: then the event has to come again."""
        match event:
            case Uplink():
                await self._take_in(event)
            case DownlinkReport():
                log.info("downlink_reported", device=event.device_eui, state=event.state, downlink=event.downlink_id)
                if self._take_report is not None:
                    await self._take_report(event)
            case Joined():
                # Frame counters begin again: nothing here rests on them, the devices' messages have counters of their own.
                log.info("device_joined", network=event.network, device=event.device_eui)
            case Notice():
                log.info(
                    "network_notice", network=event.network, kind=event.kind, device=event.device_eui, said=event.detail
                )

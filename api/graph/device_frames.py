"""Frames of a device as they came, for operators who look for the reason why something is missing."""

from datetime import datetime

import strawberry

from api.graph.projection import Info
from api.paging import Connection, connection
from api.scalars import Cursor, PageSize
from community.store.views import device_frames as views


@strawberry.type
class DeviceFrame:
    """One frame as it came, and what was decided about it."""

    digest: str
    received_at: datetime = strawberry.field(description="When it arrived here.")
    transport: str = strawberry.field(description="device_broker, things_stack or chirpstack.")
    verdict: str = strawberry.field(
        description="admitted, duplicate, rejected or quarantined: the first that was said."
    )
    reason: str | None = strawberry.field(description="Why it was refused or set aside, where it was.")
    payload_bytes: int = strawberry.field(description="Its length.")
    airtime_us: int | None = strawberry.field(description="Microseconds on the air; null where it came by no radio.")
    rssi_dbm: int | None = strawberry.field(description="How strong the best gateway heard it, in dBm.")
    snr_db: float | None = strawberry.field(description="Signal to noise at the best gateway, in dB.")
    spreading_factor: int | None = strawberry.field(description="LoRa's spreading factor, 7 to 12.")
    frequency_hz: int | None = strawberry.field(description="Where it was sent.")
    gateway_count: int | None = strawberry.field(description="How many gateways heard it.")


def frame_of(view: views.FrameView) -> DeviceFrame:
    heard = view.heard
    return DeviceFrame(
        digest=view.digest,
        received_at=view.received_at,
        transport=view.transport,
        verdict=view.verdict,
        reason=view.reason,
        payload_bytes=view.payload_bytes,
        airtime_us=view.airtime_us,
        rssi_dbm=heard.rssi_dbm,
        snr_db=heard.snr_db,
        spreading_factor=heard.spreading_factor,
        frequency_hz=heard.frequency_hz,
        gateway_count=heard.gateway_count,
    )


async def load_frames(info: Info, eui: str, first: PageSize, after: Cursor | None) -> Connection[DeviceFrame]:
    """A page of a device's frames, newest first."""
    async with info.context.reading() as work:
        page = await views.frames_of_device(work, eui, first, after)
    return connection(page, frame_of)

"""What comes out of an infrared head on a meter of Wiener Netze: encrypted push telegrams, and sometimes noise."""

import asyncio
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from community.clock import Clock
from community.metering.dlms.encode import MeterModel, PushMeter, encode_push_frame
from standalone.meters.load_profiles import CumulativeRegister
from standalone.meters.serial_peer import SerialPeer

REPEAT_S = 0.05
_NOISE_EVERY = 23
_NOISE_MAX = 12
_COUNTER_EPOCH_S = 1_577_836_800  # 2020-01-01: the invocation counter has risen once a telegram since then
_INTERVALS_S = {MeterModel.AM550: 1, MeterModel.IM350: 1, MeterModel.E450: 5}


@dataclass(frozen=True, slots=True)
class PushingMeter:
    """A meter that says its registers again and again."""

    meter: PushMeter
    imported: CumulativeRegister

    @property
    def interval_s(self) -> int:
        """Seconds from one telegram to the next, by the meter's clock."""
        return _INTERVALS_S[self.meter.model]

    def told_at(self, instant: datetime) -> datetime:
        """The meter time of the newest telegram at `instant`."""
        seconds = int(instant.timestamp())
        return datetime.fromtimestamp(seconds - seconds % self.interval_s, UTC)

    def telegram(self, told_at: datetime) -> bytes:
        """The frame for meter time `told_at`: the same instant always gives the same bytes, counter included."""
        counter = (int(told_at.timestamp()) - _COUNTER_EPOCH_S) // self.interval_s
        registers = {
            "1-0:1.8.0": self.imported.wh_at(told_at),
            "1-0:1.7.0": self.imported.power_w_at(told_at),
        }
        return encode_push_frame(self.meter, counter, told_at, registers)


async def run_infrared_head(meter: PushingMeter, link: Path, clock: Clock, stop: asyncio.Event) -> None:
    """Send telegrams into the pseudo terminal at `link` until `stop`.

    Looks at the clock every 50 ms. A running clock gives each telegram once. While a replayed clock stands still the
    telegram is repeated, so that a reader who comes late still hears it; its counter tells that it is the same.
    """
    noise = random.Random(meter.meter.system_title)
    seen_at: datetime | None = None
    newest: datetime | None = None
    with SerialPeer(link) as line:
        while not stop.is_set():
            now = clock.now()
            stands_still, seen_at = now == seen_at, now
            told_at = meter.told_at(now)
            if told_at != newest or stands_still:
                newest = told_at
                if noise.randrange(_NOISE_EVERY) == 0:
                    line.send(noise.randbytes(noise.randrange(1, _NOISE_MAX)))
                line.send(meter.telegram(told_at))
            await asyncio.sleep(REPEAT_S)

"""What became of an uplink, as its source and the acknowledgements need it."""

from dataclasses import dataclass, field

from community.store.devices import DeviceFile


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on one uplink (admitted, duplicate, rejected or quarantined) and what follows from it.

    `acknowledge` names the key number whose statements are to be acknowledged to `device`, None where nothing is.
    `reason` is the code of a refusal of the whole frame; single readings may be refused besides.
    """

    verdict: str
    reason: str | None = None
    device: DeviceFile | None = None
    acknowledge: int | None = None
    generation: int = 0
    metering_points: frozenset[str] = field(default_factory=frozenset)
    readings_refused: int = 0

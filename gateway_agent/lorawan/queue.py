"""What a LoRaWAN device still has to send, as it is kept over a restart: progress, chunks, repairs, airtime."""

import json
from dataclasses import dataclass, field
from typing import Any

from community.attestation.lora_frame import CHUNKS
from gateway_agent.lorawan.airtime import AirtimeAccount

ALL_CHUNKS = (1 << CHUNKS) - 1


@dataclass(slots=True)
class SendQueue:
    """State of the scheduler. Slots are whole slots, times unix seconds."""

    sent_up_to: int | None = None
    """The newest slot that was in a frame as a new one."""
    chunks: dict[int, int] = field(default_factory=dict)
    """Signature chunks to send: statement counter to mask, bit i for chunk i."""
    repairs: set[int] = field(default_factory=set)
    """Slots that the backend asked for."""
    airtime: AirtimeAccount = field(default_factory=AirtimeAccount)
    known_ctr: int = 0
    """The newest statement whose chunks were put in line."""
    down_counter: int | None = None
    """The counter of the newest downlink."""

    def line_up(self, ctr: int) -> None:
        """Put a new statement's signature in line."""
        if ctr > self.known_ctr:
            self.chunks[ctr] = ALL_CHUNKS
            self.known_ctr = ctr

    def chunks_waiting(self) -> int:
        """How many chunks are in line."""
        return sum(mask.bit_count() for mask in self.chunks.values())

    def to_json(self) -> str:
        """For the disk."""
        return json.dumps(
            {
                "sent_up_to": self.sent_up_to,
                "chunks": sorted(self.chunks.items()),
                "repairs": sorted(self.repairs),
                "airtime": self.airtime.entries,
                "known_ctr": self.known_ctr,
                "down_counter": self.down_counter,
            },
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str) -> "SendQueue":
        """What `to_json` gave. Raises ValueError for anything else."""
        try:
            fields: dict[str, Any] = json.loads(text)
            return cls(
                None if fields["sent_up_to"] is None else int(fields["sent_up_to"]),
                {int(ctr): int(mask) for ctr, mask in fields["chunks"]},
                {int(slot) for slot in fields["repairs"]},
                AirtimeAccount([(int(at_s), int(us)) for at_s, us in fields["airtime"]]),
                int(fields["known_ctr"]),
                None if fields["down_counter"] is None else int(fields["down_counter"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"this is no send queue of a LoRaWAN device: {error}") from error

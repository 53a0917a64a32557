"""Epochs of a source: after a meter exchange another register counts, and its values follow those before in no way. Pure.

The contract opens a register at a lower value only under a key of its own (EnergyIssuer.configure); what the old register
still counted after its last settlement is minted beside both, as a supplement that the record of the exchange proves.
"""

from dataclasses import dataclass
from datetime import datetime

from community.clock import as_utc
from community.metering.exchange import MeterExchange
from community.minting.planning import SettledUpTo
from community.units import WattHours


@dataclass(frozen=True, slots=True)
class SourceEpoch:
    """From `opening_at` on the register `register_id` counts for a source, from `opening_register_wh`.

    `begins_at` is where the epoch before was settled, up to `closing_register_wh`; from there on time is open. `rest_wh`
    is what its register still counted then. `evidence` is the SHA-256 (0x hex) of the document that says so. Numbers
    are counted from 1: the founding epoch is 0 and stands with the source. Raises ValueError.
    """

    source_id: str
    number: int
    register_id: str
    opening_register_wh: int
    opening_at: datetime
    begins_at: datetime
    closing_register_wh: int
    rest_wh: int
    evidence: str

    def __post_init__(self) -> None:
        if self.number < 1:
            raise ValueError("the founding epoch stands with its source; later ones are counted from 1")
        if min(self.opening_register_wh, self.closing_register_wh, self.rest_wh) < 0:
            raise ValueError("registers and what they counted are not below zero")
        if as_utc(self.opening_at) < as_utc(self.begins_at):
            raise ValueError("an epoch opens where the one before was settled, or later")

    @property
    def opening(self) -> SettledUpTo:
        """Where its first issuance begins."""
        register = WattHours(self.opening_register_wh)
        return SettledUpTo(register, self.opening_at, self.register_id, self.number, self.begins_at)


def epoch_after(
    source_id: str, settled: SettledUpTo, exchange: MeterExchange, new_register_id: str, evidence: str
) -> SourceEpoch:
    """The epoch that an exchange begins, if the old register was settled up to `settled`. Raises ValueError.

    The chain's clock counts whole seconds, so the exchange counts from the beginning of its second on.
    """
    if exchange.old_factor != 1 or exchange.new_factor != 1:
        raise ValueError(
            "behind transformers the register does not count the energy: the contract mints what it counts"
        )
    rest_wh = exchange.final_wh - settled.register_wh
    if rest_wh < 0:
        if exchange.old_modulus_wh is None:
            raise ValueError(
                f"the old register ended at {exchange.final_wh} Wh, below the {settled.register_wh} Wh that are settled"
            )
        rest_wh %= exchange.old_modulus_wh
    return SourceEpoch(
        source_id=source_id,
        number=settled.epoch + 1,
        register_id=new_register_id,
        opening_register_wh=exchange.initial_wh,
        opening_at=exchange.at.replace(microsecond=0),
        begins_at=settled.begins_at or settled.at,
        closing_register_wh=settled.register_wh,
        rest_wh=rest_wh,
        evidence=evidence,
    )

"""What the signer signs: a call of the pinned issuer within its limits, for energy that is proven and signed once. Pure.

What was signed before comes in as `History`; what a request settles comes out, to be bound to its nonce. A stolen backend
can neither mint nor divert: each fact is compared with the registry and the journal, never with what the backend says.
"""

from datetime import datetime
from typing import Protocol

from community.chain.signature_requests import SignatureRequest
from community.minting.issuances import batch_id, correction_id, issuance_id
from signer.calls import Attested, Call, CorrectCall, Debt, SettleCall, Settlement, read_call
from signer.evidence import ProvenReading, prove_attested, prove_signed
from signer.journal import DAY_S, LastSigned, SignedEnergy
from signer.refusal import Refusal
from signer.registry import PinnedSource, Registry

AHEAD_S_MAX = 300


class History(Protocol):
    """What the journal knows of a source, reverted transactions aside."""

    def last_signed(self, source: PinnedSource) -> LastSigned | None: ...

    def wh_in_day_before(self, source_ref: str, read_at: int) -> int: ...

    def debt_wh_since(self, source_ref: str, since: int) -> int: ...


def judge_call(request: SignatureRequest, account: str, registry: Registry, fee_wei_today: int) -> Call:
    """Check everything about the transaction but its evidence. Raises Refusal.

    `fee_wei_today` is what other transactions signed in the last 24 hours cost at most.
    """
    if request.chain_id != registry.chain_id:
        raise Refusal(f"The request is for chain {request.chain_id}; this signer signs for {registry.chain_id} only.")
    if request.account != account:
        raise Refusal(f"This signer holds {account}, not {request.account}.")
    if request.to != registry.issuer:
        raise Refusal(f"The request calls {request.to}; this signer signs calls of the issuer {registry.issuer} only.")
    limits = registry.limits
    for what, wanted, ceiling in (
        ("gas", request.gas, limits.gas_max),
        ("wei of maximum fee", request.max_fee, limits.max_fee_wei_max),
        ("wei of tip", request.tip, limits.tip_wei_max),
    ):
        if wanted > ceiling:
            raise Refusal(f"The request allows {wanted} {what}; the ceiling is {ceiling}.")
    if (
        limits.fee_wei_per_day_max is not None
        and fee_wei_today + request.gas * request.max_fee > limits.fee_wei_per_day_max
    ):
        raise Refusal(
            f"With this transaction the fees of a day could reach {fee_wei_today + request.gas * request.max_fee} wei; the "
            f"ceiling is {limits.fee_wei_per_day_max}."
        )
    return read_call(request.data, registry.role)


def judge_settlements(
    request: SignatureRequest, call: SettleCall, registry: Registry, history: History, now: datetime
) -> tuple[str, tuple[SignedEnergy, ...]]:
    """Prove each settlement of a call. The name of what the call does, and the energy of each source. Raises Refusal."""
    if len({settlement.source_ref for settlement in call.settlements}) != len(call.settlements):
        raise Refusal("A source stands twice in one transaction: settle it once, up to the later reading.")
    energies = tuple(_judge_settlement(request, one, registry, history, now) for one in call.settlements)
    ids = [energy.issuance_id for energy in energies]
    return batch_id(ids) if call.is_batch else ids[0], energies


def judge_debt(
    request: SignatureRequest, call: CorrectCall, registry: Registry, history: History, now: datetime
) -> tuple[str, Debt]:
    """The name of a correction, and the debt it puts on a pinned source within a day's ceiling. Raises Refusal."""
    debt, ceiling = call.debt, registry.limits.debt_wh_per_day_max
    _pinned(debt.source_ref, registry)
    if debt.debt_wh == 0 or not any(debt.evidence):
        raise Refusal("A correction needs an amount and the SHA-256 of the document that shows it.")
    today = history.debt_wh_since(debt.source_ref, int(now.timestamp()) - DAY_S)
    if ceiling is not None and today + debt.debt_wh > ceiling:
        raise Refusal(f"With {debt.debt_wh} Wh more, the debts of a day would exceed {ceiling} Wh.")
    name = correction_id(request.chain_id, request.to, debt.source_ref, debt.debt_wh, "0x" + debt.evidence.hex())
    return name, debt


def _judge_settlement(
    request: SignatureRequest, settlement: Settlement | Attested, registry: Registry, history: History, now: datetime
) -> SignedEnergy:
    source = _pinned(settlement.source_ref, registry)
    config = settlement.settlement.config if isinstance(settlement, Attested) else settlement.config
    if not source.pays_by(config):
        raise Refusal(f"The share table (hash 0x{config.hash().hex()}) is not pinned for source {source.source_ref}.")
    if isinstance(settlement, Attested):
        reading = prove_attested(source, settlement.settlement, request.evidence, registry.attestations)
    else:
        reading = prove_signed(source, settlement.evidence)
    last = _last(source, history)
    judge_energy(source, reading, last, history.wh_in_day_before(source.source_ref, reading.read_at), now)
    way = last.register_wh, reading.register_wh
    name = issuance_id(request.chain_id, request.to, source.source_ref, *way, source.epoch_number)
    return SignedEnergy(name, source.source_ref, source.epoch, last.register_wh, reading.register_wh, reading.read_at)


def judge_energy(
    source: PinnedSource, reading: ProvenReading, last: LastSigned, wh_last_day: int, now: datetime
) -> None:
    """Refuse energy that does not follow the last signed one or that the plant cannot have made. Raises Refusal.

    `wh_last_day` is what was signed for readings in the day before this one.
    """
    if reading.read_at > now.timestamp() + AHEAD_S_MAX:
        raise Refusal("The reading is from the future.")
    if reading.read_at <= last.read_at or reading.register_wh <= last.register_wh:
        raise Refusal(
            f"The reading ({reading.register_wh} Wh at {reading.read_at}) is not after the last one signed for this source "
            f"({last.register_wh} Wh at {last.read_at})."
        )
    energy_wh = reading.register_wh - last.register_wh
    ceiling_wh = source.nameplate_w * (reading.read_at - last.read_at) // 3600 + 1
    if energy_wh > ceiling_wh:
        raise Refusal(
            f"{energy_wh} Wh are more than the {ceiling_wh} Wh that {source.nameplate_w} W can make in the time."
        )
    days = max(1, -(-(reading.read_at - last.read_at) // DAY_S))
    if energy_wh + (wh_last_day if days == 1 else 0) > source.wh_per_day_max * days:
        raise Refusal(
            f"With {energy_wh} Wh more, source {source.source_ref} would exceed its {source.wh_per_day_max} Wh a day."
        )


def _last(source: PinnedSource, history: History) -> LastSigned:
    """Up to where the source was settled. Operators may open it anew further on, as the contract's registrar may."""
    opening = LastSigned(source.opening_register_wh, source.opening_at)
    signed = history.last_signed(source)
    if signed is None or (opening.register_wh >= signed.register_wh and opening.read_at >= signed.read_at):
        return opening
    return signed


def _pinned(source_ref: str, registry: Registry) -> PinnedSource:
    source = registry.sources.get(source_ref)
    if source is None:
        raise Refusal(f"Source {source_ref} is not pinned in this signer's registry.")
    return source

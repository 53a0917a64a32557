"""The dry run: what the contract would do with a settlement now. It costs nothing and takes no nonce."""

from dataclasses import dataclass, replace

from community.clients.evm import EvmNode, NodeRefused
from community.minting.apportionment import apportion
from community.minting.issuances import Issuance, IssuanceState
from community.units import WattHours, base_units
from contracts.abi import SettlePreview, decode_preview_result, decode_revert, revert_name
from settlement.planner import Settlement

PASSING = frozenset({"FromTheFuture", "EnforcedPause", "SharesChanged"})
"""Refusals that end by themselves, when a pause does, or when the books have the table that share tokens show: the
settlement is tried again, nothing is stored."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """The contract would mint exactly this."""

    issuance: Issuance


@dataclass(frozen=True, slots=True)
class Later:
    """Not now; nothing is wrong. `for_somebody`: it waits for what a person does, so that it need not be asked each time."""

    reason: str
    for_somebody: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """The contract would refuse it, or do something else than was planned. A person must look."""

    reason: str


Verdict = Cleared | Later | Refused


async def dry_run(node: EvmNode, settlement: Settlement, account: str) -> Verdict:
    """Ask the contract. Raises RetryableError if the node is away."""
    try:
        answer = await node.eth_call(settlement.issuance.issuer, settlement.preview_call, sender=account)
    except NodeRefused as refusal:
        if not refusal.data:
            return Later(str(refusal))
        reason = f"The contract would refuse it: {decode_revert(refusal.data)}."
        if revert_name(refusal.data) == "WrongConfig":
            return Later(
                f"{reason} Its shares in the books begin at {settlement.issuance.period_start.isoformat()} or before: have "
                "the registrar commit exactly these on chain once everything before is settled; where share tokens decide, "
                "anyone may, by followShares. If the device signs with another key now, `python -m settlement epoch` says what "
                "to do.",
                for_somebody=True,
            )
        if revert_name(refusal.data) == "UnknownSource" and settlement.supplement is not None:
            return Later(
                f"{reason} Have the registrar open it: `python -m settlement correct` prints the call.",
                for_somebody=True,
            )
        if revert_name(refusal.data) in PASSING or not settlement.follows_final:
            return Later(reason, for_somebody=revert_name(refusal.data) in {"EnforcedPause", "SharesChanged"})
        return Refused(reason)
    try:
        preview = decode_preview_result(answer)
    except ValueError as error:
        return Refused(f"The contract's preview cannot be read ({error}): is this address the issuer?")
    return judge(settlement, preview)


def judge(settlement: Settlement, preview: SettlePreview) -> Verdict:
    """Compare the contract's preview with the plan. The contract may net a debt; then less is minted, by its rules."""
    issuance = settlement.issuance
    if preview.from_wh != issuance.from_wh:
        reason = (
            f"The contract's register stands at {preview.from_wh} Wh, the books at {issuance.from_wh} Wh. Compare the "
            "contract's Settled logs with the issuances."
        )
        return Refused(reason) if settlement.follows_final else Later(reason)
    if (preview.to_wh, preview.read_at) != (issuance.to_wh, int(issuance.period_end.timestamp())):
        return Refused("The contract reads another register value or instant from the evidence than the books do.")
    minted = WattHours(preview.minted_wh)
    amounts = apportion(minted, [part.share_count for part in issuance.parts])
    if amounts != preview.parts or minted > issuance.to_wh - issuance.from_wh:
        return Refused("The contract would split the energy otherwise than the books.")
    if issuance.amount == base_units(minted):
        return Cleared(issuance)
    if issuance.state is not IssuanceState.PLANNED or issuance.failure is not None:
        return Refused("A debt was put on the source after this issuance was recorded; its parts no longer agree.")
    parts = tuple(replace(part, amount=amount) for part, amount in zip(issuance.parts, amounts, strict=True))
    return Cleared(replace(issuance, amount=base_units(minted), parts=parts))

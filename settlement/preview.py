"""The dry run of a source's next settlement: exact parts and call data, for a page, an auditor, or before a big one.

Nothing is stored, signed or sent.
"""

import json
from dataclasses import dataclass
from typing import Any

from community.clients.evm import EvmNode, NodeRefused
from community.clock import Clock
from community.errors import FatalError, RetryableError
from community.identity.identities import EnergySource
from community.minting.issuances import Issuance
from community.store.identities import energy_sources
from community.store.unit_of_work import Store
from community.units import kwh_text
from settlement.fees import base_fee
from settlement.planner import Settlement, plan_next_issuance
from settlement.preflight import Cleared, dry_run
from settlement.terms import SettlementTerms


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be minted now. `refused` says why the contract would not; `parts` then are the plan's."""

    issuance: Issuance
    calldata: bytes
    gas: int | None
    refused: str | None

    def as_json(self) -> str:
        """For people and programs: amounts as decimal strings of base units."""
        one = self.issuance
        shown: dict[str, Any] = {
            "issuance_id": one.id,
            "source": one.source_id,
            "issuer": one.issuer,
            "from_wh": one.from_wh,
            "to_wh": one.to_wh,
            "period": [one.period_start.isoformat(), one.period_end.isoformat()],
            "measurement": one.measurement_id,
            "share_table": one.share_table_id,
            "minted": str(one.amount),
            "minted_kwh": kwh_text(one.amount),
            "parts": [
                {
                    "holder": part.holder_id,
                    "address": part.address,
                    "shares": part.share_count,
                    "amount": str(part.amount),
                }
                for part in one.parts
            ],
            "calldata": "0x" + self.calldata.hex(),
            "gas": self.gas,
            "refused": self.refused,
        }
        return json.dumps(shown, indent=2)


async def preview(terms: SettlementTerms, node: EvmNode, store: Store, clock: Clock, source_id: str) -> Preview | str:
    """The next settlement of a source, or a sentence on why there is none. Raises FatalError for an unknown source."""
    async with store.read() as work:
        source = next((one for one in await energy_sources(work) if one.id == source_id), None)
    if source is None:
        raise FatalError(f"There is no energy source {source_id}. `python -m settlement status` names them.")
    async with store.read() as work:
        fee = await _base_fee(node, source)
        planned = await plan_next_issuance(work, source, terms, clock.now(), fee)
    if not isinstance(planned, Settlement):
        return "There is nothing to settle yet." if planned is None else planned.reason
    verdict = await dry_run(node, planned, terms.account)
    issuance = verdict.issuance if isinstance(verdict, Cleared) else planned.issuance
    calldata = planned.calldata
    refused = None if isinstance(verdict, Cleared) else verdict.reason
    gas = None if refused else await _gas(node, terms, calldata)
    return Preview(issuance, calldata, gas, refused)


async def _base_fee(node: EvmNode, source: EnergySource) -> int | None:
    return None if source.settlement.base_fee_wei_max is None else await base_fee(node)


async def _gas(node: EvmNode, terms: SettlementTerms, calldata: bytes) -> int | None:
    try:
        return await node.estimate_gas(terms.issuer, calldata, sender=terms.account)
    except (NodeRefused, RetryableError):
        return None

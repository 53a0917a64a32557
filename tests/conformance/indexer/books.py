"""Our side of what a ledger settled: readings, intervals, issuances and parts, as ingest and settlement leave them."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import update
from sqlmodel import col

from community.clock import QUARTER_HOUR
from community.store.tables import identity, measuring, minting
from community.store.unit_of_work import Store, Work
from community.store.upserts import insert_all
from community.units import BASE_UNITS_PER_WH
from tests.conformance.indexer.ledgers import SOURCE_REF, START_WH, Ledger
from tests.support import seeded_community
from tests.support.anvil import CHAIN_ID

SOURCE, POINT = seeded_community.SOURCE, seeded_community.PV_POINT
HOLDERS = ("mem_anna", "mem_bernd", "mem_clara")


@dataclass(slots=True)
class Books:
    """The store's books beside a ledger. `settle` writes both sides, so that they agree."""

    store: Store
    ledger: Ledger
    recorded_at: datetime
    issuance_ids: list[str] = field(default_factory=list)
    _last: str = ""

    @classmethod
    async def open(cls, store: Store, ledger: Ledger, recorded_at: datetime) -> "Books":
        """Register the community and the plant, whose counting begins where the ledger's does."""
        books = cls(store, ledger, recorded_at)
        opening_at = datetime.fromtimestamp(ledger.source().read_at, UTC)
        row = identity.EnergySourceRow
        async with store.begin() as work:
            await seeded_community._identities(work, opening_at, ledger.config)
            changes = {"source_ref": SOURCE_REF, "opening_register_wh": START_WH, "opening_at": opening_at}
            await work.session.execute(
                update(row).where(col(row.identity_id) == SOURCE).values(evidence_mode="ATTESTED", **changes)
            )
            books._last, _ = await books._measure(work, opening_at, START_WH)
        return books

    async def settle(self, energy_wh: int) -> str:
        """A reading, its interval and issuance here, the settlement there. Returns the issuance's id."""
        before = self.ledger.source()
        at = datetime.fromtimestamp(before.read_at, UTC) + QUARTER_HOUR
        to_wh = before.register_wh + energy_wh
        async with self.store.begin() as work:
            measurement_id, signed = await self._measure(work, at, to_wh)
            interval = {
                "metering_point_id": POINT, "starts_at": at - QUARTER_HOUR, "revision": 1, "energy_wh": energy_wh,
                "quality": "measured", "from_measurement_id": self._last, "to_measurement_id": measurement_id,
                "recorded_at": self.recorded_at,
            }  # fmt: skip
            await insert_all(work, measuring.IntervalRow, [interval])
            issuance_id = await self._issue(work, measurement_id, before.register_wh, to_wh, at)
        receipt = self.ledger.settle(energy_wh, hashlib.sha256(signed).digest())
        async with self.store.begin() as work:
            row = minting.IssuanceRow
            mined = {
                "state": "final",
                "mined_block": int(receipt["blockNumber"], 16),
                "tx_hash": receipt["transactionHash"],
            }
            await work.session.execute(update(row).where(col(row.id) == issuance_id).values(**mined))
        self._last = measurement_id
        self.issuance_ids.append(issuance_id)
        return issuance_id

    async def _measure(self, work: Work, at: datetime, register_wh: int) -> tuple[str, bytes]:
        name = f"{at:%Y%m%d%H%M}"
        signed = b"legacy payload " + name.encode()
        digest = hashlib.sha256(signed).hexdigest()
        frame = {
            "digest": digest, "source": "things_stack", "payload": signed, "received_at": self.recorded_at,
            "verdict": "admitted",
        }  # fmt: skip
        statement = {
            "digest": digest, "device_id": "dev_pv", "device_key_id": "key_dev_pv", "keyno": 1, "ctr": register_wh,
            "format": "legacy", "signed": signed, "first_at": at, "span": 1, "reading_count": 1, "frame_digest": digest,
            "recorded_at": self.recorded_at,
        }  # fmt: skip
        measurement = {
            "id": f"mea_{name}", "register_id": f"reg_{POINT}", "installation_id": f"inst_{POINT}", "device_id": "dev_pv",
            "at": at, "register_wh": register_wh, "off_s": 0, "status": 0, "evidence_mode": "ATTESTED",
            "statement_digest": digest, "leaf_index": 0, "recorded_at": self.recorded_at,
        }  # fmt: skip
        await insert_all(work, measuring.FrameRow, [frame])
        await insert_all(work, measuring.StatementRow, [statement])
        await insert_all(work, measuring.MeasurementRow, [measurement])
        return f"mea_{name}", signed

    async def _issue(self, work: Work, measurement_id: str, from_wh: int, to_wh: int, at: datetime) -> str:
        energy_wh = to_wh - from_wh
        issuance_id = "0x" + hashlib.sha256(f"{self.ledger.issuer}{from_wh}{to_wh}".encode()).hexdigest()
        issuance = {
            "id": issuance_id, "chain_id": CHAIN_ID, "issuer": self.ledger.issuer, "source_id": SOURCE, "from_wh": from_wh,
            "to_wh": to_wh, "period_start": at - QUARTER_HOUR, "period_end": at, "amount": energy_wh * BASE_UNITS_PER_WH,
            "measurement_id": measurement_id, "share_table_id": "sht_1", "state": "broadcast",
            "planned_at": self.recorded_at,
        }  # fmt: skip
        config = self.ledger.config
        parts = zip(HOLDERS, config.holders, config.weights, config.split(energy_wh), strict=True)
        await insert_all(work, minting.IssuanceRow, [issuance])
        await insert_all(
            work,
            minting.IssuancePartRow,
            [
                {
                    "issuance_id": issuance_id, "position": n, "holder_id": holder, "address": address,
                    "share_count": weight, "amount": amount,
                }
                for n, (holder, address, weight, amount) in enumerate(parts)
            ],
        )  # fmt: skip
        return issuance_id


def long_before(now: datetime) -> datetime:
    """An instant whose records are old enough to have agreed."""
    return now - timedelta(hours=1)

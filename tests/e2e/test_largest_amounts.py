"""An amount of 2^256 - 1 base units is the same to the last digit in the database, in GraphQL and on the page."""

from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlmodel import col

from community.store.tables.chain import BalanceRow, SupplyRow, TransferRow
from community.store.tables.reconciling import ReconciliationRunRow
from community.store.unit_of_work import Store
from community.store.upserts import insert_all
from community.units import AMOUNT_MAX
from tests.support.browser import chromium
from tests.support.running_api import address, ask, serving
from tests.support.seeded_community import make_key, seed
from tests.support.seeded_figures import CHAIN_ID, TOKEN, address_of, hash_of

NOW = datetime(2026, 6, 15, 14, tzinfo=UTC)
ANNA = address_of("mem_anna")
OPERATION = """{ balances { final } supply { minted finalMinted } reconciliation { supply }
  transfers(txHash: "%s", first: 1) { nodes { amount } } }""" % hash_of("largest")  # noqa: UP031
KWH = AMOUNT_MAX // 10**18
MILLIS = AMOUNT_MAX // 10**15 % 1000


async def test_the_largest_amount_survives_to_the_last_digit(store: Store, store_url: str) -> None:
    await seed(store, NOW, days=1)
    key = await make_key(store, "member", "mem_anna")
    place = {"chain_id": CHAIN_ID, "block_number": 1, "log_index": 99}
    largest = {
        **place, "block_hash": hash_of("block", 1), "tx_hash": hash_of("largest"), "token": TOKEN,
        "sender": "0x" + "0" * 40, "recipient": ANNA, "amount": AMOUNT_MAX, "kind": "mint",
    }  # fmt: skip
    async with store.begin() as work:
        await insert_all(work, TransferRow, [largest])
        balance = update(BalanceRow).where(col(BalanceRow.address) == ANNA)
        await work.session.execute(balance.values(amount=AMOUNT_MAX, final_amount=AMOUNT_MAX))
        await work.session.execute(update(SupplyRow).values(minted=AMOUNT_MAX, final_minted=AMOUNT_MAX))
        await work.session.execute(update(ReconciliationRunRow).values(supply=AMOUNT_MAX))
    async with store.read() as work:
        stored = select(col(TransferRow.amount)).where(col(TransferRow.tx_hash) == hash_of("largest"))
        assert (await work.session.execute(stored)).scalar_one() == AMOUNT_MAX
    async with serving(store_url, web=True) as app:
        told = await ask(app, OPERATION, key)
        assert told["balances"] == [{"final": str(AMOUNT_MAX)}]
        assert told["supply"] == [{"minted": str(AMOUNT_MAX), "finalMinted": str(AMOUNT_MAX)}]
        assert told["reconciliation"]["supply"] == str(AMOUNT_MAX)
        assert told["transfers"]["nodes"] == [{"amount": str(AMOUNT_MAX)}]
        async with chromium() as tab:
            await tab.page.goto(f"{address(app)}/#key={key}")
            shown = await tab.page.locator("[data-member=mem_anna] [data-part=final] .figure").inner_text()
            assert shown.replace("\u202f", "") == f"{KWH}.{MILLIS:03}kWh"
            assert tab.complaints == []

"""A correction in a real browser: looked at, proven by a document, recorded, and seen by the member whom it affects."""

import hashlib
from pathlib import Path

from playwright.async_api import expect

from community.store.unit_of_work import Store
from tests.e2e.conftest import NOW
from tests.support.browser import opened_tab, running_browser
from tests.support.manual_clock import ManualClock
from tests.support.running_api import address, serving
from tests.support.seeded_chain import Seeded
from tests.support.seeded_community import make_key


async def test_a_correction_is_looked_at_and_recorded(url: str, books: Store, seeded: Seeded, tmp_path: Path) -> None:
    key, anna = await make_key(books, "operator"), await make_key(books, "member", "mem_anna")
    document = tmp_path / "protocol.pdf"
    document.write_bytes(b"the meter was checked and counted 12 kWh too much")
    async with (
        serving(url, clock=ManualClock(NOW), web=True) as app,
        running_browser() as browser,
        opened_tab(browser) as tab,
        opened_tab(browser) as members,
    ):
        await members.set_clock(NOW)
        await members.page.goto(f"{address(app)}/#key={anna}")
        await expect(members.page.locator(".connection")).to_have_attribute("data-state", "live")
        await tab.set_clock(NOW)
        await tab.page.goto(f"{address(app)}/corrections#key={key}")
        form = tab.page.locator("form").first
        await form.get_by_label("Energy in Wh").fill("12000")
        await form.get_by_role("button", name="Preview").click()
        preview = tab.page.get_by_test_id("correction-preview")
        await expect(preview).to_contain_text("\u22123.600")  # Anna holds 300 of 1000 shares
        record = tab.page.get_by_role("button", name="Record", exact=True)
        await expect(record).to_have_count(0)  # nothing is recorded without what proves it
        async with tab.page.expect_file_chooser() as asked:
            await tab.page.get_by_role("button", name="Take the hash of a file").click()
        await (await asked.value).set_files(document)
        proof = "0x" + hashlib.sha256(document.read_bytes()).hexdigest()
        await expect(tab.page.locator(".evidence-form input").first).to_have_value(proof)
        await record.click()
        dialog = tab.page.get_by_role("dialog")
        await dialog.get_by_label("Reason").fill("the calibration office checked the meter")
        await dialog.get_by_role("button", name="Record", exact=True).click()
        await expect(dialog).to_have_count(0)
        # a debt is told to the contract, too: by whoever may correct
        await expect(tab.page.get_by_test_id("calldata")).to_contain_text("0x")
        await expect(preview).to_have_count(0)
        listed = tab.page.locator("main section").last
        await expect(listed).to_contain_text("the calibration office checked the meter")
        await expect(listed).to_contain_text("12.000")
        assert tab.complaints == []

        # the member hears of it without touching anything, and says that he has read it
        notice = members.page.locator("[data-kind=CORRECTION_RECORDED][data-unread]")
        await expect(notice).to_contain_text("12.000 kWh")
        await expect(notice).to_contain_text("\u22123.600")
        await members.page.get_by_role("link", name="News").first.click()
        await expect(notice).to_have_count(1)
        await members.page.get_by_role("button", name="I have read this").click()
        await expect(notice).to_have_count(0)
        await expect(members.page.locator("[data-kind=CORRECTION_RECORDED]")).to_have_count(1)
        assert members.complaints == []

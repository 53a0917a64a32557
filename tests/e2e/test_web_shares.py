"""The share register in a real browser: a revision is looked at, proposed by one operator and approved by another."""

from playwright.async_api import Locator, expect

from community.store.unit_of_work import Store
from tests.e2e.conftest import NOW
from tests.support.browser import Tab, chromium
from tests.support.manual_clock import ManualClock
from tests.support.running_api import address, serving
from tests.support.seeded_chain import Seeded
from tests.support.seeded_community import make_key


async def _open(tab: Tab, base: str, key: str) -> None:
    await tab.page.goto(f"{base}/shares#key={key}")
    await expect(tab.page.get_by_test_id("share-list").get_by_label("Anna Berger")).to_be_visible()


async def _decide(tab: Tab, button: Locator, reason: str) -> Locator:
    name = await button.inner_text()
    await button.click()
    dialog = tab.page.get_by_role("dialog")
    await dialog.get_by_label("Reason").fill(reason)
    await dialog.get_by_role("button", name=name).click()
    return dialog


async def _propose(tab: Tab, anna: str, rest: str, reason: str) -> None:
    held = tab.page.get_by_test_id("share-list")
    await held.get_by_label("Anna Berger").fill(anna)
    await held.get_by_label("Treasury").fill(rest)
    await tab.page.get_by_role("button", name="Preview").click()
    preview = tab.page.get_by_test_id("share-preview")
    await expect(preview.locator("[data-holder=mem_anna] td")).to_have_text(
        ["Anna Berger", "300", anna, f"\u2212{300 - int(anna)}"]
    )
    await expect(preview).to_contain_text("Revision 2, valid from 16 Jun, 00:00")
    dialog = await _decide(tab, preview.get_by_role("button", name="Propose"), reason)
    await expect(dialog).to_have_count(0)
    await expect(tab.page.locator("[data-revision]")).to_have_count(1)


async def test_a_share_register_is_changed_by_two_operators(url: str, books: Store, seeded: Seeded) -> None:
    first, second = [await make_key(books, "operator", person=name) for name in ("Olga", "Otto")]
    async with serving(url, clock=ManualClock(NOW), web=True) as app, chromium() as tab:
        await tab.set_clock(NOW)
        await _open(tab, address(app), first)
        held = tab.page.get_by_test_id("share-list")
        look = tab.page.get_by_role("button", name="Preview")
        await held.get_by_label("Anna Berger").fill("200")
        await expect(tab.page.get_by_text("100 still to be given")).to_be_visible()
        await expect(look).to_be_disabled()
        # what was before a revision does not change
        await held.get_by_label("Treasury").fill("350")
        await tab.page.get_by_label("Valid from").fill("2020-01-01T00:00")
        await look.click()
        await expect(tab.page.get_by_role("alert").first).to_contain_text("Choose a later instant")
        await expect(tab.page.get_by_test_id("share-preview")).to_have_count(0)
        await tab.page.get_by_label("Valid from").fill("2026-06-16T00:00")
        await _propose(tab, "200", "350", "Anna gave a hundred back")
        waiting = tab.page.locator("[data-revision]")
        await expect(waiting).to_contain_text("Anna gave a hundred back")
        # nobody decides his own proposal
        await expect(waiting).to_contain_text("You proposed this yourself")
        await expect(waiting.get_by_role("button")).to_have_count(0)

        await _open(tab, address(app), second)
        await _decide(tab, waiting.get_by_role("button", name="Reject"), "she gave back fifty only")
        await expect(waiting).to_have_count(0)
        await _propose(tab, "250", "300", "Anna gave fifty back")

        await _open(tab, address(app), first)
        await _decide(tab, waiting.get_by_role("button", name="Approve"), "compared with her letter")
        await expect(waiting).to_have_count(0)
        newest = tab.page.locator("details.revision").first
        await expect(newest).to_contain_text("2 · 16 Jun, 00:00")
        await newest.locator("summary").click()
        await expect(newest.locator("tbody tr").first).to_contain_text("250")
        await expect(held.get_by_label("Anna Berger")).to_have_value("250")
        assert tab.complaints == []

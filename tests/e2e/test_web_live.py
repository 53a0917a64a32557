"""The web application in a real browser: what a stream tells of breaks and of sign-ins that end.

Balances that move and a connection that is cut are looked at in the running demo: test_web_demo.py.
"""

from playwright.async_api import expect

from community.store import api_keys
from community.store.unit_of_work import Store
from tests.e2e.conftest import NOW
from tests.support.browser import Tab, chromium
from tests.support.manual_clock import ManualClock
from tests.support.running_api import address, serving
from tests.support.seeded_chain import Seeded, add_break, settle_more
from tests.support.seeded_community import make_key

TOTAL = "[data-member=mem_anna] [data-testid=total]"


async def _opened(tab: Tab, base: str, key: str, path: str = "/") -> None:
    await tab.set_clock(NOW)
    await tab.page.goto(f"{base}{path}#key={key}")


async def _revoke(books: Store, key: str) -> None:
    async with books.begin() as work:
        await api_keys.revoke(work, f"key_{key.split('_')[1]}", NOW)


async def test_a_break_shows_up_with_the_operator(url: str, books: Store, seeded: Seeded) -> None:
    key = await make_key(books, "operator")
    async with serving(url, clock=ManualClock(NOW), web=True) as app, chromium() as tab:
        await _opened(tab, address(app), key)
        assert "key=" not in tab.page.url
        verdict = tab.page.get_by_test_id("verdict")
        await expect(verdict).to_contain_text("all three agree")
        await expect(tab.page.locator("[data-queue=quarantine] li")).to_have_count(3)
        await expect(tab.page.locator("[data-queue=unknown]")).to_contain_text("Gateway in the cellar")
        await add_break(books, NOW)
        await expect(verdict).to_contain_text("1 open break")
        await expect(tab.page.locator("[data-queue=breaks] li")).to_have_count(1)
        assert tab.complaints == []
        assert all(each.startswith(address(app)) for each in tab.requested), tab.requested


async def test_a_key_that_is_revoked_in_mid_session_leads_to_the_door(url: str, books: Store, seeded: Seeded) -> None:
    key = await make_key(books, "operator")
    async with serving(url, clock=ManualClock(NOW), web=True) as app, chromium() as tab:
        await _opened(tab, address(app), key)
        await expect(tab.page.locator("[data-queue=quarantine] li")).to_have_count(3)
        await expect(tab.page.locator(".connection")).to_have_attribute("data-state", "live")
        await _revoke(books, key)
        # nobody touches the page, and nothing else happens: the stream tells it
        await expect(tab.page.get_by_role("alert")).to_contain_text("Your sign-in has ended")
        await expect(tab.page.locator("[data-queue]")).to_have_count(0)
        assert await tab.page.evaluate("sessionStorage.length") == 0


async def test_a_sign_in_that_was_renewed_goes_on_when_the_old_one_ends(url: str, books: Store, seeded: Seeded) -> None:
    old, new = await make_key(books, "member", "mem_anna"), await make_key(books, "member", "mem_anna")
    async with serving(url, clock=ManualClock(NOW), web=True) as app, chromium() as tab:
        await _opened(tab, address(app), old)
        await expect(tab.page.locator(".connection")).to_have_attribute("data-state", "live")
        before = await tab.page.locator(TOTAL).inner_text()
        # as a token that is refreshed: the tab holds the next before the first is over
        await tab.page.evaluate("key => sessionStorage.setItem(sessionStorage.key(0), key)", new)
        await _revoke(books, old)
        await settle_more(books, seeded, energy_wh=50_000)
        await expect(tab.page.locator(TOTAL)).not_to_have_text(before)
        await expect(tab.page.locator(".connection")).to_have_attribute("data-state", "live")


async def test_a_wrong_key_and_signing_out_lead_to_the_door(url: str, books: Store, seeded: Seeded) -> None:
    key = await make_key(books, "auditor")
    async with serving(url, clock=ManualClock(NOW), web=True) as app, chromium() as tab:
        await _opened(tab, address(app), "ecb_0000000000000000_wrong")
        await expect(tab.page.get_by_role("alert")).to_contain_text("Your sign-in has ended")
        field = tab.page.get_by_label("API key")
        await field.fill("ecb_0000000000000000_wrong")
        await tab.page.get_by_role("button", name="Sign in").click()
        await expect(tab.page.get_by_role("alert")).to_contain_text("not valid")
        await field.fill(key)
        await tab.page.get_by_role("button", name="Sign in").click()
        await expect(tab.page.get_by_role("heading", level=1)).to_have_text("Reconciliation")
        await tab.page.get_by_role("button", name="Sign out").click()
        await expect(field).to_be_visible()
        assert await tab.page.evaluate("sessionStorage.length") == 0

"""Signing in at a real OpenID provider from the page: authorization code with PKCE, renewal, its end, and signing out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from playwright.async_api import Page, expect

from community.store import logins
from community.store.unit_of_work import Store
from tests.e2e.conftest import NOW
from tests.support.brokers import free_port
from tests.support.browser import Tab, chromium
from tests.support.oidc import Realm, realm
from tests.support.running_api import address, serving
from tests.support.seeded_chain import Seeded, settle_more

PEOPLE = {"anna": {"roles": ["member"]}, "otto": {"roles": ["member"], "clientRoles": ["operator"]}}
TOTAL = "[data-member=mem_anna] [data-testid=total]"


@dataclass(frozen=True, slots=True)
class Door:
    """The page of a community whose people sign in at `people`."""

    url: str
    people: Realm
    tab: Tab

    async def enter(self, name: str | None) -> None:
        """Ask for the issuer's page, and say there who it is, where it asks."""
        await self.tab.page.get_by_role("button", name="Sign in with your account").click()
        if name is not None:
            await expect(self.tab.page.get_by_role("heading", name="Energy realm")).to_be_visible()
            await self.tab.page.get_by_role("link", name=name).click()


@asynccontextmanager
async def door(url: str, books: Store, token_ttl_s: int) -> AsyncIterator[Door]:
    port = free_port()
    async with realm(PEOPLE, token_ttl_s, web_url=f"http://127.0.0.1:{port}") as people, chromium() as tab:
        async with books.begin() as work:
            await logins.bind(work, "mem_anna", people.login("anna"), NOW)
        issuer = replace(people.issuer, web_client="web")
        async with serving(url, port=port, issuers=(issuer,), web=True) as app:
            await tab.page.goto(f"{address(app)}/energy")
            yield Door(address(app), people, tab)


def _live(page: Page) -> object:
    return expect(page.locator(".connection")).to_have_attribute("data-state", "live")


async def test_people_sign_in_with_pkce_and_sign_out_everywhere(url: str, books: Store, seeded: Seeded) -> None:
    async with door(url, books, token_ttl_s=300) as at:
        page = at.tab.page
        async with page.expect_request(lambda each: each.url.startswith(f"{at.people.url}/token")) as exchanged:
            await at.enter("anna")
        # he is where he wanted to be, and nothing of the sign-in stands in the address
        await expect(page.get_by_role("heading", level=1)).to_have_text("Energy")
        assert page.url == f"{at.url}/energy"
        asked = next(each for each in at.tab.requested if each.startswith(f"{at.people.url}/auth?"))
        assert "code_challenge_method=S256" in asked and "response_type=code" in asked
        assert "code_verifier=" in ((await exchanged.value).post_data or "")
        assert "client_secret" not in ((await exchanged.value).post_data or "")
        await page.reload()
        await expect(page.locator(".who")).to_contain_text("Anna Berger")

        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_role("button", name="Go on").click()
        await expect(page.get_by_role("button", name="Sign in with your account")).to_be_visible()
        assert await page.evaluate("sessionStorage.length") == 0
        # the issuer has forgotten him, too: whoever comes next says who he is
        await at.enter("otto")
        await expect(page.get_by_role("heading", level=1)).to_have_text("What needs you today")
        assert at.tab.complaints == []


async def test_a_token_is_renewed_until_the_issuer_says_no(url: str, books: Store, seeded: Seeded) -> None:
    async with door(url, books, token_ttl_s=3) as at:
        page, sockets = at.tab.page, []
        page.on("websocket", lambda each: sockets.append(each.url))
        await at.enter("anna")
        await page.get_by_role("link", name="Overview").click()
        await _live(page)
        before = await page.locator(TOTAL).inner_text()
        async with page.expect_websocket(lambda each: len(sockets) > 1):
            pass  # the API closed the first with the token that it was opened with
        await _live(page)
        await settle_more(books, seeded, energy_wh=50_000)
        await expect(page.locator(TOTAL)).not_to_have_text(before)

        await at.people.disable("anna")
        await expect(page.get_by_role("alert")).to_contain_text("Your sign-in has ended")
        await expect(page.locator("[data-member]")).to_have_count(0)
        await at.people.enable("anna")
        await at.enter(None)  # the issuer still knows who sits there
        await expect(page.locator(TOTAL)).to_be_visible()
        await expect(page.locator(TOTAL)).not_to_have_text(before)

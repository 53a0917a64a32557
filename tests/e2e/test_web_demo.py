"""The running demo in a real browser: an operator's and everybody's views in both languages, live figures, and a connection that is cut.

The demo is started once, as `make demo` does; `pytest tests/e2e/test_web_demo.py --demo http://127.0.0.1:8000` looks at one
that runs already in `.demo` (and still replays: at night and in real time nothing moves for long).
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.support.browser import Tab, opened_tab, running_browser
from tests.support.cuttable_line import cuttable_line
from tests.support.running_demo import ROOT, Demo, demo_at, running_demo

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]

TOTAL = "[data-member=mem_anna] [data-testid=total]"
GERMAN = "DE – Auf Deutsch umschalten"
PEOPLE = "Anna|Bernd|Clara|David|Treasury"


@dataclass(frozen=True, slots=True)
class Seen:
    """A view: its path, its heading in both languages, and what must be seen in it once the demo has run for a moment."""

    path: str
    english: str
    german: str
    shows: str


OPERATOR = (
    Seen("/", "What needs you today", "Was Sie heute braucht", "[data-column=minted] .figure"),
    Seen("/devices", "Devices", "Geräte", "tbody tr"),
    Seen("/devices/dev_plant", "Gateway at the plant", "Gateway at the plant", "[data-verdict=holds]"),
    Seen("/onboarding", "Bring in members, meters and devices", "Mitglieder, Zähler und Geräte aufnehmen", "textarea"),
    Seen("/completeness", "Data completeness", "Vollständigkeit der Daten", ".cell.full"),
    Seen("/shares", "Share register", "Anteilsregister", "details[open] tbody tr"),
    Seen("/corrections", "Corrections", "Korrekturen", "form"),
    Seen("/balances", "Balances", "Guthaben", "[data-member=mem_bernd] .figure"),
    Seen("/chain", "Signer and chain", "Signer und Kette", "tbody tr"),
)


@dataclass(frozen=True, slots=True)
class Site:
    """The running demo and the browser that looks at it."""

    demo: Demo
    browser: Browser

    def tab(self, **options: Any) -> AbstractAsyncContextManager[Tab]:
        return opened_tab(self.browser, **options)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    given = request.config.getoption("--demo")
    async with running_browser() as browser:
        if given:
            yield Site(demo_at(given, ROOT / ".demo"), browser)
            return
        async with running_demo(tmp_path_factory.mktemp("demo")) as demo:
            yield Site(demo, browser)


async def _go(tab: Tab, path: str) -> None:
    """Follow the page's own way, without loading it anew."""
    await tab.page.evaluate("(path) => history.pushState(null, '', path)", path)


async def _tour(tab: Tab, views: tuple[Seen, ...]) -> None:
    """Every view in English, then, by one press of the button, every view in German."""
    for language in ("english", "german"):
        if language == "german":
            await tab.page.get_by_role("button", name=GERMAN).click()
        for view in views:
            await _go(tab, view.path)
            await expect(tab.page.get_by_role("heading", level=1)).to_have_text(getattr(view, language))
            await expect(tab.page.locator(view.shows).first).to_be_visible()
        assert await tab.page.evaluate("document.documentElement.lang") == language[:2].replace("ge", "de")


async def test_a_balance_moves_and_catches_up_after_the_line_was_cut(site: Site) -> None:
    """The first of all: the demo's days pass in a minute, and afterwards nothing moves before the next quarter-hour."""
    async with cuttable_line(site.demo.port) as line, site.tab() as tab, site.tab() as operators:
        await operators.page.goto(f"{site.demo.url}/#key={site.demo.operator_key}")
        minted = operators.page.locator("[data-column=minted] .figure")
        minted_before = await minted.inner_text()
        await tab.page.goto(f"http://127.0.0.1:{line.port}/#key={site.demo.member_key}")
        mark, total = tab.page.locator(".connection"), tab.page.locator(TOTAL)
        await expect(mark).to_have_attribute("data-state", "live")
        assert "key=" not in tab.page.url
        await tab.page.evaluate("window.notReloaded = true")
        before = await total.inner_text()
        newest = tab.page.locator(".credits tbody tr").first
        await expect(total).not_to_have_text(before, timeout=90_000)
        await expect(newest).to_be_visible()

        line.cut()
        await expect(mark).to_have_attribute("data-state", "waiting")
        shown, credit = await total.inner_text(), await newest.get_attribute("data-tx")
        final = await site.demo.final_of_member()
        async with asyncio.timeout(90):
            while await site.demo.final_of_member() == final:
                await asyncio.sleep(0.3)
        await expect(total).to_have_text(shown)  # what was known stays to be read
        line.join()
        await expect(mark).to_have_attribute("data-state", "live")
        await expect(total).not_to_have_text(shown)
        await expect(newest).not_to_have_attribute("data-tx", credit or "")
        assert await tab.page.evaluate("window.notReloaded")
        await expect(minted).not_to_have_text(minted_before)


async def test_an_operator_reads_everything_in_both_languages(site: Site) -> None:
    async with site.tab() as tab:
        await tab.page.goto(f"{site.demo.url}/#key={site.demo.operator_key}")
        await _tour(tab, OPERATOR)
        assert tab.complaints == []


async def test_everybody_reads_sums_in_both_languages_and_no_name(site: Site) -> None:
    async with site.tab() as tab:
        await tab.page.goto(f"{site.demo.url}/public")
        await expect(tab.page.locator(".totals")).to_contain_text("members")
        await tab.page.get_by_role("button", name=GERMAN).click()
        await expect(tab.page.locator(".totals")).to_contain_text("Mitglieder")
        assert not re.search(PEOPLE, await tab.page.locator("body").inner_text())
        assert tab.complaints == []

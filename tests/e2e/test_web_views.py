"""Each role's views in a real browser: what they show, in both languages, on a phone, and to whom cannot see.

One server and one browser serve all tests of the file; each has a fresh profile and a key of its own.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ViewportSize, expect

from community.store.unit_of_work import Store
from tests.e2e.conftest import NOW
from tests.support.browser import Tab, opened_tab, running_browser
from tests.support.manual_clock import ManualClock
from tests.support.running_api import WEB, address, serving
from tests.support.seeded_community import make_key, seed
from tests.support.stores import new_sqlite_url, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")

AXE = WEB.parent / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = ("serious", "critical")
DESK: Final[ViewportSize] = {"width": 1280, "height": 900}
PHONE: Final[ViewportSize] = {"width": 375, "height": 812}


@dataclass(frozen=True, slots=True)
class Seen:
    """One view: its path, what must be seen in it, and its heading in both languages."""

    path: str
    shows: str
    english: str
    german: str


MEMBER = (
    Seen("/", "[data-part=final]", "Anna Berger", "Anna Berger"),
    Seen("/energy", "[data-testid=coverage]", "Energy", "Energie"),
    Seen("/credits", ".credits tbody tr", "Credits", "Gutschriften"),
    Seen("/shares", ".big", "Your shares", "Ihre Anteile"),
    Seen("/wallet", ".full-address", "Your wallet", "Ihre Wallet"),
    Seen("/news", "main .panel", "News for you", "Neues für Sie"),
)
OPERATOR = (
    Seen("/", "[data-queue=quarantine] li", "What needs you today", "Was Sie heute braucht"),
    Seen("/devices", "tbody tr", "Devices", "Geräte"),
    Seen("/devices/dev_pv", "[data-verdict=holds]", "Gateway pv", "Gateway pv"),
    Seen("/onboarding", "textarea", "Bring in members, meters and devices", "Mitglieder, Zähler und Geräte aufnehmen"),
    Seen("/onboarding/70b3d57ed0000003", "[data-state=now] form", "Gateway in the cellar", "Gateway in the cellar"),
    Seen("/completeness", ".cell.missing", "Data completeness", "Vollständigkeit der Daten"),
    Seen("/shares", "details[open] tbody tr", "Share register", "Anteilsregister"),
    Seen("/corrections", "form", "Corrections", "Korrekturen"),
    Seen("/breaks", ".empty", "Breaks", "Abweichungen"),
    Seen("/balances", "[data-member=mem_bernd]", "Balances", "Guthaben"),
    Seen("/chain", "tbody tr", "Signer and chain", "Signer und Kette"),
)
AUDITOR = (
    Seen("/", "tbody tr", "Reconciliation", "Abgleich"),
    Seen("/evidence", "[data-verdict=holds]", "Evidence", "Belege"),
    Seen("/breaks", ".empty", "Breaks", "Abweichungen"),
    Seen("/totals", "[data-equal=true]", "Control totals", "Kontrollsummen"),
    Seen("/sample", "form", "Sampling", "Stichprobe"),
)
ROLES = {"member": MEMBER, "operator": OPERATOR, "auditor": AUDITOR}


@dataclass(frozen=True, slots=True)
class Site:
    """The running community and the browser that looks at it."""

    url: str
    books: Store
    browser: Browser

    def tab(self, **options: Any) -> AbstractAsyncContextManager[Tab]:
        return opened_tab(self.browser, **options)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    url = await new_sqlite_url(tmp_path_factory.mktemp("site"))
    async with opened(url) as books:
        await seed(books, NOW, days=1)
        async with serving(url, clock=ManualClock(NOW), web=True) as app, running_browser() as browser:
            yield Site(address(app), books, browser)


async def _blemishes(tab: Tab) -> list[str]:
    """What axe finds that keeps people out, each with the first place where it is."""
    await tab.page.evaluate(AXE.read_text())
    found = await tab.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{each['id']}: {each['nodes'][0]['target']} {each['nodes'][0]['failureSummary']}"
        for each in found["violations"]
        if each["impact"] in GRAVE
    ]


async def _go(tab: Tab, path: str) -> None:
    """Follow the page's own way, without loading it anew."""
    await tab.page.evaluate("(path) => history.pushState(null, '', path)", path)


async def _look(tab: Tab, view: Seen, heading: str) -> list[str]:
    await _go(tab, view.path)
    await expect(tab.page.get_by_role("heading", level=1)).to_have_text(heading)
    await expect(tab.page.locator(view.shows).first).to_be_visible()
    await expect(tab.page.locator("[aria-busy=true]")).to_have_count(0)
    return await _too_wide(tab, view)


async def _too_wide(tab: Tab, view: Seen) -> list[str]:
    """Whether the view stays wider than the screen: a chart is drawn anew a moment after the screen has changed."""
    wide = 0
    for _look_again in range(100):
        wide = await tab.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide <= 0:
            return []
        await asyncio.sleep(0.1)
    return [f"{view.path}: {wide} px wider than the screen"]


@pytest.mark.parametrize("role", ROLES)
async def test_every_view_shows_what_it_is_for_fits_a_phone_and_keeps_nobody_out(role: str, site: Site) -> None:
    """In English, on a desk in the light; then the first view in German, on a phone in the dark. The demo shows all in both."""
    key = await make_key(site.books, role, "mem_anna" if role == "member" else None)
    blemishes: list[str] = []
    async with site.tab(color_scheme="light") as tab:
        await tab.set_clock(NOW)
        await tab.page.goto(f"{site.url}/#key={key}")
        for view in ROLES[role]:
            blemishes += await _look(tab, view, view.english)
            blemishes += [f"{view.path}: {each}" for each in await _blemishes(tab)]
            await tab.page.set_viewport_size(PHONE)
            blemishes += await _too_wide(tab, view)
            await tab.page.set_viewport_size(DESK)
        await tab.page.set_viewport_size(PHONE)
        await tab.page.emulate_media(color_scheme="dark")
        await tab.page.get_by_role("button", name="DE – Auf Deutsch umschalten").click()
        blemishes += await _look(tab, ROLES[role][0], ROLES[role][0].german)
        blemishes += [f"dark: {each}" for each in await _blemishes(tab)]
        await tab.page.get_by_role("button", name="Menü").click()
        await expect(tab.page.get_by_role("dialog").get_by_role("link")).to_have_count(
            await tab.page.locator(".side nav a").count()
        )
        assert tab.complaints == []
    assert blemishes == [], "\n".join(blemishes)


async def test_a_credit_is_told_down_to_the_signature(site: Site) -> None:
    key = await make_key(site.books, "member", "mem_anna")
    async with site.tab() as tab:
        await tab.set_clock(NOW)
        await tab.page.goto(f"{site.url}/credits#key={key}")
        await tab.page.get_by_role("button", name="Why?").first.click()
        story = tab.page.locator(".storyline")
        await expect(story).to_contain_text("Sonnendach Süd produced")
        await expect(story).to_contain_text("You held 300 of 1\u202f000 shares")
        await expect(story.locator("[data-verdict=holds]")).to_contain_text("it holds")
        await expect(story).to_contain_text("development key")
        assert "Bernd" not in await tab.page.locator("main").inner_text()
        async with tab.page.expect_download() as started:
            await tab.page.get_by_role("button", name="Download CSV").click()
        lines = Path(await (await started.value).path()).read_text().splitlines()
        assert lines[0].startswith("at,kind,from,to,amount_base_units") and len(lines) > 20
        # keyboard: the first stop leads past the navigation
        await tab.page.reload()
        await expect(tab.page.get_by_role("heading", level=1)).to_be_visible()
        await tab.page.keyboard.press("Tab")
        await expect(tab.page.get_by_role("link", name="Skip to content")).to_be_focused()


async def test_a_sample_is_the_same_for_the_same_seed(site: Site) -> None:
    key = await make_key(site.books, "auditor")
    async with site.tab() as tab:
        await tab.set_clock(NOW)
        await tab.page.goto(f"{site.url}/sample#key={key}")
        drawn: list[str] = []
        for seed in ("block 1", "block 2", "block 1"):
            await tab.page.get_by_label("Seed").fill(seed)
            await tab.page.get_by_role("button", name="Draw").click()
            await expect(tab.page.locator(f"[data-seed='{seed}'] [data-verdict=holds]")).to_have_count(5)
            drawn.append(await tab.page.locator("tbody").inner_text())
        assert drawn[0] == drawn[2] != drawn[1]
        names = await tab.page.locator("main").inner_text()
        assert "Anna" not in names


async def test_an_operator_approves_and_resolves_for_a_reason(site: Site) -> None:
    key = await make_key(site.books, "operator")
    async with site.tab() as tab:
        await tab.set_clock(NOW)
        await tab.page.goto(f"{site.url}/#key={key}")
        queue = tab.page.locator("[data-queue=quarantine] li")
        await expect(queue).to_have_count(3)
        await queue.first.get_by_role("button", name="Resolve").click()
        dialog = tab.page.get_by_role("dialog")
        await dialog.get_by_label("How it was resolved").fill("The key on site is another one")
        await dialog.get_by_label("Reason").fill("compared with the device on site")
        await dialog.get_by_role("button", name="Resolve").click()
        await expect(queue).to_have_count(2)
        await _go(tab, "/chain")
        await expect(tab.page.get_by_text("compared with the device on site")).to_be_visible()


async def test_rows_are_looked_at_before_they_come_in(site: Site) -> None:
    key = await make_key(site.books, "operator")
    async with site.tab() as tab:
        await tab.page.goto(f"{site.url}/onboarding#key={key}")
        rows = tab.page.get_by_label(re.compile("^Rows: Members"))
        await rows.fill("community,member,name\nsonnendach,7,Eva Example\nelsewhere,8,Otto Example\n")
        await tab.page.get_by_role("button", name="Look").click()
        await expect(tab.page.get_by_role("status").filter(has_text="wrong")).to_contain_text("1 thing is wrong")
        await rows.fill("community,member,name\nsonnendach,7,Eva Example\n")
        await tab.page.get_by_role("button", name="Look").click()
        await expect(tab.page.get_by_text("1 row: 1 new, 0 unchanged")).to_be_visible()
        await tab.page.get_by_role("button", name="Enter", exact=True).click()
        dialog = tab.page.get_by_role("dialog")
        await dialog.get_by_label("Reason").fill("Eva joined in June")
        await dialog.get_by_role("button", name="Enter").click()
        await expect(tab.page.get_by_text("Everything is entered.")).to_be_visible()
        await _go(tab, "/balances")
        await expect(tab.page.get_by_text("Eva Example")).to_be_visible()


async def test_everybody_sees_sums_and_no_person(site: Site) -> None:
    async with site.tab() as tab:
        await tab.set_clock(NOW)
        await tab.page.goto(f"{site.url}/")
        await tab.page.get_by_role("link", name="without signing in").click()
        await expect(tab.page.locator(".totals")).to_contain_text("members")
        await expect(tab.page.get_by_text("agree to the watt-hour")).to_be_visible()
        await expect(tab.page.locator(".recharts-surface").first).to_be_visible()
        assert await _blemishes(tab) == []
        await tab.page.get_by_role("button", name="DE – Auf Deutsch umschalten").click()
        await expect(tab.page.get_by_role("heading", name="Was die Gemeinschaft leistet")).to_be_visible()
        shown = await tab.page.locator("body").inner_text()
        assert not re.search("Anna|Bernd|Clara|David|Top 1|Treasury", shown)
        assert tab.complaints == []


_ON_PAPER = """(width) => {
  const shown = (each) => each.getClientRects().length > 0;
  const named = (each) => `${each.tagName} ${each.className} ${each.textContent.slice(0, 40)}`;
  const told = [];
  for (const each of document.querySelectorAll("nav, .top-end, .side, .no-print, button.link, .mantine-Burger-root"))
    if (shown(each)) told.push(`still there: ${named(each)}`);
  for (const each of document.querySelectorAll("table, figure, svg.recharts-surface, .panel, .three"))
    if (shown(each) && each.getBoundingClientRect().right > width + 1) told.push(`cut at the edge: ${named(each)}`);
  for (const each of document.querySelectorAll(".chart")) {
    const drawn = each.querySelector("svg.recharts-surface")?.getBoundingClientRect();
    if (!(drawn?.height > 150 && drawn.width > width / 2)) told.push("a chart is missing");
  }
  for (const each of document.querySelectorAll(".scroll"))
    if (getComputedStyle(each).overflowX !== "visible") told.push(`scrolls: ${named(each)}`);
  for (const each of document.querySelectorAll("tbody tr"))
    if (getComputedStyle(each).breakInside !== "avoid") told.push(`a row may be cut: ${named(each)}`);
  const paper = getComputedStyle(document.body).backgroundColor;
  if (paper !== "rgb(255, 255, 255)") told.push(`paper is ${paper}`);
  return told;
}"""
PAPER_PX = 703
"""A4 less its margins, at 96 dots an inch."""


@pytest.mark.parametrize(
    ("role", "views"),
    [("member", (MEMBER[0], MEMBER[1], MEMBER[2])), ("auditor", (AUDITOR[0], AUDITOR[1]))],
    ids=("member", "auditor"),
)
async def test_statements_are_whole_on_paper(role: str, views: tuple[Seen, ...], site: Site, tmp_path: Path) -> None:
    key = await make_key(site.books, role, "mem_anna" if role == "member" else None)
    async with site.tab(color_scheme="dark", viewport=DESK) as tab:
        await tab.set_clock(NOW)
        await tab.page.goto(f"{site.url}/#key={key}")
        for view in views:
            assert await _look(tab, view, view.english) == []
            # laid out for a screen and then printed, as a person does it: what was drawn for the screen must fit
            await tab.page.emulate_media(media="print")
            await tab.page.set_viewport_size({"width": PAPER_PX, "height": 1000})
            assert await tab.page.evaluate(_ON_PAPER, PAPER_PX) == []
            await expect(tab.page.locator(".print-only")).to_contain_text("printed on 15 June 2026")
            sheet = await tab.page.pdf(
                path=tmp_path / f"{role}{view.path.replace('/', '-')}.pdf", prefer_css_page_size=True
            )
            assert sheet.startswith(b"%PDF-") and b"/MediaBox [0 0 594" in sheet
            await tab.page.emulate_media(media="screen")
            await tab.page.set_viewport_size(DESK)
        assert tab.complaints == []

"""The system's Chromium, driven by Playwright: one fresh profile for each page, and what it complained about."""

import contextlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ("--disable-gpu", "--disable-quic", "--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server")
WAIT_MS = 30_000
"""Generous: two workers share two busy cores."""
expect.set_options(timeout=WAIT_MS)


def find_browser() -> str:
    """The path of an installed Chromium. Raises RuntimeError with what to do where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise RuntimeError("Chromium is not installed: run `make test`, or install the package chromium")
    return found


# Not Playwright's clock: its Date makes no instances of subclasses, and the page's zoned dates are such.
_CLOCK = """(now) => { const Real = Date, ahead = now - Real.now();
  function Moved(...given) {
    if (!new.target) return new Real(Real.now() + ahead).toString();
    return Reflect.construct(Real, given.length ? given : [Real.now() + ahead], new.target === Moved ? Real : new.target);
  }
  Moved.prototype = Real.prototype;
  Object.setPrototypeOf(Moved, Real);
  Moved.now = () => Real.now() + ahead;
  globalThis.Date = Moved; }"""


@dataclass
class Tab:
    """A page, what it asked for, and what it complained about: exceptions, refused resources, errors in the console."""

    page: Page
    context: BrowserContext
    complaints: list[str] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)

    async def set_clock(self, now: datetime) -> None:
        """Pages opened from here on begin at `now`; their time goes on."""
        await self.context.add_init_script(f"({_CLOCK})({int(now.timestamp() * 1000)})")

    def listen(self) -> None:
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("request", lambda request: self.requested.append(request.url))


@contextlib.asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    """A browser without a page, for several tabs."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_browser(), args=list(FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def opened_tab(browser: Browser, **options: Any) -> AsyncIterator[Tab]:
    """A tab with a fresh profile. `options` are those of Playwright's new context: locale, viewport, color_scheme and others."""
    context = await browser.new_context(**{"locale": "en-GB", "viewport": {"width": 1280, "height": 900}} | options)
    try:
        context.set_default_timeout(WAIT_MS)
        tab = Tab(await context.new_page(), context)
        tab.listen()
        yield tab
    finally:
        await context.close()


@contextlib.asynccontextmanager
async def chromium(**options: Any) -> AsyncIterator[Tab]:
    """A tab of a browser of its own; `options` as `opened_tab` takes them."""
    async with running_browser() as browser, opened_tab(browser, **options) as tab:
        yield tab

"""Pictures of each main view into docs/: a seeded community, served and looked at by the system's Chromium.

``python -m tools.screenshots [NAME ...]`` makes those whose names are given, or all. The time is fixed, so that pictures
differ only where the page does.
"""

import asyncio
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import expect

from tests.support.browser import Tab, chromium
from tests.support.manual_clock import ManualClock
from tests.support.running_api import address, serving
from tests.support.seeded_community import make_key, seed
from tests.support.stores import new_sqlite_url, opened

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "screens"
SCALE = 1.5
HEIGHT_MAX = 1500
"""Long tables go on below; a picture need not."""
NOW = datetime(2026, 6, 15, 16, 10, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class View:
    """One picture: who looks, where, what must stand there first, and what is opened."""

    name: str
    role: str
    path: str
    shown: str
    click: str | None = None
    width: int = 1280
    dark: bool = False
    language: str = "en-GB"


VIEWS = (
    View("member", "member", "/", "[data-part=final]"),
    View("member-dark", "member", "/", "[data-part=final]", dark=True, language="de-AT"),
    View("member-phone", "member", "/", "[data-part=final]", width=390, language="de-AT"),
    View("member-energy", "member", "/energy", ".recharts-surface"),
    View("member-credit", "member", "/credits", ".credits tbody tr", click=".credits button.link"),
    View("member-shares", "member", "/shares", ".big"),
    View("member-wallet", "member", "/wallet", ".full-address"),
    View("operator", "operator", "/", "[data-column=minted]"),
    View("operator-device", "operator", "/devices/dev_pv", "table.data tbody tr"),
    View("operator-devices", "operator", "/devices", "table.data tbody tr"),
    View("operator-completeness", "operator", "/completeness", ".matrix"),
    View("operator-chain", "operator", "/chain", "table.data tbody tr"),
    View("auditor", "auditor", "/", "table.data tbody tr"),
    View("auditor-evidence", "auditor", "/evidence", "table.data tbody tr", click="table.data button.link"),
    View("auditor-totals", "auditor", "/totals", "[data-equal=true]"),
    View("operator-onboarding", "operator", "/onboarding", "textarea"),
    View("operator-steps", "operator", "/onboarding/70b3d57ed0000003", "[data-state=now] form"),
    View("operator-shares", "operator", "/shares", "details[open] tbody tr"),
    View("operator-corrections", "operator", "/corrections", "form"),
    View("auditor-sample", "auditor", "/sample", "form"),
    View("public", "", "/public", ".totals"),
    View("sign-in", "", "/", "form"),
)


async def picture(view: View, base: str, key: str | None) -> None:
    """Open the view and keep a picture of it."""
    scheme = "dark" if view.dark else "light"
    size = {"width": view.width, "height": 860 if view.width > 500 else 844}
    async with chromium(viewport=size, color_scheme=scheme, locale=view.language, device_scale_factor=SCALE) as tab:
        await tab.set_clock(NOW)
        await tab.page.goto(f"{base}{view.path}" + (f"#key={key}" if key else ""))
        await tab.page.locator(view.shown).first.wait_for()
        if view.click:
            await tab.page.locator(view.click).first.click()
            await tab.page.locator(".storyline p").first.wait_for()
        await _settled(tab)
        height = await tab.page.evaluate("document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": view.width, "height": min(height, HEIGHT_MAX)}
        await tab.page.screenshot(path=FOLDER / f"{view.name}.png", full_page=True, clip=clip, animations="disabled")  # type: ignore[arg-type]
        if tab.complaints:
            print(f"{view.name}: {tab.complaints}", file=sys.stderr)


async def _settled(tab: Tab) -> None:
    await expect(tab.page.locator("[aria-busy=true]")).to_have_count(0)
    await tab.page.wait_for_load_state("networkidle")


async def run(names: list[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        url = await new_sqlite_url(Path(folder))
        async with opened(url) as store:
            await seed(store, NOW, days=4)
            keys = {
                role: await make_key(store, role, "mem_anna" if role == "member" else None)
                for role in ("member", "operator", "auditor")
            }
            async with serving(url, clock=ManualClock(NOW), web=True) as app:
                for view in VIEWS:
                    if not names or view.name in names:
                        await picture(view, address(app), keys.get(view.role))
                        print(f"docs/screens/{view.name}.png", flush=True)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1:]))

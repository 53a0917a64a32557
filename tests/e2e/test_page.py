"""The page in a real browser: signs in from the address, shows live figures, catches up after a lost connection."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from community.store.unit_of_work import Store
from tests.support.browser import Page, browser_page, find_browser
from tests.support.running_api import address, serving
from tests.support.seeded_chain import Seeded, add_break, settle_more
from tests.support.seeded_community import make_key, seed
from tests.support.stores import new_sqlite_url, opened

NOW = datetime(2026, 6, 15, 14, tzinfo=UTC)
SHOWN = "document.querySelectorAll('.balance').length && document.querySelector('#settlements tbody tr') && document.querySelector('.three') && document.querySelector('#chart svg')"
TOTAL = "document.querySelector('[data-member=mem_anna] .total').firstChild.data"


@pytest.fixture
async def url(tmp_path: object) -> str:
    return await new_sqlite_url(tmp_path)  # type: ignore[arg-type]


@pytest.fixture
async def books(url: str) -> AsyncIterator[Store]:
    async with opened(url) as store:
        yield store


@pytest.fixture
async def seeded(books: Store) -> Seeded:
    return await seed(books, NOW, days=1)


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with browser_page(find_browser()) as open_page:
        yield open_page


async def test_figures_move_without_reloading(url: str, books: Store, seeded: Seeded, page: Page) -> None:
    key = await make_key(books, "operator")
    async with serving(url) as app:
        await page.open(f"{address(app)}/#key={key}")
        await page.until(SHOWN)
        assert "key=" not in await page.evaluate("location.href")
        assert await page.evaluate("document.getElementById('connection').dataset.state") == "live"
        assert await page.evaluate("document.querySelectorAll('.balance').length") == 5
        assert "all three agree" in await page.evaluate("document.getElementById('verdict').textContent")
        await page.until("document.querySelectorAll('#quarantine li').length === 3")
        await page.evaluate("window.notReloaded = true")
        before, rows = (
            await page.evaluate(TOTAL),
            await page.evaluate("document.querySelector('#settlements tbody tr').dataset.tx"),
        )
        await settle_more(books, seeded, energy_wh=50_000)
        await page.until(f"{TOTAL} !== '{before}'")
        await page.until(f"document.querySelector('#settlements tbody tr').dataset.tx !== '{rows}'")
        await add_break(books, NOW)
        await page.until("document.getElementById('verdict').dataset.good === 'no'")
        assert await page.evaluate("window.notReloaded")
        assert page.complaints == []
        assert all(each.startswith((address(app), "data:")) for each in page.requested), page.requested


async def test_member_is_told_why_he_got_what_he_got(url: str, books: Store, seeded: Seeded, page: Page) -> None:
    key = await make_key(books, "member", "mem_anna")
    async with serving(url) as app:
        await page.open(f"{address(app)}/#key={key}")
        await page.until(SHOWN)
        await page.evaluate("document.querySelector('#settlements .link').click()")
        await page.until("document.querySelector('.story')")
        told = await page.evaluate("document.querySelector('.story').textContent")
        assert (
            "Sonnendach Süd produced" in told and "Anna Berger held 300 of 1000 shares" in told and "Bernd" not in told
        )
        assert "statement" in told and "development key" in told
        assert page.complaints == []


async def test_page_catches_up_after_the_connection_was_lost(
    url: str, books: Store, seeded: Seeded, page: Page
) -> None:
    key = await make_key(books, "member", "mem_anna")
    async with serving(url) as app:
        port = app.port
        await page.open(f"{address(app)}/#key={key}")
        await page.until(SHOWN)
        assert await page.evaluate("document.querySelectorAll('.balance').length") == 1
        assert await page.evaluate("document.getElementById('operator').hidden")
        before = await page.evaluate(TOTAL)
    await page.until("document.getElementById('connection').dataset.state === 'waiting'")
    await settle_more(books, seeded, energy_wh=50_000)
    async with serving(url, port=port):
        await page.until("document.getElementById('connection').dataset.state === 'live'", 30)
        await page.until(f"{TOTAL} !== '{before}'")


async def test_wrong_key_is_told_and_a_typed_one_works(url: str, books: Store, seeded: Seeded, page: Page) -> None:
    key = await make_key(books, "auditor")
    async with serving(url) as app:
        await page.open(f"{address(app)}/#key=ecb_0000000000000000_wrong")
        await page.until("document.getElementById('sign-in-problem').textContent.includes('not valid')")
        await page.evaluate(
            f"document.getElementById('key').value = '{key}'; document.querySelector('#sign-in-form button').click()"
        )
        await page.until(SHOWN)
        names = await page.evaluate(
            "[...document.querySelectorAll('.balance h3')].map((each) => each.textContent).join()"
        )
        assert "Anna" not in names and "Member " in names
        await page.evaluate("document.getElementById('leave').click()")
        await page.until("!document.getElementById('sign-in').hidden && sessionStorage.length === 0")


async def test_developers_try_operations_in_the_console(url: str, books: Store, seeded: Seeded, page: Page) -> None:
    key = await make_key(books, "operator")
    async with serving(url, development=True) as app:
        await page.open(f"{address(app)}/page/console.html")
        await page.until("document.getElementById('schema').textContent.includes('type Query')")
        await page.evaluate(f"document.getElementById('key').value = '{key}'")
        for example in range(await page.evaluate("document.getElementById('example').options.length")):
            await page.evaluate(
                f"(() => {{ const list = document.getElementById('example'); list.selectedIndex = {example};"
                " list.dispatchEvent(new Event('change')); document.getElementById('answer').textContent = '';"
                " document.getElementById('operation').requestSubmit(); })()"
            )
            await page.until("document.getElementById('answer').textContent.length > 20")
            answer = await page.evaluate("document.getElementById('answer').textContent")
            assert '"data"' in answer and '"errors"' not in answer, answer
        assert page.complaints == []
        assert all(address in one for one in page.requested for address in [f"127.0.0.1:{app.port}"])

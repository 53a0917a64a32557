"""GraphiQL in a real browser: the ready questions stand there as tabs, operations are answered with and without a key, streams too."""

import asyncio

from playwright.async_api import Page, expect

from community.store.unit_of_work import Store
from tests.graph.test_ready_questions import questions
from tests.support.browser import chromium
from tests.support.running_api import address, serving
from tests.support.seeded_chain import Seeded
from tests.support.seeded_community import make_key

QUERY = ".graphiql-query-editor .CodeMirror"


async def test_developers_try_operations_in_graphiql(url: str, books: Store, seeded: Seeded) -> None:
    key = await make_key(books, "operator")
    async with serving(url, development=True, graphiql=True) as app, chromium() as tab:
        page = tab.page
        await page.goto(f"{address(app)}/graphql")
        await expect(page.locator(".graphiql-container")).to_be_visible(timeout=20_000)
        assert page.url.endswith("/graphiql/")
        tabs = page.locator("button.graphiql-tab-button")
        assert await tabs.count() == len(questions())
        run, answer = page.locator(".graphiql-execute-button"), page.locator(".result-window")
        await _has_read(page, "shown => shown.CodeMirror?.documentAST != null")
        await run.click()  # the first is everybody's: also without a key
        await expect(answer).to_contain_text("memberCount")

        await _write(
            page,
            ".graphiql-editor-tool .graphiql-editor:not(.hidden) .CodeMirror",
            f'{{"Authorization": "Bearer {key}"}}',
        )
        await _ask(page, "{ viewer { role } chainHead { head } }")
        await expect(answer).to_contain_text('"operator"')
        await _ask(page, "subscription { chainHead { cursor } }")
        await expect(answer).to_contain_text('"cursor"')
        assert [each for each in tab.complaints if "favicon" not in each] == []
        assert {each.split("/")[2] for each in tab.requested if each.startswith(("http", "ws"))} == {
            f"127.0.0.1:{app.port}"
        }


async def _write(page: Page, selector: str, text: str) -> None:
    """Put the text into a CodeMirror editor, as pasting it would."""
    await page.locator(selector).last.evaluate("(shown, text) => shown.CodeMirror.setValue(text)", text)


async def _has_read(page: Page, read: str, text: str = "") -> None:
    async with asyncio.timeout(20):
        while not await page.locator(QUERY).evaluate(read, text):
            await asyncio.sleep(0.05)


async def _ask(page: Page, text: str) -> None:
    """Write an operation and run it once the editor has read it: until then it would send the name of the one before."""
    await _write(page, QUERY, text)
    await _has_read(page, "(shown, text) => shown.CodeMirror.documentAST?.loc?.source.body === text", text)
    await page.locator(".graphiql-execute-button").click()

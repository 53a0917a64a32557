"""GraphiQL in a real browser: the ready questions stand there as tabs, operations are answered with and without a key."""

from playwright.async_api import expect

from community.store.unit_of_work import Store
from tests.graph.test_ready_questions import questions
from tests.support.browser import chromium
from tests.support.running_api import address, serving
from tests.support.seeded_chain import Seeded
from tests.support.seeded_community import make_key


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
        await run.click()  # the first is everybody's: also without a key
        await expect(answer).to_contain_text("memberCount")

        await _write(
            page,
            ".graphiql-editor-tool .graphiql-editor:not(.hidden) .CodeMirror",
            f'{{"Authorization": "Bearer {key}"}}',
        )
        await _write(page, ".graphiql-query-editor .CodeMirror", "{ viewer { role } chainHead { head } }")
        await run.click()
        await expect(answer).to_contain_text('"operator"')
        assert [each for each in tab.complaints if "favicon" not in each] == []
        assert {each.split("/")[2] for each in tab.requested if each.startswith(("http", "ws"))} == {
            f"127.0.0.1:{app.port}"
        }


async def _write(page: object, selector: str, text: str) -> None:
    """Put the text into a CodeMirror editor, as pasting it would."""
    await page.locator(selector).last.evaluate("(shown, text) => shown.CodeMirror.setValue(text)", text)  # type: ignore[attr-defined]

"""The developers' console in a real browser: every example that can be sent as it is gets an answer."""

import json

from playwright.async_api import expect

from community.store.unit_of_work import Store
from tests.support.browser import chromium
from tests.support.running_api import address, serving
from tests.support.seeded_chain import Seeded
from tests.support.seeded_community import make_key


async def test_developers_try_operations_in_the_console(url: str, books: Store, seeded: Seeded) -> None:
    key = await make_key(books, "operator")
    async with serving(url, development=True) as app, chromium() as tab:
        await tab.page.goto(f"{address(app)}/console/")
        await expect(tab.page.locator("#schema")).to_contain_text("type Query")
        await tab.page.locator("#key").fill(key)
        examples = await tab.page.locator("#example option").all_inner_texts()
        assert len(examples) > 2
        for example in examples:
            await tab.page.locator("#answer").evaluate("shown => { shown.textContent = '' }")
            await tab.page.locator("#example").select_option(label=example)
            asked = json.loads(await tab.page.locator("#variables").input_value() or "{}")
            if "(subscription)" in example:  # is answered as a stream, which the console is not for
                continue
            if asked:  # for a developer to fill in; what they ask for is tried in tests/graph/test_ready_questions.py
                assert set(asked.values()) == {""}
                continue
            await tab.page.get_by_role("button", name="Run").click()
            await expect(tab.page.locator("#answer")).to_contain_text('"data"')
            assert '"errors"' not in await tab.page.locator("#answer").inner_text()
        assert [each for each in tab.complaints if "favicon" not in each] == []

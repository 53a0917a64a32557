"""Signing in with a wallet in a real browser: a provider in the page (EIP-1193) that really signs, and what it may refuse."""

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from eth_utils.conversions import to_bytes
from playwright.async_api import expect

from community.store.unit_of_work import Store
from tests.e2e.conftest import NOW
from tests.support.browser import Tab, chromium
from tests.support.manual_clock import ManualClock
from tests.support.running_api import address, serving
from tests.support.seeded_chain import Seeded
from tests.support.seeded_community import make_key
from tests.support.session_keys import write_session_key

WALLET = Account.from_key(b"\x07" * 32)
_PROVIDER = "globalThis.ethereum = { request: (call) => globalThis.askWallet(JSON.stringify(call)).then(JSON.parse) }"


class Refusing(Exception):
    """The person said no in the wallet."""


class Provider:
    """A wallet outside of the page; the page's provider asks it. `willing` is what its owner answers."""

    def __init__(self) -> None:
        self.willing = True
        self.signed: list[str] = []

    async def put_into(self, tab: Tab) -> None:
        await tab.context.expose_function("askWallet", self._answer)
        await tab.context.add_init_script(_PROVIDER)

    def _answer(self, text: str) -> str:
        call = json.loads(text)
        return json.dumps(self._request(call["method"], call.get("params", [])))

    def _request(self, method: str, params: list[Any]) -> Any:
        if not self.willing:
            raise Refusing("User rejected the request.")
        if method == "eth_requestAccounts":
            return [WALLET.address]
        if method == "personal_sign":
            data, account = params
            message = encode_defunct(to_bytes(hexstr=data))
            self.signed.append(message.body.decode())
        elif method == "eth_signTypedData_v4":
            account, data = params
            message = encode_typed_data(full_message=json.loads(data))
        else:
            raise Refusing(f"{method} is not supported.")
        assert account == WALLET.address
        return "0x" + WALLET.sign_message(message).signature.hex()


@pytest.fixture
def session_key(tmp_path: Path) -> Path:
    return write_session_key(tmp_path)


async def test_a_member_links_his_wallet_and_signs_in_with_it(
    url: str, books: Store, seeded: Seeded, session_key: Path
) -> None:
    key, wallet = await make_key(books, "member", "mem_anna"), Provider()
    async with serving(url, clock=ManualClock(NOW), web=True, session_key=session_key) as app, chromium() as tab:
        await wallet.put_into(tab)
        await tab.set_clock(NOW)
        await tab.page.goto(address(app))
        enter = tab.page.get_by_role("button", name="Sign in with a wallet")
        await enter.click()
        await expect(tab.page.get_by_role("alert")).to_contain_text("the wallet is no member's")
        wallet.willing = False
        await enter.click()
        await expect(tab.page.get_by_role("alert")).to_contain_text("User rejected the request.")
        wallet.willing = True
        await tab.page.get_by_label("API key").fill(key)
        await tab.page.get_by_role("button", name="Sign in", exact=True).click()
        await expect(tab.page.locator("[data-member=mem_anna]")).to_be_visible()
        await tab.page.evaluate("history.pushState(null, '', '/wallet')")
        await tab.page.get_by_role("button", name="Link").click()
        await expect(tab.page.get_by_role("status").filter(has_text="Linked")).to_contain_text(WALLET.address)
        await tab.page.get_by_role("button", name="Sign out").click()
        await enter.click()
        # where he was before he signed out
        await expect(tab.page.get_by_role("heading", level=1)).to_have_text("Your wallet")
        assert len(wallet.signed) == 2
        assert wallet.signed[1].splitlines()[:2] == [
            "localhost:8080 wants you to sign in with your Ethereum account:",
            WALLET.address,
        ]
        await tab.page.evaluate("history.pushState(null, '', '/')")
        await expect(tab.page.locator("[data-member=mem_anna] [data-testid=total]")).to_be_visible()
        await expect(tab.page.locator(".connection")).to_have_attribute("data-state", "live")
        await tab.page.reload()
        await expect(tab.page.locator("[data-member=mem_anna]")).to_be_visible()
        assert tab.complaints == []


async def test_the_door_says_so_where_the_browser_has_no_wallet_and_offers_none_where_none_signs_in(
    url: str, books: Store, session_key: Path
) -> None:
    async with chromium() as tab:
        async with serving(url, web=True, session_key=session_key) as app:
            await tab.page.goto(address(app))
            await tab.page.get_by_role("button", name="Sign in with a wallet").click()
            await expect(tab.page.get_by_role("alert")).to_contain_text("No wallet was found")
        async with serving(url, web=True) as app:
            await tab.page.goto(address(app))
            await expect(tab.page.get_by_label("API key")).to_be_visible()
            await expect(tab.page.get_by_role("button", name="Sign in with a wallet")).to_have_count(0)

"""Taking a device into service in a real browser, step by step: a real device signs, a real intake reads it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Locator, expect

from community.attestation.possession import PossessionClaims, encode_possession
from community.clock import slot_at
from community.store import possession
from community.store.devices import device_id_by_eui
from community.store.onboarding import Told
from community.store.unit_of_work import Store
from ingest.intake import Intake
from ingest.judging import Judge
from ingest.uplinks import Uplink
from tests.e2e.conftest import NOW
from tests.support.browser import Tab, opened_tab, running_browser
from tests.support.manual_clock import ManualClock
from tests.support.running_api import address, serving
from tests.support.seeded_chain import Seeded
from tests.support.seeded_community import make_key
from tests.support.sending_device import SendingDevice
from tests.support.stores import COLUMN_KEY

EUI = "70b3d57ed00000aa"
POINT = "AT0099999900000000000000000000077"
DEVICE = SendingDevice(EUI, profile=3, keyno=1)


@asynccontextmanager
async def intake(books: Store) -> AsyncIterator[Intake]:
    running = Intake(books, Judge(COLUMN_KEY), ManualClock(NOW))
    stop = asyncio.Event()
    writer = asyncio.create_task(running.run(stop))
    try:
        yield running
    finally:
        stop.set()
        await writer


async def send(running: Intake, slot: int, register_wh: int) -> str:
    outcome = await running.take_in(Uplink("device_broker", EUI, DEVICE.frame((slot, register_wh)), NOW))
    return str(outcome.verdict)


async def prove_possession(books: Store) -> None:
    """What `key register` on the gateway does, without the broker between."""
    async with books.begin() as work:
        device_id = await device_id_by_eui(work, EUI)
        assert device_id is not None
        claims = PossessionClaims(await possession.give_nonce(work, device_id, NOW), bytes.fromhex(EUI), "1.2", "B")
        token = encode_possession(claims, DEVICE.public_key, DEVICE.raw_signature(claims.to_be_signed()))
        told = Told("device", "it proved its key", "")
        await possession.accept_possession(work, device_id, token, DEVICE.public_key, told, NOW)


def step(tab: Tab, name: str) -> Locator:
    return tab.page.locator(f"[data-step={name}]")


async def enter(tab: Tab, name: str, /, **fields: str) -> None:
    """Fill the step's form and enter it."""
    here = step(tab, name)
    await expect(here).to_have_attribute("data-state", "now")
    for column, value in fields.items():
        field = here.locator(f"[name={column}]")
        if await field.evaluate("(each) => each.tagName") == "SELECT":
            await field.select_option(value)
        else:
            await field.fill(value)
    await here.get_by_role("button", name="Enter").click()


async def done(tab: Tab, name: str) -> None:
    await expect(step(tab, name)).to_have_attribute("data-state", "done")


async def command(tab: Tab, name: str, button: str, /, **fields: str) -> Locator:
    """Open the step's command, fill it, send it. Returns its dialog."""
    await step(tab, name).get_by_role("button", name=button).click()
    dialog = tab.page.get_by_role("dialog")
    for label, value in fields.items():
        await dialog.get_by_label(label.replace("_", " ")).fill(value)
    await dialog.get_by_role("button", name=button).click()
    return dialog


@pytest.fixture
def column_key(tmp_path: Path) -> Path:
    path = tmp_path / "column.key"
    path.write_text(COLUMN_KEY.key.hex())
    return path


async def test_a_device_is_taken_into_service_step_by_step(
    url: str, books: Store, seeded: Seeded, column_key: Path
) -> None:
    first, second = await make_key(books, "operator"), await make_key(books, "operator")
    slot = slot_at(NOW) - 2
    async with (
        intake(books) as running,
        serving(url, clock=ManualClock(NOW), web=True, column_key=column_key) as app,
        running_browser() as browser,
    ):
        async with opened_tab(browser) as tab:
            await tab.set_clock(NOW)
            # a device that nobody knows sends: what needs the operator today leads to its steps
            assert await send(running, slot, 5_000) == "quarantined"
            await tab.page.goto(f"{address(app)}/#key={first}")
            inbox = tab.page.locator("[data-queue=inbox] li").filter(has_text=EUI)
            await inbox.get_by_role("link").click()
            await enter(tab, "device", name="Gateway of house 7", profile="3", secret="00ff", reason="Order 17")
            # what is wrong stands beside its field, and says what to do
            await expect(step(tab, "device").get_by_text("write 64 hexadecimal digits")).to_be_visible()
            await enter(tab, "device", secret=DEVICE.secret.hex())
            await done(tab, "device")
            assert DEVICE.secret.hex() not in await tab.page.evaluate("JSON.stringify({ ...sessionStorage })")

            await expect(step(tab, "key")).to_contain_text("gateway_agent key register")
            await prove_possession(books)
            await done(tab, "key")  # seen by the page itself
            await enter(tab, "meter", meter="SN-77", maker="Janitza", model="UMG 604", registers="1-0:2.8.0")
            await enter(tab, "point", metering_point=POINT, name="Roof of house 7")
            await enter(tab, "installation", valid_from="2026-06-01T00:00", max_power_w="30000")
            await done(tab, "installation")
            assert tab.complaints == []

        # another operator on another computer goes on where the first one stopped
        async with opened_tab(browser) as tab:
            await tab.set_clock(NOW)
            await tab.page.goto(f"{address(app)}/onboarding#key={second}")
            waiting = tab.page.get_by_test_id("under-way").locator("li").filter(has_text=EUI)
            await waiting.get_by_role("link", name="Go on").click()
            await expect(step(tab, "meter")).to_contain_text("SN-77")
            await enter(
                tab, "source", source="roof-7", name="Roof of house 7", source_ref="0x" + "77" * 32, nameplate_w="30000",
                opening_register_wh="5000", opening_at="2026-06-15T15:30", declared_by="Eva Example",
                declared_at="2026-06-01T10:00", reason="Order 17",
            )  # fmt: skip
            await done(tab, "source")
            dialog = await command(tab, "serial", "Confirm the serial number", Serial_number="SN-78", Reason="on site")
            await expect(dialog.get_by_role("alert")).to_contain_text("serial number SN-77, not SN-78")
            await dialog.get_by_label("Serial number").fill("SN-77")
            await dialog.get_by_role("button", name="Confirm the serial number").click()
            await done(tab, "serial")
            await expect(step(tab, "reading")).to_contain_text(f"ingest inbox adopt {EUI}")
            assert await send(running, slot + 1, 6_000) == "admitted"
            await expect(step(tab, "reading")).to_contain_text("6.000 kWh")
            dialog = await command(tab, "approval", "Approve for issuance", Reason="all is in order")
            await expect(dialog.get_by_role("alert")).to_contain_text("It cannot be approved yet")
            await dialog.get_by_label("Why not wait for a week").fill("exchanged device, same meter")
            await dialog.get_by_role("button", name="Approve for issuance").click()
            await expect(tab.page.get_by_text("This device is in service.")).to_be_visible()
            await expect(tab.page.locator("[data-state=now]")).to_have_count(0)
            assert tab.complaints == []

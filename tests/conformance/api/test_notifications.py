"""Members are told of what concerns them, each of his own, once; what they have read stays read; streams tell at once."""

from datetime import UTC, datetime, timedelta
from typing import Any

from community.clock import QUARTER_HOUR, slot_at, slot_start
from community.identity.shares import Share, ShareTable
from community.ids import named_id
from community.store import shares
from community.store.tables import minting
from tests.conformance.api.conftest import Served
from tests.support.running_api import ask, code_of, message, socket, subscribe
from tests.support.seeded_community import make_key
from tests.support.seeded_figures import SHARES, SOURCE, address_of, apportioned, hash_of, write

TOLD = """query ($me: ID!, $first: PageSize! = 50, $after: Cursor, $unread: Boolean! = false) {
  member(id: $me) { unreadNotificationCount notifications(first: $first, after: $after, unreadOnly: $unread) {
    nodes { id kind at readAt effectiveAt energyWh amount isLess shareCountBefore shareCountAfter sentence source { id } }
    pageInfo { hasNextPage endCursor } } } }"""
STREAM = "subscription { notifications { cursor unreadCount nodes { kind sentence } } }"


async def command(served: Served, text: str, key: str, who: str | None = None) -> Any:
    with_ = f'command: {{idempotencyKey: "{key}-0000", reason: "the transformer factor was wrong"}}'
    return await ask(served.app, f"mutation {{ {text.replace('COMMAND', with_)} }}", who or served.keys.operator)


async def told(served: Served, who: str, member: str, **variables: Any) -> Any:
    return (await ask(served.app, TOLD, who, me=member, **variables))["member"]


async def correct(served: Served, kind: str, energy_wh: int, number: int) -> None:
    evidence = "0x" + f"{number:064x}"
    text = (
        f'recordCorrection(sourceId: "{SOURCE}", kind: {kind}, energyWh: {energy_wh}, evidence: "{evidence}", COMMAND)'
    )
    done = await command(
        served,
        text + " { ... on CorrectionRecorded { correction { id } } ... on Problem { sentence } }",
        f"cor{number}",
    )
    assert "correction" in done["recordCorrection"], done


async def change_shares(served: Served, counts: dict[str, int], valid_from: datetime) -> None:
    async with served.store.begin() as work:
        held = tuple(Share(holder, address_of(holder), count) for holder, count in counts.items())
        table = ShareTable("sht_2", SOURCE, 2, sum(counts.values()), held, hash_of("config 2"), valid_from)
        await shares.add_share_table(work, table, "a test", valid_from - QUARTER_HOUR)


async def mint_supplement(served: Served, correction_number: int) -> None:
    """The first issuance becomes the one that mints a supplement."""
    async with served.store.begin() as work:
        correction = named_id("corr", SOURCE, "0x" + f"{correction_number:064x}")
        row = {"issuance_id": served.seeded.issuance_ids[0], "correction_id": correction}
        await write(work, minting.SupplementIssuanceRow, [row])


async def test_each_is_told_what_concerns_him_in_words_and_figures(served: Served) -> None:
    now = served.seeded.now
    assert (await told(served, served.keys.anna, "mem_anna"))["notifications"]["nodes"] == []
    await correct(served, "DEBT", 1000, 1)
    await correct(served, "SUPPLEMENT", 600, 2)
    await mint_supplement(served, 2)
    without_david = {**{holder: SHARES[holder] for holder in SHARES if holder != "mem_david"}, "mem_anna": 400}
    await change_shares(served, without_david, slot_start(slot_at(datetime.now(UTC))) + timedelta(days=1))
    since = (now - timedelta(hours=2)).isoformat()
    await command(served, f'revokeDevice(deviceId: "dev_top1", since: "{since}", COMMAND) {{ __typename }}', "rev1")

    found = (await told(served, served.keys.anna, "mem_anna"))["notifications"]["nodes"]
    by_kind = {(each["kind"], each["isLess"]): each for each in found}
    assert len(found) == len(by_kind) == 5
    debt, more = by_kind["CORRECTION_RECORDED", True], by_kind["CORRECTION_RECORDED", False]
    assert (debt["energyWh"], debt["amount"]) == (1000, str(apportioned(1000)["mem_anna"]))
    assert (
        "netted" in debt["sentence"] and "transformer factor" in debt["sentence"] and debt["source"] == {"id": SOURCE}
    )
    assert (more["energyWh"], more["amount"]) == (600, str(apportioned(600)["mem_anna"]))
    assert by_kind["SUPPLEMENT_MINTED", False]["amount"] is not None
    changed = by_kind["SHARES_CHANGED", False]
    assert (changed["shareCountBefore"], changed["shareCountAfter"]) == (300, 400)
    revoked = by_kind["KEY_REVOKED", False]
    assert revoked["source"] is None and revoked["effectiveAt"].startswith(since[:16])
    assert [each["at"] for each in found] == sorted((each["at"] for each in found), reverse=True)

    bernd = (await told(served, served.keys.bernd, "mem_bernd"))["notifications"]["nodes"]
    assert sorted(each["kind"] for each in bernd) == ["CORRECTION_RECORDED"] * 2 + ["SUPPLEMENT_MINTED"]
    david = await make_key(served.store, "member", "mem_david")
    left = next(
        each
        for each in (await told(served, david, "mem_david"))["notifications"]["nodes"]
        if each["kind"] == "SHARES_CHANGED"
    )
    assert (left["shareCountBefore"], left["shareCountAfter"]) == (100, 0)
    assert (await told(served, served.keys.auditor, "mem_bernd"))["notifications"]["nodes"] == bernd
    text = TOLD.replace("($me: ID!,", "(").replace("$me", '"mem_anna"')
    assert await code_of(served.app, text, served.keys.bernd) == "FORBIDDEN"


async def test_pages_and_marks(served: Served) -> None:
    for number in (1, 2, 3):
        await correct(served, "DEBT", 100 * number, number)
    first = await told(served, served.keys.anna, "mem_anna", first=2)
    assert first["unreadNotificationCount"] == 3 and first["notifications"]["pageInfo"]["hasNextPage"]
    rest = await told(served, served.keys.anna, "mem_anna", after=first["notifications"]["pageInfo"]["endCursor"])
    ids = [each["id"] for page in (first, rest) for each in page["notifications"]["nodes"]]
    assert len(set(ids)) == 3

    def mark(which: str) -> str:
        return f'markNotificationsRead(memberId: "mem_anna", upTo: "{which}", COMMAND) {{ ... on NotificationsRead {{ member {{ unreadNotificationCount }} }} ... on Problem {{ code }} }}'

    done = await command(served, mark(ids[1]), "mark1", served.keys.anna)
    assert done["markNotificationsRead"] == {"member": {"unreadNotificationCount": 1}}
    older = await command(served, mark(ids[2]), "mark2", served.keys.anna)
    assert older["markNotificationsRead"] == {"member": {"unreadNotificationCount": 1}}, "a mark goes forward only"
    unread = await told(served, served.keys.anna, "mem_anna", unread=True)
    assert [each["id"] for each in unread["notifications"]["nodes"]] == ids[:1]
    assert unread["notifications"]["nodes"][0]["readAt"] is None
    every = await told(served, served.keys.anna, "mem_anna")
    assert [each["readAt"] is None for each in every["notifications"]["nodes"]] == [True, False, False]
    assert (await told(served, served.keys.bernd, "mem_bernd"))["unreadNotificationCount"] == 3
    nothing = await command(served, mark("correction_recorded.none"), "mark3", served.keys.anna)
    assert nothing["markNotificationsRead"] == {"code": "NOT_FOUND"}
    wrong = f"mutation {{ {mark(ids[0])} }}".replace("COMMAND", 'command: {idempotencyKey: "12345678", reason: "r"}')
    assert await code_of(served.app, wrong, served.keys.bernd) == "FORBIDDEN"
    assert await code_of(served.app, wrong, served.keys.operator) == "FORBIDDEN"


async def test_a_stream_tells_what_is_new_and_nothing_of_others(served: Served) -> None:
    async with socket(served.app, served.keys.anna) as connection:
        assert (await message(connection))["type"] == "connection_ack"
        await subscribe(connection, STREAM)
        assert (await message(connection))["payload"]["data"]["notifications"]["nodes"] == []
        since = (served.seeded.now - timedelta(hours=2)).isoformat()
        text = f'revokeDevice(deviceId: "dev_top2", since: "{since}", COMMAND) {{ __typename }}'
        await command(served, text, "rev2")  # measures for somebody else: not told
        await correct(served, "DEBT", 500, 9)
        shown = (await message(connection))["payload"]["data"]["notifications"]
        assert [each["kind"] for each in shown["nodes"]] == ["CORRECTION_RECORDED"] and shown["unreadCount"] == 1

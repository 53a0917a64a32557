"""Evidence over HTTP: who may have which, streamed as it stands in the books, refused in words otherwise."""

from pathlib import Path

import httpx

from api.app import ApiProcess
from community.evidence.bundle_lines import read_bundle
from community.identity.identities import Member
from community.runtime.system_clock import SystemClock
from community.store import identities
from tests.conformance.api.conftest import Served
from tests.support.evidence_world import bundle_lines, evidence_world
from tests.support.running_api import address, serving
from tests.support.seeded_community import make_key
from tests.support.seeded_figures import SOURCE, hash_of
from tests.support.stores import opened

WHOLE = "since=2026-06-15T00:00:00Z&until=2026-06-15T14:00:00Z"


async def get(app: ApiProcess, path: str, key: str | None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        return await client.get(f"{address(app)}/evidence/{path}", headers=headers)


async def code_of(app: ApiProcess, path: str, key: str | None) -> tuple[int, str]:
    response = await get(app, path, key)
    return response.status_code, response.json()["errors"][0]["extensions"]["code"]


async def test_the_download_is_the_books(tmp_path: Path, store_url: str) -> None:
    async with evidence_world(tmp_path, store_url) as made:
        async with opened(store_url) as store:
            async with store.begin() as work:
                await identities.add_member(work, Member("member-none", "Nobody with shares"), SystemClock().now())
            auditor, owner = await make_key(store, "auditor"), await make_key(store, "member", "member-a1")
            stranger = await make_key(store, "member", "member-none")
        async with serving(store_url, token=made.world.token) as app:
            whole = await get(
                app, "sources/plant?since=2026-03-02T12:00:00Z&until=2026-03-02T19:00:00%2B01:00", auditor
            )
            assert whole.status_code == 200 and whole.headers["content-type"] == "application/x-ndjson"
            assert whole.content == b"".join(await bundle_lines(made.world))
            settlement = made.bundle.settlements[1]
            assert settlement.decision is not None and settlement.settled is not None
            ours = await get(app, f"issuances/{settlement.decision.id}", owner)
            bundle = read_bundle(ours.content.splitlines())
            assert [one.settled for one in bundle.settlements] == [settlement.settled]
            assert [one.decision and one.decision.parts for one in bundle.settlements] == [()]
            mint = settlement.settled.mints[0]
            same = await get(app, f"transfers/{settlement.settled.tx_hash}/{mint.log_index}", owner)
            assert same.content == ours.content
            assert await code_of(app, f"issuances/{settlement.decision.id}", stranger) == (404, "FORBIDDEN")


async def test_who_may_have_what(served: Served) -> None:
    keys, issuance = served.keys, f"issuances/{served.seeded.issuance_ids[0]}"
    assert (await get(served.app, f"sources/{SOURCE}?{WHOLE}", keys.operator)).status_code == 200
    assert (await get(served.app, issuance, keys.anna)).status_code == 200
    assert await code_of(served.app, f"sources/{SOURCE}?{WHOLE}", keys.anna) == (403, "FORBIDDEN")
    assert await code_of(served.app, issuance, keys.device) == (403, "FORBIDDEN")
    assert await code_of(served.app, issuance, None) == (401, "UNAUTHENTICATED")
    assert await code_of(served.app, issuance, "ecb_no_key") == (401, "UNAUTHENTICATED")
    mint = f"transfers/{hash_of('tx', 1)}/1"
    assert (await get(served.app, mint, keys.auditor)).status_code == 200
    seen = [(await get(served.app, mint, key)).status_code for key in (keys.anna, keys.bernd)]
    assert sorted(seen) == [200, 404], "the mint is one member's"


ASKED_WRONGLY = [
    (f"sources/{SOURCE}", 400),
    (f"sources/{SOURCE}?since=yesterday&until=today", 400),
    (f"sources/{SOURCE}?since=2026-06-15T14:00:00Z&until=2026-06-15T14:00:00Z", 400),
    (f"sources/{SOURCE}?since=2024-06-15T14:00:00Z&until=2026-06-15T14:00:00Z", 400),
    (f"sources/{SOURCE}?since=2026-06-15T14:00:00&until=2026-06-16T14:00:00", 400),
    (f"sources/none?{WHOLE}", 404),
    ("issuances/0x00", 404),
    ("issuances/%00", 404),
    (f"transfers/{hash_of('tx', 1)}/0", 404),
    (f"transfers/{hash_of('tx', 1)}/99999999999999999999", 404),
]


async def test_what_is_asked_wrongly_is_told(served: Served) -> None:
    for path, status in ASKED_WRONGLY:
        response = await get(served.app, path, served.keys.operator)
        assert response.status_code == status and response.json()["errors"][0]["message"], path

"""A served API over a seeded community, with a key for each role; on both databases."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from api.app import ApiProcess
from community.store.unit_of_work import Store
from tests.support.running_api import serving
from tests.support.seeded_chain import Seeded
from tests.support.seeded_community import make_key, seed

NOW = datetime(2026, 6, 15, 14, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Keys:
    operator: str
    auditor: str
    anna: str
    bernd: str
    device: str


@dataclass(frozen=True, slots=True)
class Served:
    """Everything a test needs."""

    app: ApiProcess
    store: Store
    seeded: Seeded
    keys: Keys


@pytest.fixture
async def served(store: Store, store_url: str) -> AsyncIterator[Served]:
    seeded = await seed(store, NOW, days=1)
    keys = Keys(
        operator=await make_key(store, "operator"),
        auditor=await make_key(store, "auditor"),
        anna=await make_key(store, "member", "mem_anna"),
        bernd=await make_key(store, "member", "mem_bernd"),
        device=await make_key(store, "device", "dev_pv"),
    )
    async with serving(store_url) as app:
        yield Served(app, store, seeded, keys)

"""The first start makes one operator's key and prints it; no later one does."""

import pytest

from community.store import api_keys
from community.store.unit_of_work import Store
from tests.support.running_api import ask, serving

SAYS = "The first operator's API key, shown this once: "


async def test_the_first_start_prints_an_operators_key_once(
    sqlite_store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{sqlite_store.engine.url.database}"
    async with serving(url) as app:
        (line,) = [each for each in capsys.readouterr().out.splitlines() if SAYS in each]
        key = line.partition(SAYS)[2]
        assert (await ask(app, "{ viewer { role label } }", key))["viewer"] == {
            "role": "operator",
            "label": "first operator",
        }
        (entry,) = (await ask(app, "{ auditEntries { nodes { command actor } } }", key))["auditEntries"]["nodes"]
        assert entry == {"command": "create_api_key", "actor": "api"}
    async with serving(url):
        assert SAYS not in capsys.readouterr().out
    async with sqlite_store.read() as work:
        assert len((await api_keys.page(work, 10, None)).items) == 1

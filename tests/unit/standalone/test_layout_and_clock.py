"""The demo's ports, facts and shared clock, and the queries it prints."""

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from community.errors import FatalError
from standalone import system
from standalone.demo import QUERIES
from standalone.founding import replay_start
from standalone.layout import Facts, Layout, Ports
from standalone.replay_clock import ReplayClock

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
FACTS = Facts(31337, "0xt", "0xi", "0xs", 1, "0xr", "SoftHSM2", "o", "a", "m", 1795150800)


def test_a_port_in_use_is_one_clear_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(FatalError, match=r"Port \d+ is in use by another program"):
            Ports.free(other.getsockname()[1])


def test_free_ports_are_all_different() -> None:
    ports = Ports.free(0)
    assert len({ports.page, ports.broker, ports.chain, ports.plant_meter, ports.storage}) == 5


def test_facts_come_back_as_they_were_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    FACTS.save(tmp_path / "facts.json")
    assert Facts.load(tmp_path / "facts.json") == FACTS
    assert (tmp_path / "facts.json").stat().st_mode & 0o077 == 0


def test_unreadable_facts_say_how_to_begin_anew(tmp_path: Path) -> None:
    (tmp_path / "facts.json").write_text('{"chain_id": 1}')
    with pytest.raises(FatalError, match="RESET=1"):
        Facts.load(tmp_path / "facts.json")


def test_no_facts_before_the_first_founding(tmp_path: Path) -> None:
    assert Facts.load(tmp_path / "facts.json") is None


async def test_processes_that_map_the_clock_see_it_move(tmp_path: Path) -> None:
    driver = ReplayClock.create(tmp_path / "clock", NOW)
    follower = ReplayClock(tmp_path / "clock")
    assert follower.now() == NOW
    waiting = asyncio.create_task(follower.sleep_until(NOW + timedelta(minutes=15)))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    driver.set_to(NOW + timedelta(minutes=15))
    await asyncio.wait_for(waiting, 5)
    driver.finish()
    assert not follower.is_replaying
    assert abs(follower.now() - datetime.now(UTC)) < timedelta(seconds=5)
    driver.close()
    follower.close()


@pytest.mark.parametrize("hour", [0, 4, 5, 6, 23])
def test_the_replay_covers_two_days_and_begins_before_sunrise(hour: int) -> None:
    now = NOW.replace(hour=hour, minute=59)
    start = replay_start(now)
    assert timedelta(days=2) <= now - start < timedelta(days=3)
    assert (start.hour, start.minute) == (5, 0)


def test_a_nearly_full_disk_is_one_clear_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "FREE_SPACE_BYTES", 1 << 62)
    with pytest.raises(FatalError, match="MiB left"):
        system.require_space(Layout(tmp_path, tmp_path))


def test_a_folder_that_cannot_be_made_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FatalError, match="cannot be written"):
        system.require_space(Layout(tmp_path, tmp_path / "file" / "demo"))


@pytest.mark.parametrize("query", QUERIES)
def test_the_queries_that_the_demo_prints_are_valid(query: str) -> None:
    schema = build_schema((Path(__file__).parents[3] / "api" / "schema.graphql").read_text())
    assert validate(schema, parse(query)) == []

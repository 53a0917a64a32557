"""The whole system as a person starts it: the audited check, and a demo that survives its own death."""

import asyncio
import itertools
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from standalone.audit import Books
from standalone.layout import Layout

ROOT = Path(__file__).parents[2]


async def _run(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "standalone", *arguments, cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


def _processes_naming(folder: Path) -> list[str]:
    """Command lines and environments of living processes that name `folder`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
                if str(folder).encode() in text:
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


async def _until_settled(folder: Path, more_than: int, seconds: float = 180) -> int:
    books = Books(Layout(ROOT, folder).database)
    async with asyncio.timeout(seconds):
        while True:
            with suppress(Exception):
                if (settled := books.number("SELECT count(*) FROM issuance WHERE state = 'final'")) > more_than:
                    return settled
            await asyncio.sleep(0.2)


@pytest.mark.timeout(420)
async def test_check_agrees_from_outside_after_kills_and_a_reorg(tmp_path: Path) -> None:
    await check_agrees(tmp_path, 12)


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_check_agrees_over_a_whole_day(tmp_path: Path) -> None:
    await check_agrees(tmp_path, 36)


async def check_agrees(tmp_path: Path, settlements: int) -> None:
    process = await _run("check", "--folder", str(tmp_path), "--settlements", str(settlements))
    output, _ = await process.communicate()
    report = json.loads(next(line for line in output.decode().splitlines() if line.startswith("{")))
    assert process.returncode == 0, report
    assert report["ok"] and report["problem_count"] == 0
    assert (
        report["settlements"] >= settlements
        and report["statements_verified"] == report["settlements"] == report["matches"]
    )
    assert report["supply_base_units"] == report["energy_wh"] * 10**15
    assert (report["kills"], report["reorg_depth"], report["breaks"]) == (4, 3, 0)
    assert _processes_naming(tmp_path) == []


@pytest.mark.timeout(600)
async def test_a_demo_killed_hard_leaves_nothing_running_and_goes_on_where_it_was(tmp_path: Path) -> None:
    first = await _run("demo", "--folder", str(tmp_path), "--port", "0")
    settled = await _until_settled(tmp_path, 2)
    second_at_once = await _run("demo", "--folder", str(tmp_path), "--port", "0")
    said, _ = await second_at_once.communicate()
    assert second_at_once.returncode == 1 and b"already running" in said
    first.kill()
    await first.communicate()
    async with asyncio.timeout(30):
        while _processes_naming(tmp_path):
            await asyncio.sleep(0.1)

    settled = await _until_settled(tmp_path, settled - 1)  # the first went on until it was killed
    again = await _run("demo", "--folder", str(tmp_path), "--port", "0")
    await _until_settled(tmp_path, settled + 2)
    again.send_signal(signal.SIGINT)
    said, _ = await again.communicate()
    assert again.returncode == 0, said.decode()
    assert b"everything is kept" in said
    assert _processes_naming(tmp_path) == []
    books = Books(Layout(ROOT, tmp_path).database)
    chained = books.rows("SELECT from_wh, to_wh FROM issuance ORDER BY from_wh")
    assert all(before[1] == after[0] for before, after in itertools.pairwise(chained))

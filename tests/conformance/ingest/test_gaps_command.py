"""`python -m ingest gaps`: what an operator sees of what is missing."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from community.attestation.evidence_gaps import EvidenceGap, GapChange, GapKind, GapState, ask
from community.store.evidence_gaps import gap_id_of, record_changes
from ingest.__main__ import main
from ingest.cli import EXIT_FOUND_WRONG
from tests.support.sending_device import NOON, NOON_SLOT, SendingDevice, register
from tests.support.stores import COLUMN_KEY, new_sqlite_url, opened

GAP = EvidenceGap(GapKind.SLOTS, NOON_SLOT, NOON_SLOT + 3, GapState.OPEN, NOON)
STATEMENTS = EvidenceGap(GapKind.STATEMENTS, 7, 7, GapState.HANDED_OVER, datetime(2026, 3, 1, tzinfo=UTC), 6)
CAME = EvidenceGap(GapKind.STATEMENTS, 3, 5, GapState.CLOSED, NOON)


async def _books(folder: Path, gaps: list[EvidenceGap]) -> str:
    url = await new_sqlite_url(folder)
    async with opened(url) as store:
        await register(store, SendingDevice())
        async with store.begin() as work:
            await record_changes(work, "dev-plant", [GapChange(gap, "it is missing", True) for gap in gaps], NOON)
            await record_changes(work, "dev-plant", [ask(gaps[0])], NOON)
    return url


@pytest.fixture
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "column.key").write_text(COLUMN_KEY.key.hex())
    monkeypatch.setenv("INGEST_COLUMN_KEY_FILE", str(tmp_path / "column.key"))
    return tmp_path


def ask_for(
    books: Path,
    gaps: list[EvidenceGap],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *more: str,
) -> tuple[int, str]:
    monkeypatch.setenv("INGEST_DATABASE_URL", asyncio.run(_books(books, gaps)))
    code = main(["gaps", *more])
    return code, capsys.readouterr().out


def test_those_that_need_a_person_come_first(
    books: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = ask_for(books, [GAP, STATEMENTS, CAME], monkeypatch, capsys)
    assert code == EXIT_FOUND_WRONG
    lines = text.splitlines()
    assert "statement 7 " in lines[1] and "handed_over" in lines[1] and "look at the device" in text
    assert "4 readings from 2026-03-02T12:00+00:00" in text and "2 gaps, of which 1 need a person" in text
    assert "statements 3 to 5" not in text


def test_for_machines_and_with_what_has_ended(
    books: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = ask_for(books, [GAP, CAME], monkeypatch, capsys, "--json", "--all")
    assert code == 0
    answer = json.loads(text)
    assert answer["handed_over"] == 0
    assert {(each["first"], each["state"], each["asked"]) for each in answer["gaps"]} == {
        (GAP.first, "asked", 1), (3, "closed", 0),
    }  # fmt: skip


def test_the_history_of_one(books: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = ask_for(books, [GAP], monkeypatch, capsys, "--history", gap_id_of("dev-plant", GAP))
    assert code == 0
    assert "it is missing" in text and "the device is asked for the 1. time" in text

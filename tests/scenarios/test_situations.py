"""Each situation gives exactly the breaks that stand in its folder, and leaves the rest in agreement."""

import tomllib
from pathlib import Path

import pytest

from community.reconciliation.breaks import GUIDES, BreakKind
from community.reconciliation.matching import reconcile
from tests.scenarios.situation import facts_of, found_in, situations


def expected_in(folder: Path) -> dict[str, object]:
    return tomllib.loads((folder / "then" / "found.toml").read_text())


@pytest.mark.parametrize("folder", situations(), ids=lambda path: path.name)
def test_the_situation_gives_this_and_only_this(folder: Path) -> None:
    facts = facts_of(folder)
    result = reconcile(facts)
    assert found_in(facts, result) == expected_in(folder)
    assert all(one.detail.endswith(GUIDES[one.kind].advice) for one in result.breaks)


def test_every_kind_has_a_situation_that_gives_only_it() -> None:
    alone = [found for folder in situations() if len(found := expected_in(folder)["break"]) == 1]  # type: ignore[arg-type]
    assert (
        {found[0]["kind"] for found in alone} == {kind.value for kind in BreakKind} == {kind.value for kind in GUIDES}
    )


@pytest.mark.parametrize("folder", situations(), ids=lambda path: path.name)
def test_the_timeline_tells_a_reader_what_happened(folder: Path) -> None:
    told = [line for line in (folder / "timeline.txt").read_text().splitlines() if not line[:1].isdigit()]
    assert len(" ".join(told)) > 40

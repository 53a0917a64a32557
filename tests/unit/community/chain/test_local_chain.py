"""The local chain and its values: what may be built, and what a header means."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from community.chain.blocks import BlockHeader, BlockRef, block_hash
from community.chain.bloom import bloom_of, may_contain
from community.chain.index_checkpoint import IndexCheckpoint
from community.chain.local_chain import Extended, Forked, LocalChain, Missing, offer

AT = datetime(2026, 1, 1, tzinfo=UTC)


def ref(number: int, name: str = "a") -> BlockRef:
    return BlockRef(number, "0x" + name * 4 + f"{number:060x}")


def header(number: int, name: str = "a", parent: str | None = None) -> BlockHeader:
    return BlockHeader(ref(number, name), ref(number - 1, parent or name).hash, AT, bytes(256))


CHAIN = LocalChain((ref(5), ref(6), ref(7)))


def test_the_next_block_extends() -> None:
    assert offer(CHAIN, header(8)) == Extended(LocalChain((*CHAIN.blocks, ref(8))))


def test_a_block_further_ahead_needs_the_one_between() -> None:
    assert offer(CHAIN, header(20)) == Missing(8)


def test_a_sibling_of_the_head_forks_at_its_parent() -> None:
    assert offer(CHAIN, header(7, "b", "a")) == Forked(ref(6))


def test_a_cousin_forks_further_down() -> None:
    assert offer(CHAIN, header(8, "b")) == Forked(None)
    assert offer(CHAIN, header(7, "b")) == Forked(None)
    assert offer(CHAIN, header(6, "b", "a")) == Forked(ref(5))


def test_cutting_and_finalising_keep_the_rest() -> None:
    assert CHAIN.cut(ref(6)) == LocalChain((ref(5), ref(6)))
    assert CHAIN.finalise(ref(6)) == LocalChain((ref(6), ref(7)))
    assert CHAIN.at(4) is None and CHAIN.at(8) is None and CHAIN.at(7) == ref(7)
    for method in (CHAIN.cut, CHAIN.finalise):
        with pytest.raises(ValueError, match="not in the local chain"):
            method(ref(6, "b"))


def test_invalid_values_are_refused() -> None:
    with pytest.raises(ValueError, match="at least"):
        LocalChain(())
    with pytest.raises(ValueError, match="without a gap"):
        LocalChain((ref(5), ref(7)))
    with pytest.raises(ValueError, match="negative"):
        BlockRef(-1, ref(1).hash)
    for text in ("", "0x12", "0x" + "g" * 64, "ab" * 32):
        with pytest.raises(ValueError, match="not a block hash"):
            block_hash(text)
    with pytest.raises(ValueError, match="not a block hash"):
        BlockRef(1, "0x" + "AB" * 32)
    with pytest.raises(ValueError, match="not a block hash"):
        replace(header(3), parent_hash="0x")
    with pytest.raises(ValueError, match="256 bytes"):
        replace(header(3), bloom=b"")
    with pytest.raises(ValueError, match="no time zone"):
        replace(header(3), at=datetime(2026, 1, 1))  # noqa: DTZ001
    assert block_hash("0x" + "AB" * 32) == "0x" + "ab" * 32


def test_a_checkpoint_is_never_final_beyond_its_head() -> None:
    assert IndexCheckpoint(1, 0, ref(7), ref(5), 9, AT).behind == 2
    assert IndexCheckpoint(1, 0, ref(7), ref(5), 6, AT).behind == 0
    with pytest.raises(ValueError, match="above the indexed head"):
        IndexCheckpoint(1, 0, ref(5), ref(7), 9, AT)


def test_the_filter_never_misses_and_mostly_excludes() -> None:
    items = [bytes([n]) * 20 for n in range(20)]
    bloom = bloom_of(items)
    assert all(may_contain(bloom, item) for item in items)
    assert sum(may_contain(bloom, bytes([n]) * 32) for n in range(100, 200)) < 5
    assert not may_contain(bytes(256), items[0])

"""Laws of the local chain: it is always linked, and whatever a node offers it ends at the node's chain."""

import hashlib
from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from community.chain.blocks import BLOOM_SIZE, BlockHeader, BlockRef
from community.chain.local_chain import (
    Contradicted,
    Duplicate,
    Extended,
    Forked,
    Lagging,
    LocalChain,
    Missing,
    offer,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)


def branch(parent: BlockRef, salts: list[int]) -> list[BlockHeader]:
    """Headers on top of `parent`; equal salts give equal blocks."""
    headers: list[BlockHeader] = []
    for salt in salts:
        number = parent.number + 1
        digest = "0x" + hashlib.sha256(f"{parent.hash}{number}{salt}".encode()).hexdigest()
        headers.append(BlockHeader(BlockRef(number, digest), parent.hash, AT, bytes(BLOOM_SIZE)))
        parent = headers[-1].ref
    return headers


FINAL = BlockRef(100, "0x" + "11" * 32)
SALTS = st.lists(st.integers(0, 1), max_size=12)


def chain_of(headers: list[BlockHeader]) -> LocalChain:
    return LocalChain((FINAL, *(header.ref for header in headers)))


def follow(chain: LocalChain, node: list[BlockHeader]) -> LocalChain:
    """What the indexer does with a node whose head is the last of `node`."""
    by_hash = {header.hash: header for header in node}
    by_number = {header.number: header for header in node}
    target = header = node[-1]
    for _ in range(100):
        match offer(chain, header):
            case Extended(longer):
                assert longer.blocks[:-1] == chain.blocks
                chain = longer
                if chain.head == target.ref:
                    return chain
                header = by_number[chain.head.number + 1]
            case Missing(number):
                assert number == chain.head.number + 1
                header = by_number[number]
            case Forked(None):
                header = by_hash[header.parent_hash]
            case Forked(ancestor):
                assert ancestor is not None and ancestor in chain.blocks and ancestor != chain.head
                chain = chain.cut(ancestor)
            case Duplicate():
                return chain
            case other:
                raise AssertionError(other)
    raise AssertionError("it never converged")


@given(ours=SALTS, theirs=SALTS.filter(bool))
def test_following_ends_at_the_nodes_chain(ours: list[int], theirs: list[int]) -> None:
    node = branch(FINAL, theirs)
    chain = follow(chain_of(branch(FINAL, ours)), node)
    if len(chain.blocks) - 1 == len(theirs):
        assert chain == chain_of(node)
    else:  # the node is merely behind on our own branch
        assert chain.blocks[: len(theirs) + 1] == chain_of(node).blocks


@given(ours=SALTS, theirs=SALTS.filter(bool))
def test_a_fork_names_the_highest_block_both_have(ours: list[int], theirs: list[int]) -> None:
    chain, node = chain_of(branch(FINAL, ours)), branch(FINAL, theirs)
    shared = [FINAL, *(header.ref for header in node if header.ref in chain.blocks)]
    for header in node:
        outcome = offer(chain, header)
        if isinstance(outcome, Forked) and outcome.ancestor is not None:
            assert outcome.ancestor == shared[-1]


@given(ours=SALTS)
def test_what_is_known_is_a_duplicate_and_never_changes_the_chain(ours: list[int]) -> None:
    headers = branch(FINAL, ours)
    assert all(offer(chain_of(headers), header) == Duplicate() for header in headers)


@given(ours=SALTS, number=st.integers(0, 99))
def test_below_the_finalised_block_a_node_lags(ours: list[int], number: int) -> None:
    old = BlockHeader(BlockRef(number, "0x" + "22" * 32), "0x" + "33" * 32, AT, bytes(BLOOM_SIZE))
    assert offer(chain_of(branch(FINAL, ours)), old) == Lagging()


@given(ours=SALTS, theirs=SALTS.filter(bool))
def test_another_finalised_block_is_a_contradiction(ours: list[int], theirs: list[int]) -> None:
    other = BlockRef(FINAL.number, "0x" + "44" * 32)
    chain = chain_of(branch(FINAL, ours))
    at_final = BlockHeader(other, "0x" + "55" * 32, AT, bytes(BLOOM_SIZE))
    above = branch(other, theirs)[0]
    assert offer(chain, at_final) == Contradicted(FINAL, other.hash)
    assert offer(chain, above) == Contradicted(FINAL, other.hash)


@given(one=SALTS.filter(bool), two=SALTS.filter(bool), data=st.data())
def test_heads_in_any_order_leave_the_chain_linked_and_convergent(
    one: list[int], two: list[int], data: st.DataObject
) -> None:
    headers = [*branch(FINAL, one), *branch(FINAL, two)]
    parents = {header.hash: header.parent_hash for header in headers}
    chain = chain_of([])
    for header in data.draw(st.permutations(headers)):
        match offer(chain, header):
            case Extended(longer):
                chain = longer
            case Forked(ancestor) if ancestor is not None:
                chain = chain.cut(ancestor)
            case outcome:
                assert isinstance(outcome, Duplicate | Missing | Forked)
        assert all(parents[above.hash] == below.hash for below, above in pairwise(chain.blocks))
    node = branch(FINAL, two)
    reached = follow(chain, node)
    assert reached.blocks[: len(node) + 1] == chain_of(node).blocks

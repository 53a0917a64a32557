"""Which settlements share a transaction."""

from datetime import UTC, datetime

from community.minting.apportionment import apportion
from community.minting.issuances import Issuance, IssuancePart
from community.units import WattHours, base_units
from contracts.abi import SettleEvidence, ShareConfig, decode_settle_many, encode_settle
from settlement.batches import BATCH_BYTES_MAX, batches_of, call_of, halves
from settlement.planner import Settlement

CONFIG = ShareConfig(bytes(32), bytes(32), ("0x" + "11" * 20,), (1,))


def settlement(number: int, *, alone: bool = False, statement: bytes = b"s") -> Settlement:
    """A settlement of the source with this number."""
    entry = bytes([number]) * 32, SettleEvidence(statement, bytes(32), bytes(32), b"leaf", (), 0), CONFIG
    (amount,) = apportion(WattHours(number), [1])
    issuance = Issuance(
        id=f"0x{number:064x}", chain_id=1, issuer="0x" + "22" * 20, source_id=f"source-{number}", from_wh=WattHours(0),
        to_wh=WattHours(number), period_start=datetime(2026, 1, 1, tzinfo=UTC),
        period_end=datetime(2026, 1, 2, tzinfo=UTC), amount=base_units(WattHours(number)), measurement_id="m",
        share_table_id="t", parts=(IssuancePart("h", "0x" + "11" * 20, 1, amount),),
        planned_at=datetime(2026, 1, 2, tzinfo=UTC),
    )  # fmt: skip
    return Settlement(issuance, encode_settle(*entry), b"", True, entry=None if alone else entry)


def sources(batches: list[tuple[Settlement, ...]]) -> list[list[str]]:
    return [[one.issuance.source_id.removeprefix("source-") for one in batch] for batch in batches]


def test_sources_go_together_up_to_the_most_and_in_their_order() -> None:
    found = batches_of([settlement(number) for number in range(1, 8)], 3)
    assert sources(found) == [["1", "2", "3"], ["4", "5", "6"], ["7"]]
    assert sources(batches_of([settlement(1), settlement(2)], 1)) == [["1"], ["2"]]


def test_what_needs_a_call_of_its_own_is_alone_and_parts_no_others() -> None:
    found = batches_of([settlement(1), settlement(2, alone=True), settlement(3)], 8)
    assert sources(found) == [["2"], ["1", "3"]]


def test_a_transaction_stays_below_what_nodes_take() -> None:
    big = [settlement(number, statement=bytes(40 * 1024)) for number in range(1, 5)]
    found = batches_of(big, 8)
    assert sources(found) == [["1", "2"], ["3", "4"]]
    assert all(sum(len(one.calldata) for one in batch) <= BATCH_BYTES_MAX for batch in found)


def test_one_is_called_alone_and_several_in_one_call() -> None:
    one, two = settlement(1), settlement(2)
    assert call_of((one,)) == one.calldata
    assert decode_settle_many(call_of((one, two))) == (one.entry, two.entry)


def test_halves_are_smaller_and_keep_the_order() -> None:
    batch = tuple(settlement(number) for number in range(1, 6))
    first, second = halves(batch)
    assert first + second == batch and first and second

"""Issuance ids and the table of states."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from community.minting.issuances import (
    OPEN_STATES,
    TRANSITIONS,
    Issuance,
    IssuancePart,
    IssuanceState,
    issuance_id,
    states_before,
)
from community.units import TokenAmount, WattHours

ISSUER, SOURCE = "0x" + "ab" * 20, "0x" + "5a" * 32
NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)


def test_the_id_is_the_hash_of_the_abi_encoding() -> None:
    encoded = encode(
        ["uint256", "address", "bytes32", "uint64", "uint64"], [137, ISSUER, bytes.fromhex("5a" * 32), 10, 2**64 - 1]
    )
    assert issuance_id(137, ISSUER, SOURCE, 10, 2**64 - 1) == "0x" + keccak(encoded).hex()


def test_every_part_of_the_id_counts() -> None:
    ids = {
        issuance_id(137, ISSUER, SOURCE, 10, 20),
        issuance_id(138, ISSUER, SOURCE, 10, 20),
        issuance_id(137, "0x" + "ac" * 20, SOURCE, 10, 20),
        issuance_id(137, ISSUER, "0x" + "5b" * 32, 10, 20),
        issuance_id(137, ISSUER, SOURCE, 11, 20),
        issuance_id(137, ISSUER, SOURCE, 10, 21),
    }
    assert len(ids) == 6


@pytest.mark.parametrize("arguments", [("0x12", SOURCE, 1, 2), (ISSUER, "0x12", 1, 2), (ISSUER, SOURCE, -1, 2)])
def test_ids_of_nonsense_are_refused(arguments: tuple[str, str, int, int]) -> None:
    with pytest.raises(ValueError, match=r"named by|64 bits"):
        issuance_id(1, *arguments)


def test_every_state_has_a_row_and_final_has_no_way_out() -> None:
    assert set(TRANSITIONS) == set(IssuanceState)
    assert not TRANSITIONS[IssuanceState.FINAL]
    assert IssuanceState.FINAL not in OPEN_STATES and IssuanceState.STOPPED not in OPEN_STATES


def test_every_open_state_can_reach_final() -> None:
    reached = {IssuanceState.FINAL}
    for _ in IssuanceState:
        reached |= {state for state in IssuanceState if TRANSITIONS[state] & reached}
    assert reached == set(IssuanceState)


def test_a_signed_issuance_is_never_planned_again_without_a_person() -> None:
    assert states_before(IssuanceState.PLANNED) == (IssuanceState.STOPPED,)
    assert set(states_before(IssuanceState.REQUESTED)) == {IssuanceState.PLANNED}


def test_issuances_that_do_not_add_up_are_refused() -> None:
    good = Issuance(
        id="0x01",
        chain_id=1,
        issuer=ISSUER,
        source_id="plant",
        from_wh=WattHours(1),
        to_wh=WattHours(2),
        period_start=NOON,
        period_end=NOON + timedelta(minutes=15),
        amount=TokenAmount(10**15),
        measurement_id="m",
        share_table_id="t",
        parts=(IssuancePart("anna", "0x" + "aa" * 20, 1, TokenAmount(10**15)),),
        planned_at=NOON,
    )
    for change in ({"to_wh": WattHours(1)}, {"period_end": NOON}, {"amount": TokenAmount(1)}, {"parts": ()}):
        with pytest.raises(ValueError, match="issuance"):
            replace(good, **change)

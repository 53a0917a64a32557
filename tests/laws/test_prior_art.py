"""Every defect that was found in earlier systems has a regression test of ours, or a reason why it cannot happen here.

The origin is the system that had it. A test is named by its file and function; a situation by its folder.
"""

import ast
import re
from dataclasses import dataclass, replace

import pytest

from community.attestation import merkle
from community.reconciliation.facts import IntervalFacts
from community.reconciliation.matching import reconcile
from tests.architecture.repository import ROOT
from tests.support.books_in_agreement import agreeing

SITUATIONS = "tests/scenarios/given_"


@dataclass(frozen=True)
class Defect:
    """One defect: where it was, what it was, and what holds it off here."""

    origin: str
    what: str
    tests: tuple[str, ...]
    why: str = ""


MINTING, PLANNING = "tests/laws/test_minting_laws.py", "tests/unit/community/minting/test_planning.py"
CHAOS, REAL = (
    "tests/conformance/settlement/test_under_chaos.py",
    "tests/conformance/settlement/test_settles_on_a_real_chain.py",
)
LAWS, HERE = "tests/laws/test_matching_laws.py", "tests/laws/test_prior_art.py"
INGEST, BOOKS = (
    "tests/conformance/ingest/test_bad_input.py",
    "tests/conformance/store/test_issuances_and_transactions.py",
)
ORDER, STATEMENT = "tests/laws/test_intervals_in_any_order.py", "tests/unit/community/attestation/test_statement.py"
SPOOL, SCHEMA = "tests/unit/gateway_agent/test_spool.py", "tests/conformance/store/test_schema.py"
SUM = f"{MINTING}::test_parts_add_up_and_nobody_gets_less_than_a_unit_below_his_share"

DEFECTS: dict[int, Defect] = {
    1: Defect("FEA split_certificate_bundle", "ids of the first child one too far: 251 and 749 for 250 and 750", (SUM, f"{MINTING}::test_plans_form_a_chain_without_holes")),
    2: Defect("FEA", "issuance by the newest time: late intervals are never issued", (f"{ORDER}::test_the_books_do_not_depend_on_the_order_of_arrival", f"{PLANNING}::test_a_gap_is_issued_whole", f"{SITUATIONS}verified_energy_that_nobody_planned")),
    3: Defect("FEA #221", "duplicates", (f"{BOOKS}::test_the_same_energy_is_never_decided_on_twice", f"{SITUATIONS}the_same_way_settled_twice")),
    4: Defect("FEA", "a split by percentage floors with int()", (SUM,)),
    5: Defect("Stamp", "unique for the exact period only: overlapping periods pass", (f"{SITUATIONS}two_issuances_over_one_time", f"{SITUATIONS}a_part_of_the_way_settled_twice")),
    6: Defect("Stamp withdraw", "commits before the registry has answered", (f"{REAL}::test_killed_anywhere_it_still_mints_exactly_once", f"{SITUATIONS}a_final_issuance_that_no_block_settles")),
    7: Defect("ETT", "estimated never becomes measured; absent rows are no gap; banker's rounding", (f"{ORDER}::test_intervals_and_gaps_together_are_the_whole_difference", "tests/unit/community/metering/dlms/test_layouts.py::test_whole_numbers_are_rounded_down_and_never_up", f"{SITUATIONS}verified_energy_that_nobody_planned")),
    8: Defect("Project Origin", "a Merkle tree that duplicates its last leaf", (f"{HERE}::test_a_tree_tells_three_leaves_from_four",)),
    9: Defect("Guardian #2019", "replicas multiply a mint", (f"{CHAOS}::test_each_watt_hour_is_minted_once", "tests/conformance/store/test_sole_sender.py::test_two_accounts_of_one_database_have_a_sender_each")),
    10: Defect("Guardian #3311", "evidence says another amount than the chain", (f"{SITUATIONS}an_issuance_over_another_amount", f"{SITUATIONS}a_base_unit_too_many")),
    11: Defect("Guardian", "amounts read by parseFloat", ("tests/e2e/test_largest_amounts.py::test_the_largest_amount_survives_to_the_last_digit", "tests/unit/api/test_scalars.py::test_amounts_leave_as_plain_digits_however_large")),
    12: Defect("B2E2", "a correction overwrites evidence and moves no tokens", (f"{SCHEMA}::test_frames_can_neither_be_changed_nor_deleted", f"{SITUATIONS}a_reading_edited_in_the_database", "tests/conformance/settlement/test_gate_and_alarms.py::test_a_debt_is_netted_before_anything_is_minted")),
    13: Defect("B2E2", "dust of rounding is stranded", (SUM, f"{MINTING}::test_the_split_is_the_contracts")),
    14: Defect("eegFaktura", "keys of local time: the repeated hour collides; total and share in one slot", ("tests/unit/community/metering/dlms/test_telegrams.py::test_the_repeated_hour_at_the_end_of_summer_is_two_hours", f"{PLANNING}::test_a_local_day_has_as_many_quarter_hours_as_it_has", f"{HERE}::test_the_day_with_a_repeated_hour_has_a_hundred_quarter_hours")),
    15: Defect("eegFaktura", "billing trusts the kWh that the client sends", (f"{HERE}::test_no_command_takes_energy_or_tokens_from_its_sender",)),
    16: Defect("eegFaktura", "message versions are dropped in silence", (f"{STATEMENT}::test_an_unknown_profile_is_named", f"{INGEST}::test_a_frame_that_breaks_the_intake_is_kept_and_stops_nothing")),
    17: Defect("RDDL", "96 slots a day; one invalid report poisons the day; time zones pass by; nothing is signed", (f"{HERE}::test_the_day_with_a_repeated_hour_has_a_hundred_quarter_hours", f"{INGEST}::test_bad_and_good_in_one_batch", f"{INGEST}::test_a_wrong_signature")),
    18: Defect("RDDL", "the buffer keeps the last value and clears what was not sent", (f"{SPOOL}::test_an_acknowledgement_covers_all_before_and_invents_nothing", f"{SPOOL}::test_what_was_returned_survives_a_kill")),
    19: Defect("Glow", "zero means missing; a comment says 72 hours, the constant 36", (f"{PLANNING}::test_intervals_without_energy_move_the_period_only", f"{HERE}::test_a_quarter_hour_of_zero_is_a_value")),
    20: Defect("M3tering", "a signature without time and id; a lost nonce halts; uint32 overflows", (f"{STATEMENT}::test_an_impossible_statement_cannot_be_made", f"{INGEST}::test_a_repeated_counter", "tests/unit/api/test_scalars.py::test_registers_beyond_32_bits_are_whole_numbers")),
    21: Defect("Srcful", "the signature covers the header only", ("tests/unit/community/attestation/test_admission.py::test_no_altered_message_is_admitted",)),
    22: Defect("Arkreen", "uniqueness by trust", ("tests/conformance/store/test_statements_and_counters.py::test_a_measurement_stands_once_and_has_neighbours", f"{BOOKS}::test_the_same_energy_is_never_decided_on_twice")),
    23: Defect("EW Origin", "more volume on an existing certificate", (f"{SITUATIONS}a_part_of_the_way_settled_twice", f"{SITUATIONS}an_issuance_up_to_another_register_value")),
    24: Defect("Generation kWh", "no units of work; a recomputation resets the remainder", (f"{SCHEMA}::test_a_unit_of_work_that_raises_leaves_nothing", f"{MINTING}::test_the_split_is_the_contracts")),
    25: Defect("odoo energy communities", "coefficients that are always valid; sums equal within 1e-6", (f"{SCHEMA}::test_share_tables_of_one_source_never_overlap", f"{SITUATIONS}shares_that_do_not_add_up")),
    26: Defect("Home Assistant", "a small step back of a counter counts as a reset", ("tests/unit/community/metering/test_plausibility.py::test_energy_is_never_negative_and_never_more_than_the_installation_can", f"{PLANNING}::test_a_falling_register_waits_for_a_person")),
}  # fmt: skip


def test_the_table_has_all_of_them() -> None:
    assert list(DEFECTS) == list(range(1, 27))
    assert all(one.tests or one.why for one in DEFECTS.values())


@pytest.mark.parametrize("number", DEFECTS)
def test_what_holds_a_defect_off_exists(number: int) -> None:
    for name in DEFECTS[number].tests:
        path, _, function = name.partition("::")
        if path.startswith(SITUATIONS):
            assert (ROOT / path / "then" / "found.toml").is_file(), name
        else:
            assert function in functions_of(path), name


def functions_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_a_tree_tells_three_leaves_from_four() -> None:
    """Project Origin's root of [a, b, c] was that of [a, b, c, c]."""
    a, b, c = (merkle.leaf_hash(name) for name in (b"a", b"b", b"c"))
    assert merkle.root([a, b, c]) != merkle.root([a, b, c, c])
    roots = {merkle.root([a] * count) for count in range(1, 10)}
    assert len(roots) == 9


def test_the_day_with_a_repeated_hour_has_a_hundred_quarter_hours() -> None:
    """Keys are instants in UTC: RDDL had 96 slots for it, keys of eegFaktura's local time give 96 of 100."""
    facts = agreeing([1] * 100)
    keys = {interval.key for interval in facts.intervals}
    assert len(keys) == 100 and all(key.endswith("Z") for key in keys)
    assert len(reconcile(facts).matches) == 100


def test_no_command_takes_energy_or_tokens_from_its_sender() -> None:
    """eegFaktura billed the kWh that the client sent."""
    schema = (ROOT / "api" / "schema.graphql").read_text()
    mutation = re.search(r"type Mutation \{(.*?)\n\}", schema, re.DOTALL)
    assert mutation is not None
    commands = dict(re.findall(r"(\w+)\(([^)]*)\)", mutation[1]))
    # a correction is a debt that rests on evidence: it is netted from what is minted later, and billed to nobody
    assert re.search(r"\bevidence: Hash!", commands.pop("recordCorrection"))
    inputs = [*commands.values(), *re.findall(r"input \w+ \{(.*?)\n\}", schema, re.DOTALL)]
    assert inputs and not any(re.search(r":\s*\[?(WattHours|Amount|Float)\b", text) for text in inputs)


def test_a_quarter_hour_of_zero_is_a_value() -> None:
    """Glow's zero meant missing: here it needs no token, and is no break and no gap."""
    facts = agreeing([100, 250])
    night = IntervalFacts(
        facts.sources[0].id, facts.intervals[-1].ends_at, 0, facts.intervals[0].recorded_at
    )  # fmt: skip
    result = reconcile(replace(facts, intervals=(*facts.intervals, night)))
    assert (result.breaks, result.idle) == ((), (night.key,))

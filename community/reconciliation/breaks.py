"""The kinds of disagreement between meters, issuances and chain: how grave each is, and what a person does about it."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """GRAVE: tokens may be wrong. SERIOUS: evidence or books need a person. MINOR: mostly closes by itself."""

    GRAVE = "grave"
    SERIOUS = "serious"
    MINOR = "minor"


class BreakKind(StrEnum):
    """What disagrees."""

    MISSING_ON_CHAIN = "missing_on_chain"
    MISSING_OFF_CHAIN = "missing_off_chain"
    AMOUNT_DIFFERS = "amount_differs"
    RECIPIENT_DIFFERS = "recipient_differs"
    EVIDENCE_DIFFERS = "evidence_differs"
    EVIDENCE_INVALID = "evidence_invalid"
    READING_DIFFERS = "reading_differs"
    ENERGY_DIFFERS = "energy_differs"
    OUT_OF_PERIOD = "out_of_period"
    DUPLICATE = "duplicate"
    MINTED_TWICE = "minted_twice"
    GAP_IN_REGISTER_CHAIN = "gap_in_register_chain"
    LATE = "late"
    REORGED = "reorged"
    UNATTRIBUTED = "unattributed"
    INTERVAL_UNMINTED = "interval_unminted"
    SUPPLY_DIFFERS = "supply_differs"
    BALANCE_DIFFERS = "balance_differs"
    SHARE_SUPPLY_DIFFERS = "share_supply_differs"
    SHARE_TABLE_DIFFERS = "share_table_differs"


@dataclass(frozen=True, slots=True)
class KindGuide:
    """How grave a kind is, and its advice as a full sentence."""

    severity: Severity
    advice: str


GUIDES = {
    BreakKind.MISSING_ON_CHAIN: KindGuide(
        Severity.SERIOUS,
        "Look at the transaction and its failure text; correct the cause, then let settlement plan the energy again.",
    ),
    BreakKind.MISSING_OFF_CHAIN: KindGuide(
        Severity.GRAVE,
        "Find out who minted: pause the issuer and check its roles unless a restored database explains it, in which "
        "case rebuild the issuance from the chain.",
    ),
    BreakKind.AMOUNT_DIFFERS: KindGuide(
        Severity.GRAVE, "Compare both amounts with the signed register values; if too much was minted, book a debt."
    ),
    BreakKind.RECIPIENT_DIFFERS: KindGuide(
        Severity.GRAVE, "Compare the share table of the period with the configuration committed on chain."
    ),
    BreakKind.EVIDENCE_DIFFERS: KindGuide(
        Severity.SERIOUS, "Verify the statement named on chain; if it is not in the books, fetch it from the device."
    ),
    BreakKind.EVIDENCE_INVALID: KindGuide(
        Severity.SERIOUS,
        "Its device key was not valid at that instant: check the reading by other means, correct it if it is wrong.",
    ),
    BreakKind.READING_DIFFERS: KindGuide(
        Severity.GRAVE,
        "Somebody changed the reading in the database: the signed statement is right. Find out who has write access, "
        "restore the row from a back-up, and take nothing else in that table on trust.",
    ),
    BreakKind.ENERGY_DIFFERS: KindGuide(
        Severity.SERIOUS, "Check the intervals of the period against the register readings at its two ends."
    ),
    BreakKind.OUT_OF_PERIOD: KindGuide(
        Severity.SERIOUS,
        "Compare the instant of the reading with the periods before and after it: the energy is right by the register, "
        "but it stands in the wrong time, so the shares it was split over may be wrong.",
    ),
    BreakKind.DUPLICATE: KindGuide(
        Severity.GRAVE, "The same energy was settled twice: pause the issuer and book a debt for the second one."
    ),
    BreakKind.MINTED_TWICE: KindGuide(
        Severity.GRAVE, "A part of the register's way was settled twice: pause the issuer and book a debt for it."
    ),
    BreakKind.GAP_IN_REGISTER_CHAIN: KindGuide(
        Severity.GRAVE,
        "A settlement is missing in the index, or the register was moved without one: run `python -m indexer verify`, "
        "and look for a configuration of the source between the two.",
    ),
    BreakKind.LATE: KindGuide(
        Severity.MINOR,
        "It closes itself when the settlement is final; if it stays, look whether settlement, signer and chain work.",
    ),
    BreakKind.REORGED: KindGuide(
        Severity.SERIOUS,
        "A reorg took its transaction away. Settlement sends the same bytes again and it closes itself; if it stays, "
        "look whether settlement runs and reaches its node.",
    ),
    BreakKind.UNATTRIBUTED: KindGuide(
        Severity.SERIOUS,
        "The token has no issuer that tells what a mint is for. Ask whoever minted, or correct the share table or the "
        "readings that the mint should fit.",
    ),
    BreakKind.INTERVAL_UNMINTED: KindGuide(
        Severity.MINOR,
        "It closes itself with the next settlement; if it stays, see whether settlement runs and the source is active.",
    ),
    BreakKind.SUPPLY_DIFFERS: KindGuide(
        Severity.GRAVE, "Run `python -m indexer verify` with another node; if it stays, stop settling and index anew."
    ),
    BreakKind.BALANCE_DIFFERS: KindGuide(
        Severity.GRAVE, "Run `python -m indexer verify` with another node; if it stays, index anew."
    ),
    BreakKind.SHARE_SUPPLY_DIFFERS: KindGuide(
        Severity.GRAVE,
        "The shares of a source must add up to its fixed total. Restore the share table from a back-up, or from the "
        "configuration that its transaction on chain carries.",
    ),
    BreakKind.SHARE_TABLE_DIFFERS: KindGuide(
        Severity.GRAVE,
        "Somebody changed the share table, or another one was committed on chain. No settlement can pass with it: find "
        "out which is right, restore the rows, or commit the right table.",
    ),
}


@dataclass(frozen=True, slots=True)
class Break:
    """One disagreement. `kind` and `subject` name it, so the same finding is the same break in every run.

    `issuances`, `events` (block and log index) and `intervals` (their keys) are in no other break and no match.
    """

    kind: BreakKind
    subject: str
    what: str
    source_id: str | None = None
    expected: str | None = None
    found: str | None = None
    issuances: tuple[str, ...] = ()
    events: tuple[tuple[int, int], ...] = ()
    intervals: tuple[str, ...] = ()

    @property
    def severity(self) -> Severity:
        return GUIDES[self.kind].severity

    @property
    def detail(self) -> str:
        """What happened and what to do, in words."""
        return f"{self.what} {GUIDES[self.kind].advice}"

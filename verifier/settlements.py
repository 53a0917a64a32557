"""From readings to minted amounts: each settlement recomputed from what the device signed, to the base unit."""

import hashlib
from dataclasses import dataclass
from itertools import pairwise

from community.attestation import merkle
from community.attestation.signatures import normalise_low_s
from community.chain.signed_transactions import MalformedTransaction, read_signed
from community.evidence.bundle_lines import Bundle
from community.evidence.records import Decision, Sent, Settled, Settlement, ShareTable
from community.minting.apportionment import apportion
from community.minting.issuances import issuance_id
from community.units import BASE_UNITS_PER_WH, WattHours
from contracts import abi
from contracts.values import UNITS_PER_WH, AttestedSettlement, SettleEvidence, ShareConfig
from verifier.findings import Check
from verifier.statements import Evidence, Proven, instant, octets

ON_CHAIN = ("mined", "final")
DEVICE = "DEVICE"


@dataclass(slots=True)
class Checks:
    """The claims about settlements, each in a check of its own."""

    decisions: Check
    tables: Check
    calls: Check
    minted: Check

    def all(self) -> list[Check]:
        return [self.decisions, self.tables, self.calls, self.minted]


@dataclass(frozen=True, slots=True)
class Called:
    """What a transaction asks of the issuer for this source: the evidence (or its hash) and the configuration."""

    evidence: SettleEvidence | AttestedSettlement
    config: ShareConfig


def check_settlements(bundle: Bundle, evidence: Evidence) -> list[Check]:
    """Every settlement of the bundle, recomputed."""
    checks = Checks(
        Check("every decision follows from a proven reading, and has the id of what it mints"),
        Check("every share table is the one that the issuer contract committed to"),
        Check("every transaction calls the issuer with this evidence and these shares"),
        Check("what was minted is the energy, split over the shares to the base unit"),
    )
    for one in bundle.settlements:
        _check(bundle, evidence, one, checks)
    return [*checks.all(), _chain_of_registers(bundle), _ceiling(bundle), _debts(bundle)]


def minted_units(bundle: Bundle) -> int:
    """Base units that the mints of the bundle add up to."""
    return sum(int(mint.amount) for one in bundle.settlements if one.settled for mint in one.settled.mints)


def _check(bundle: Bundle, evidence: Evidence, one: Settlement, checks: Checks) -> None:
    decision, settled = one.decision, one.settled
    if decision is None:
        number = settled.seq if settled else 0
        checks.decisions.count += 1
        checks.decisions.problems.append(f"settlement {number} stands on the chain, and nobody decided it here")
        return
    proven = evidence.readings.get(decision.reading)
    _check_decision(bundle, evidence, decision, proven, checks.decisions)
    config = None if proven is None else _check_table(bundle, one, decision, proven, checks.tables)
    called = None if one.sent is None else _check_call(bundle, one.sent, decision, proven, checks.calls)
    if called is not None and config is not None:
        same = called.config == config
        checks.calls.expect(same, f"{_name(decision)}: the call has another device key, other holders or other weights")
    if settled is None:
        missing = f"{_name(decision)} is {decision.state}, and the bundle has no event of it"
        if decision.state in ON_CHAIN:
            checks.minted.problems.append(missing)
        else:
            checks.minted.notes.append(f"{_name(decision)} is not on the chain yet: {decision.state}")
        return
    _check_minted(bundle, one, settled, config, proven, checks.minted)


def _name(decision: Decision) -> str:
    return f"issuance {decision.id[:18]} ({decision.from_wh} to {decision.to_wh} Wh)"


def _check_decision(
    bundle: Bundle, evidence: Evidence, decision: Decision, proven: Proven | None, check: Check
) -> None:
    head, name = bundle.head, _name(decision)
    check.count += 1
    way = decision.from_wh, decision.to_wh
    expected = issuance_id(head.chain_id, decision.issuer, head.source_ref, *way, decision.epoch)
    check.expect(expected == decision.id, f"{name}: its id should be {expected}")
    check.expect(decision.to_wh > decision.from_wh, f"{name}: there is no energy in it")
    if head.supplements is not None:
        documents = {one.evidence for one in bundle.corrections}
        check.expect(bool(documents), f"{name} mints a supplement, and the bundle has no document's hash")
        return
    reading = bundle.readings.get(decision.reading)
    if not check.expect(reading is not None and proven is not None, f"{name}: its reading is not proven"):
        return
    assert reading is not None
    check.expect(reading.register_wh == decision.to_wh, f"{name}: its reading says {reading.register_wh} Wh")
    check.expect(
        instant(reading.at) == instant(decision.period_end), f"{name}: its reading is of another time, {reading.at}"
    )
    check.expect(decision.reading not in evidence.revoked, f"{name}: the key that signed its reading was revoked")


def _check_table(
    bundle: Bundle, one: Settlement, decision: Decision, proven: Proven, check: Check
) -> ShareConfig | None:
    """The configuration that the books say counted, once it is the committed one."""
    name, table = _name(decision), bundle.tables.get(decision.share_table)
    check.count += 1
    if table is None:
        check.problems.append(f"{name}: its share table is not in the bundle")
        return None
    check.expect(
        sum(holding.shares for holding in table.holdings) == table.share_total,
        f"share table {table.revision}: the shares do not add up to {table.share_total}",
    )
    within = instant(table.valid_from) <= instant(decision.period_start) or bundle.head.supplements is not None
    check.expect(within, f"{name}: share table {table.revision} was not valid yet")
    ended = table.valid_to is not None and instant(table.valid_to) < instant(decision.period_end)
    check.expect(not ended, f"{name}: share table {table.revision} was valid no longer")
    try:
        config = _config(proven.public_key, table)
    except ValueError as error:
        check.problems.append(f"share table {table.revision}: {error}")
        return None
    committed = _committed(bundle, one)
    if committed is None:
        check.unchecked.append(f"{name}: the bundle has no event by which the issuer committed to its shares")
        committed = table.config_hash
    hashed = "0x" + config.hash().hex()
    check.expect(hashed == committed, f"{name}: key and shares hash to {hashed}, the issuer committed to {committed}")
    return config


def _config(public_key: bytes, table: ShareTable) -> ShareConfig:
    holders = tuple(one.address for one in table.holdings)
    return ShareConfig(public_key[1:33], public_key[33:], holders, tuple(one.shares for one in table.holdings))


def _committed(bundle: Bundle, one: Settlement) -> str | None:
    """The configuration that the issuer told last before the settlement, or last of all where it is not mined."""
    place = (one.settled.block_number, one.settled.log_index) if one.settled else None
    before = [
        each for each in bundle.configured if place is None or (each.block_number, each.log_index) < place
    ]  # fmt: skip
    return max(before, key=lambda each: (each.block_number, each.log_index)).config_hash if before else None


def _check_call(bundle: Bundle, sent: Sent, decision: Decision, proven: Proven | None, check: Check) -> Called | None:
    name, calldata = _name(decision), octets(sent.calldata)
    check.count += 1
    check.expect(sent.to == decision.issuer, f"{name}: its transaction goes to {sent.to}, not to the issuer")
    if sent.raw is None:
        check.unchecked.append(f"{name}: the books have no signed bytes of its transaction; ask a node (--rpc)")
    else:
        try:
            read = read_signed(octets(sent.raw))
        except (MalformedTransaction, ValueError) as error:
            check.problems.append(f"{name}: {error}")
        else:
            same = (read.tx_hash, read.to, read.data, read.chain_id) == (
                sent.tx_hash, sent.to, calldata, bundle.head.chain_id,
            )  # fmt: skip
            check.expect(same, f"{name}: the signed bytes are of another transaction than the bundle says")
    try:
        called = _called(calldata, octets(bundle.head.source_ref))
    except ValueError as error:
        check.problems.append(f"{name}: {error}")
        return None
    problem = _call_problem(bundle, decision, called, proven)
    check.expect(problem is None, f"{name}: {problem}")
    return called


def _called(calldata: bytes, source_ref: bytes) -> Called:
    """What the call asks for this source. Raises ValueError where it asks nothing for it."""
    selector = calldata[:4]
    if selector == abi.SELECTOR_SETTLE_ATTESTED:
        attested = abi.decode_settle_attested(calldata)
        entries = [(attested.source_id, Called(attested, attested.config))]
    elif selector == abi.SELECTOR_SETTLE_MANY:
        entries = [(ref, Called(one, config)) for ref, one, config in abi.decode_settle_many(calldata)]
    else:
        ref, one, config = abi.decode_settle(calldata)
        entries = [(ref, Called(one, config))]
    found = [called for ref, called in entries if ref == source_ref]
    if len(found) != 1:
        raise ValueError(f"its transaction settles this source {len(found)} times")
    return found[0]


def _call_problem(bundle: Bundle, decision: Decision, called: Called, proven: Proven | None) -> str | None:
    """Why the evidence in the call is not what the device signed; None where it is."""
    given = called.evidence
    if isinstance(given, AttestedSettlement):
        if given.register_wh != decision.to_wh or given.read_at != int(instant(decision.period_end).timestamp()):
            return "the call names another register or instant"
        return None if given.evidence in _documents(bundle, proven) else "the call names another evidence"
    if proven is None or proven.parsed is None:
        return "the call brings a statement, and the bundle has none that verifies"
    signature, reading = normalise_low_s(proven.parsed.signature), bundle.readings[decision.reading]
    if (given.statement, given.r + given.s) != (proven.parsed.to_be_signed(), signature):
        return "the call brings another statement than the device signed"
    statement, leaf = proven.parsed.statement, merkle.leaf_hash(given.leaf)
    stands = merkle.verify_inclusion(leaf, given.leaf_index, statement.count, given.path, statement.root)
    same = given.leaf.hex() == reading.leaf and given.leaf_index == reading.leaf_index
    return None if stands and same else "the call proves another reading"


def _documents(bundle: Bundle, proven: Proven | None) -> set[bytes]:
    """What an attested settlement may rest on: what the device signed, or for supplements one of the documents."""
    if bundle.head.supplements is not None:
        return {octets(one.evidence) for one in bundle.corrections}
    return set() if proven is None else {hashlib.sha256(proven.signed).digest()}


def _check_minted(
    bundle: Bundle, one: Settlement, settled: Settled, config: ShareConfig | None, proven: Proven | None, check: Check
) -> None:
    assert one.decision is not None
    decision, name = one.decision, _name(one.decision)
    check.count += 1
    check.expect(
        (settled.from_wh, settled.to_wh, settled.issuer) == (decision.from_wh, decision.to_wh, decision.issuer),
        f"{name}: the chain settled {settled.from_wh} to {settled.to_wh} Wh at {settled.issuer}",
    )
    read_at = int(instant(decision.period_end).timestamp())
    check.expect(settled.read_at == read_at, f"{name}: the chain has another instant")
    check.expect(settled.mode == bundle.head.mode, f"{name}: it was settled in the mode {settled.mode}")
    if one.sent is not None:
        check.expect(one.sent.tx_hash == settled.tx_hash, f"{name}: another transaction settled it")
    check.expect(octets(settled.evidence) in _told(bundle, proven), f"{name}: the chain names another evidence")
    energy = settled.to_wh - settled.from_wh
    check.expect(0 <= settled.minted_wh <= energy, f"{name}: {settled.minted_wh} Wh minted of {energy} Wh")
    check.expect(
        int(decision.amount) == settled.minted_wh * BASE_UNITS_PER_WH,
        f"{name}: the books say {decision.amount} base units, the chain {settled.minted_wh} Wh",
    )
    if config is None:
        return
    split = zip(config.holders, apportion(WattHours(settled.minted_wh), config.weights), strict=True)
    parts = [(holder, int(amount)) for holder, amount in split]
    check.expect(
        sum(amount for _, amount in parts) == settled.minted_wh * UNITS_PER_WH, f"{name}: the split is not whole"
    )
    told = [(mint.recipient, int(mint.amount)) for mint in settled.mints]
    check.expect(
        told == [part for part in parts if part[1]],
        f"{name}: the mints are not the split of {settled.minted_wh} Wh over the shares: "
        f"{sum(amount for _, amount in told)} base units minted",
    )
    booked = [(part.address, int(part.amount)) for part in decision.parts]
    check.expect(not booked or booked == parts, f"{name}: the books have other parts than the shares give")


def _told(bundle: Bundle, proven: Proven | None) -> set[bytes]:
    """What the event may name as evidence."""
    if proven is not None and proven.parsed is not None and bundle.head.supplements is None:
        return {hashlib.sha256(proven.parsed.to_be_signed()).digest()}
    return _documents(bundle, proven)


def _by_register(bundle: Bundle) -> list[Settled]:
    found = [one.settled for one in bundle.settlements if one.settled is not None]
    return sorted(found, key=lambda settled: (settled.block_number, settled.log_index))


def _chain_of_registers(bundle: Bundle) -> Check:
    check = Check("each settlement begins where the one before ended: no energy twice, none left out")
    ordered = _by_register(bundle)
    check.count = len(ordered)
    for before, after in pairwise(ordered):
        check.expect(after.seq == before.seq + 1, f"settlement {before.seq} is followed by {after.seq}")
        resets = [
            one.opening_wh
            for one in bundle.configured
            if (before.block_number, before.log_index) < (one.block_number, one.log_index)
            and (one.block_number, one.log_index) < (after.block_number, after.log_index)
        ]
        begins = resets[-1] if resets else before.to_wh
        check.expect(after.from_wh == begins, f"settlement {after.seq} begins at {after.from_wh} Wh, after {begins} Wh")
    if ordered:
        _check_beginning(bundle, ordered[0], check)
    return check


def _check_beginning(bundle: Bundle, first: Settled, check: Check) -> None:
    head = bundle.head
    known = {one.register_wh for one in bundle.readings.values() if instant(one.at).timestamp() < first.read_at}
    known |= {one.opening_wh for one in bundle.configured if one.block_number <= first.block_number}
    if first.from_wh not in known | {head.opening_register_wh}:
        check.unchecked.append(
            f"the first settlement begins at {first.from_wh} Wh, of which the bundle has no reading: "
            "take a period that begins earlier, or ask a node (--rpc)"
        )


def _ceiling(bundle: Bundle) -> Check:
    check = Check("no settlement is of more than the plant can produce")
    for before, after in pairwise(_by_register(bundle)):
        watts = [one.max_watt for one in bundle.configured if one.block_number <= after.block_number]
        seconds = after.read_at - before.read_at
        check.count += 1
        ceiling = (watts[-1] if watts else bundle.head.nameplate_w) * seconds // 3600 + 1
        check.expect(
            seconds > 0 and after.to_wh - after.from_wh <= ceiling,
            f"settlement {after.seq} is of {after.to_wh - after.from_wh} Wh; {ceiling} Wh are possible in {seconds} s",
        )
    return check


def _debts(bundle: Bundle) -> Check:
    """Less than the energy may be minted only where a correction put a debt on the source before."""
    check = Check("less was minted than produced only where a correction says so")
    ordered = _by_register(bundle)
    netted = sum(one.to_wh - one.from_wh - one.minted_wh for one in ordered)
    check.count = len(ordered)
    owed = sum(one.energy_wh for one in bundle.debts)
    check.expect(netted <= owed, f"{netted} Wh were not minted, but corrections say {owed} Wh")
    return check

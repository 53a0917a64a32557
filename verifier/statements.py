"""From device signatures to readings: each statement under its key, each leaf in its statement, each reading in its leaf."""

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

from community.attestation import merkle
from community.attestation.legacy import BadLegacyPayload, open_legacy
from community.attestation.profiles import UnknownProfile, registers_of
from community.attestation.signatures import kid_of, verify_p256
from community.attestation.statement import (
    MalformedStatement,
    ReadingStatus,
    SignedStatement,
    SlotReading,
    parse_cose_sign1,
    parse_leaf_input,
)
from community.clock import as_utc, slot_start
from community.evidence.bundle_lines import Bundle
from community.evidence.records import DeviceKey, Reading, Statement
from verifier.findings import Check

ECW1, LEGACY = "ecw1", "legacy"


@dataclass(frozen=True, slots=True)
class Proven:
    """A statement whose signature verified, with the public key (65 bytes) it verified under."""

    record: Statement
    key: DeviceKey
    public_key: bytes
    signed: bytes
    parsed: SignedStatement | None
    """None of a legacy payload."""


@dataclass(slots=True)
class Evidence:
    """What the device signatures prove. Readings that are not proven are in no dictionary."""

    statements: dict[str, Proven] = field(default_factory=dict)
    readings: dict[str, Proven] = field(default_factory=dict)
    """The statement of each reading that is proven, by the reading's id."""
    revoked: set[str] = field(default_factory=set)
    """Ids of readings from the instant on from which their key is not believed."""


def check_evidence(bundle: Bundle) -> tuple[Evidence, list[Check]]:
    """What the signatures prove, and every disagreement."""
    evidence = Evidence()
    checks = [
        _signatures(bundle, evidence),
        _counters(evidence),
        _leaves(evidence),
        _readings(bundle, evidence),
        _validity(bundle, evidence),
        _registers(bundle),
    ]
    return evidence, checks


def instant(text: str) -> datetime:
    """The instant that a record names. Raises ValueError."""
    return as_utc(datetime.fromisoformat(text))


def octets(text: str) -> bytes:
    """Bytes of hex, with or without 0x. Raises ValueError."""
    return bytes.fromhex(text.removeprefix("0x"))


def _signatures(bundle: Bundle, evidence: Evidence) -> Check:
    check = Check("every statement is signed by its device's key")
    for record in bundle.statements.values():
        check.count += 1
        name = f"statement {record.digest[:16]} of {record.device_eui}"
        key = bundle.keys.get((record.device_eui, record.key_number))
        if key is None:
            check.problems.append(f"{name} names key {record.key_number}, which is not in the bundle")
            continue
        try:
            public_key, signed = octets(key.public_key), octets(record.signed)
            parsed = _opened(record, public_key, signed)
        except (MalformedStatement, BadLegacyPayload, ValueError) as error:
            check.problems.append(f"{name}: {error}")
            continue
        same = hashlib.sha256(signed).hexdigest() == record.digest
        if check.expect(same, f"{name}: its digest is not that of its bytes"):
            evidence.statements[record.digest] = Proven(record, key, public_key, signed, parsed)
    return check


def _opened(record: Statement, public_key: bytes, signed: bytes) -> SignedStatement | None:
    """The statement, its signature verified. Raises ValueError (and its kinds) for everything else."""
    if record.format == LEGACY:
        open_legacy(signed, public_key)
        return None
    if record.format != ECW1:
        raise MalformedStatement(f"the format {record.format!r} is not known here")
    parsed = parse_cose_sign1(signed)
    statement = parsed.statement
    if statement.device_id.hex() != record.device_eui or statement.keyno != record.key_number:
        raise MalformedStatement(f"it was signed for {statement.device_id.hex()}, key {statement.keyno}")
    if parsed.kid != kid_of(public_key) or not verify_p256(public_key, parsed.to_be_signed(), parsed.signature):
        raise MalformedStatement("the signature is not by this key")
    return parsed


def _counters(evidence: Evidence) -> Check:
    """Two statements with one counter prove that a device, or whoever has its key, told two stories."""
    check = Check("no device signed two statements with one counter")
    seen: dict[tuple[str, int], dict[int, str]] = defaultdict(dict)
    for digest, proven in evidence.statements.items():
        if proven.parsed is None:
            continue
        check.count += 1
        statement = proven.parsed.statement
        before = seen[statement.device_id.hex(), statement.keyno].setdefault(statement.ctr, digest)
        check.expect(before == digest, f"{statement.device_id.hex()} signed two statements {statement.ctr}")
    for (eui, keyno), counters in seen.items():
        missing = max(counters) - min(counters) + 1 - len(counters)
        if missing:
            check.notes.append(
                f"{missing} counters of {eui}, key {keyno}, are not in the bundle: statements that hold no reading of "
                "this period, or that never came. The register is cumulative: no energy is lost or won by it."
            )
    return check


def _leaves(evidence: Evidence) -> Check:
    check = Check("the leaves of every statement give the root that is signed")
    for digest, proven in evidence.statements.items():
        if proven.parsed is None or not proven.record.leaves:
            continue
        check.count += 1
        leaves, statement = [octets(leaf) for leaf in proven.record.leaves], proven.parsed.statement
        holds = len(leaves) == statement.count and merkle.root(leaves) == statement.root
        check.expect(holds, f"statement {digest[:16]}: its leaves do not give its root")
    return check


def _readings(bundle: Bundle, evidence: Evidence) -> Check:
    check = Check("every reading stands in a signed statement, at its instant and with its register")
    legacy = 0
    for reading in bundle.readings.values():
        check.count += 1
        proven = evidence.statements.get(reading.statement)
        if proven is None:
            check.problems.append(f"reading {reading.at}: no statement that verifies holds it")
        elif proven.parsed is None:
            legacy += 1
            evidence.readings[reading.id] = proven
        elif (problem := _unproven(bundle.head.obis, reading, proven)) is not None:
            check.problems.append(f"reading {reading.at}: {problem}")
        else:
            evidence.readings[reading.id] = proven
    if legacy:
        check.unchecked.append(
            f"{legacy} readings are inside meter frames that only the meter's key opens: the device's signature over the "
            "frame verifies, its content takes the meter's key"
        )
    opened = Counter(reading.statement for reading in bundle.readings.values())
    closed = sum(
        proven.parsed.statement.count - opened[digest]
        for digest, proven in evidence.statements.items()
        if proven.parsed is not None
    )
    if closed > 0:
        check.notes.append(f"{closed} signed readings lie outside this period, or are of other registers")
    return check


def _unproven(obis: str, reading: Reading, proven: Proven) -> str | None:
    """Why the leaf does not prove the reading; None where it does."""
    if proven.parsed is None:
        return "its statement has no leaves"
    statement = proven.parsed.statement
    try:
        leaf = octets(reading.leaf)
        _salt, told = parse_leaf_input(leaf)
        hashed, leaves = merkle.leaf_hash(leaf), [octets(one) for one in proven.record.leaves]
        path = merkle.inclusion_path(leaves, reading.leaf_index) if leaves else [octets(one) for one in reading.path]
        value = _register(told, statement.profile, obis)
        at = instant(reading.at)
    except (ValueError, UnknownProfile) as error:
        return str(error)
    if not merkle.verify_inclusion(hashed, reading.leaf_index, statement.count, path, statement.root):
        return "its leaf is not in the signed tree"
    if slot_start(told.slot) != at or not statement.first_slot <= told.slot <= statement.last_slot:
        return f"what is signed was read at {slot_start(told.slot).isoformat()}"
    if value != reading.register_wh:
        return f"the register that is signed is {value} Wh, not {reading.register_wh} Wh"
    return None if told.status & ReadingStatus.READ_OK else "the device signed that it could not read the meter"


def _register(told: SlotReading, profile: int, obis: str) -> int:
    registers = registers_of(profile)
    if obis not in registers or len(registers) != len(told.registers):
        raise ValueError(f"profile {profile} has no register {obis}")
    return told.registers[registers.index(obis)]


def _validity(bundle: Bundle, evidence: Evidence) -> Check:
    check = Check("every reading was signed by a key that was valid then")
    for reading_id, proven in evidence.readings.items():
        check.count += 1
        key, at = proven.key, instant(bundle.readings[reading_id].at)
        ended = key.valid_to is not None and instant(key.valid_to) <= at
        valid = instant(key.valid_from) <= at and not ended
        check.expect(valid, f"reading {at.isoformat()}: key {key.number} of {key.device_eui} was not valid then")
        if key.revoked_from is not None and instant(key.revoked_from) <= at:
            evidence.revoked.add(reading_id)
    if evidence.revoked:
        check.notes.append(f"{len(evidence.revoked)} readings are from a time from which their key is not believed")
    return check


def _registers(bundle: Bundle) -> Check:
    """Of one device a register never falls; from device to device it may begin anew."""
    check = Check("no register runs backwards")
    ordered: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    for reading in bundle.readings.values():
        statement = bundle.statements.get(reading.statement)
        eui = statement.device_eui if statement else ""
        ordered[eui].append((instant(reading.at).astimezone(UTC), reading.register_wh))
    for eui, readings in ordered.items():
        readings.sort()
        check.count += len(readings)
        for (earlier, before), (later, after) in pairwise(readings):
            check.expect(later > earlier, f"{eui} has two readings at {later.isoformat()}")
            check.expect(after >= before, f"{eui}: from {before} Wh down to {after} Wh at {later.isoformat()}")
    return check

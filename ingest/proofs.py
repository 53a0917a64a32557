"""A proven statement on its way into the books, by whatever transport it came: the evidence verbatim, then its readings."""

from community.attestation import merkle
from community.attestation.admission import Admitted
from community.attestation.codecs import codec_of
from community.attestation.profiles import registers_of
from community.attestation.statement import parse_cose_sign1
from community.clock import slot_start
from community.ids import digest_of
from community.store import statements
from community.store.devices import DeviceFile
from community.store.statements import StoredStatement
from community.store.unit_of_work import Work
from ingest.bookings import Bookings, ProvenReading
from ingest.cases import Case


async def keep_proof(case: Case, device: DeviceFile, proven: Admitted) -> str:
    """Store the evidence; returns its digest. The frame must be kept already: the evidence refers to it."""
    statement = proven.signed.statement
    stored = StoredStatement(
        digest=digest_of(proven.evidence),
        device_id=device.id,
        device_key_id=key_id(device, statement.keyno),
        keyno=statement.keyno,
        ctr=statement.ctr,
        format="ecw1",
        signed=proven.evidence,
        first_at=slot_start(statement.first_slot),
        span=statement.span,
        reading_count=statement.count,
        frame_digest=case.frame.digest,
        leaves=proven.leaves,
        codec=codec_of(),
    )
    await statements.add_statement(case.work, stored, case.now)
    return stored.digest


async def book_readings(booked: Bookings, proven: Admitted, statement_digest: str) -> None:
    """Book every reading of a stored statement, each with its leaf, from which a path leads to the signed root."""
    paths: list[bytes] = []
    if not await statements.has_leaves(booked.work, statement_digest):  # it was stored before leaves were
        paths = merkle.joined_paths(merkle.leaf_hashes(proven.leaf_inputs))
    obis = registers_of(proven.signed.statement.profile)
    for index, reading in enumerate(proven.readings):
        await booked.book(
            ProvenReading(
                at=slot_start(reading.slot),
                off_s=reading.off_s,
                status=reading.status,
                registers=dict(zip(obis, reading.registers, strict=True)),
                evidence_mode="DEVICE",
                statement_digest=statement_digest,
                leaf_index=index,
                leaf_input=proven.leaf_inputs[index],
                leaf_path=paths[index] if paths else None,
            )
        )


async def stored_payload(work: Work, device_id: str, proven: Admitted) -> bytes | None:
    """The payload stored with the statement's counter: the same one if it is there, else any other."""
    statement = proven.signed.statement
    stored = await statements.statements_with_counter(work, device_id, statement.keyno, statement.ctr)
    payloads = [parse_cose_sign1(entry.signed).payload for entry in stored]
    if proven.signed.payload in payloads:
        return proven.signed.payload
    return payloads[0] if payloads else None


def key_id(device: DeviceFile, keyno: int) -> str:
    """The id of a device's key on file."""
    return next(key.id for key in device.keys if key.keyno == keyno)


def newest_keyno(device: DeviceFile) -> int | None:
    """The highest key number on file for a device."""
    return max((key.keyno for key in device.keys), default=None)

"""What the signer signs, what it refuses, and that it answers the same for ever."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from community.attestation import merkle
from community.attestation.signatures import normalise_low_s
from community.attestation.statement import SlotReading, Statement, sig_structure
from community.chain.signature_requests import RefusedReply, SignatureRequest, SignedReply
from community.chain.signed_transactions import read_signed
from community.errors import FatalError
from signer.journal import JOURNAL_FILE
from signer.signing import Signer
from tests.support.plant_on_chain import OPENING_WH
from tests.support.sending_device import NOON, NOON_SLOT, SendingDevice
from tests.support.signing_plant import ISSUER, SigningPlant

LATER = NOON.replace(hour=20)


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[SigningPlant]:
    plant = SigningPlant(tmp_path)
    plant.now = LATER
    yield plant
    plant.journal.close()


def refusal(plant: SigningPlant, request: SignatureRequest) -> str:
    reply = plant.ask(request)
    assert isinstance(reply, RefusedReply), reply
    assert reply.id == request.id
    return reply.reason


def signed(plant: SigningPlant, request: SignatureRequest) -> SignedReply:
    reply = plant.ask(request)
    assert isinstance(reply, SignedReply), reply
    return reply


def reading(after: int, wh: int, status: int = 1) -> SlotReading:
    return SlotReading(NOON_SLOT + after, 0, status, (OPENING_WH + wh,))


def test_a_proven_settlement_is_signed_as_asked(plant: SigningPlant) -> None:
    request = plant.request(500, after=1)
    reply = signed(plant, request)
    read = read_signed(reply.raw)
    assert (read.sender, read.tx_hash) == (plant.signer.address, reply.tx_hash)
    assert (read.nonce, read.to, read.value, read.data) == (0, ISSUER, 0, request.data)
    assert (read.gas_limit, read.max_fee_wei, read.tip_wei) == (request.gas, request.max_fee, request.tip)


def test_settlements_follow_each_other(plant: SigningPlant) -> None:
    signed(plant, plant.request(500, after=1))
    signed(plant, plant.request(900, from_wh=500, after=2, nonce=1))


def test_a_reading_among_others_is_found_by_its_path(plant: SigningPlant) -> None:
    several = [reading(1, 100), reading(2, 200), reading(4, 400)]
    signed(plant, plant.request(400, evidence=plant.evidence(several, 2)))


Make = Callable[[SigningPlant], SignatureRequest]
REFUSED: dict[str, tuple[Make, str]] = {
    "another chain": (lambda plant: plant.request(after=1, chain_id=1), "for chain 1"),
    "another account": (lambda plant: plant.request(after=1, account="0x" + "cc" * 20), "not 0xcc"),
    "another contract": (lambda plant: plant.request(after=1, to="0x" + "cc" * 20), "issuer " + ISSUER),
    "another function": (
        lambda plant: plant.request(after=1, data=b"\xa9\x05\x9c\xbb" + bytes(64)),
        "settle and settleMany and settleAttested only",
    ),
    "trailing call data": (
        lambda plant: replace(plant.request(after=1), data=plant.request(after=1).data + b"\0"),
        "cannot be read",
    ),
    "too much gas": (lambda plant: plant.request(after=1, gas=1_000_001), "ceiling is 1000000"),
    "too high a fee": (lambda plant: plant.request(after=1, max_fee=501 * 10**9), "wei of maximum fee"),
    "too high a tip": (lambda plant: plant.request(after=1, max_fee=400 * 10**9, tip=101 * 10**9), "wei of tip"),
    "other shares": (lambda plant: plant.request(after=1, config=plant.config((1, 1, 998))), "not pinned"),
    "a forged statement": (
        lambda plant: plant.request(evidence=plant.evidence([reading(1, 500)], key_of=SendingDevice())),
        "does not verify",
    ),
    "a failed reading": (lambda plant: plant.request(evidence=plant.evidence([reading(1, 500, 0)])), "as failed"),
    "another leaf": (
        lambda plant: plant.request(
            evidence=replace(plant.evidence([reading(1, 500)]), leaf=plant.evidence([reading(1, 501)]).leaf)
        ),
        "not in the signed statement",
    ),
    "a broken leaf": (
        lambda plant: plant.request(evidence=replace(plant.evidence([reading(1, 500)]), leaf=b"x")),
        "cannot be read",
    ),
    "another place": (
        lambda plant: plant.request(evidence=replace(plant.evidence([reading(1, 500)]), leaf_index=1)),
        "not in the signed statement",
    ),
    "too much energy": (lambda plant: plant.request(7502, after=1), "30000 W can make"),
    "no energy": (lambda plant: plant.request(0, after=1), "not after the last one"),
    "energy before the opening": (lambda plant: plant.request(500, after=-1), "not after the last one"),
    "the future": (lambda plant: plant.request(500, after=40), "from the future"),
    "another issuance": (lambda plant: plant.request(after=1, issuance_id="0x" + "01" * 32), "issuance id"),
    "a hole": (lambda plant: plant.request(500, from_wh=100, after=1), "issuance id"),
}


@pytest.mark.parametrize(("make", "sentence"), REFUSED.values(), ids=list(REFUSED))
def test_refusals(plant: SigningPlant, make: Make, sentence: str) -> None:
    assert sentence in refusal(plant, make(plant))
    signed(plant, plant.request(499, after=1, nonce=0))


def test_a_device_that_is_not_the_sources(plant: SigningPlant) -> None:
    plant.registry["sources"][0]["device_eui"] = "00" * 8
    plant.pin()
    assert "The statement is of device" in refusal(plant, plant.request(after=1))


def test_a_reading_outside_the_signed_span(plant: SigningPlant) -> None:
    inside = plant.evidence([reading(1, 500)])
    root = merkle.leaf_hash(inside.leaf)
    eui = bytes.fromhex(plant.device.eui)
    elsewhere = Statement(eui, 0, 9, NOON_SLOT + 2, 1, 1, plant.device.profile, root).payload()
    r, s = decode_dss_signature(plant.device.key.sign(sig_structure(elsewhere), ec.ECDSA(SHA256())))
    signature = normalise_low_s(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    evidence = replace(inside, statement=sig_structure(elsewhere), r=signature[:32], s=signature[32:])
    assert "not in the signed statement" in refusal(plant, plant.request(500, evidence=evidence))


@pytest.mark.parametrize("signed_bytes", [b"\x81" * 60_000, b"", b"\x80", b"\xff" * 40])
def test_signed_bytes_that_are_no_statement(plant: SigningPlant, signed_bytes: bytes) -> None:
    r, s = decode_dss_signature(plant.device.key.sign(signed_bytes, ec.ECDSA(SHA256())))
    signature = normalise_low_s(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    proof = plant.evidence([reading(1, 500)])
    evidence = replace(proof, statement=signed_bytes, r=signature[:32], s=signature[32:])
    reason = refusal(plant, plant.request(500, evidence=evidence))
    assert "signed bytes are" in reason or "cannot be read" in reason


def test_an_unknown_source(plant: SigningPlant) -> None:
    plant.registry["sources"][0]["source_ref"] = "77" * 32
    plant.pin()
    assert "not pinned in this signer's registry" in refusal(plant, plant.request(after=1))


def test_the_daily_ceiling_adds_up(plant: SigningPlant) -> None:
    plant.registry["sources"][0]["wh_per_day_max"] = 1000
    plant.pin()
    signed(plant, plant.request(600, after=1))
    assert "1000 Wh a day" in refusal(plant, plant.request(1001, from_wh=600, after=2, nonce=1))
    signed(plant, plant.request(1000, from_wh=600, after=2, nonce=1))


def test_turning_a_stranger_away_has_no_effect(plant: SigningPlant) -> None:
    request = plant.request(after=1)
    assert plant.signer.turn_away(request, "not signed", plant.now) == RefusedReply(request.id, "not signed")
    signed(plant, request)


def test_a_repeat_gets_the_same_bytes(plant: SigningPlant) -> None:
    request = plant.request(after=1)
    assert signed(plant, request) == signed(plant, request)


def test_higher_fees_are_another_attempt_of_the_same_intent(plant: SigningPlant) -> None:
    request = plant.request(after=1)
    first = signed(plant, request)
    raised = signed(plant, replace(request, id="again", max_fee=125 * 10**9, tip=40 * 10**9))
    assert raised.tx_hash != first.tx_hash
    assert signed(plant, request) == first
    too_dear = replace(request, id="dear", max_fee=501 * 10**9)
    assert "ceiling" in refusal(plant, too_dear)


def test_attempts_of_one_nonce_are_limited(plant: SigningPlant) -> None:
    request = plant.request(after=1)
    for number in range(8):
        signed(plant, replace(request, id=f"a{number}", max_fee=request.max_fee + number))
    assert "8 times" in refusal(plant, replace(request, id="a9", max_fee=request.max_fee + 9))


def test_one_intent_per_nonce_and_one_nonce_per_issuance(plant: SigningPlant) -> None:
    request = plant.request(500, after=1)
    signed(plant, request)
    assert "Nonce 0 is bound" in refusal(plant, plant.request(900, from_wh=500, after=2, nonce=0))
    assert "is bound to nonce 0" in refusal(plant, replace(request, id="other", nonce=1))
    assert "Nonce 0 is bound" in refusal(plant, replace(request, id="gas", gas=300_001))


def test_what_was_refused_stays_refused_under_its_id(plant: SigningPlant) -> None:
    request = plant.request(after=1, gas=1_000_001)
    reason = refusal(plant, request)
    plant.registry["limits"]["gas_max"] = 2_000_000
    plant.pin()
    assert refusal(plant, request) == reason
    signed(plant, replace(request, id="asked anew".replace(" ", "-")))


def test_the_journal_outlives_the_process(plant: SigningPlant) -> None:
    request = plant.request(after=1)
    first = signed(plant, request)
    plant.journal.close()
    again = SigningPlant(plant.folder, plant.device, plant.requester)
    again.now = LATER
    assert signed(again, request) == first
    assert "is bound" in refusal(again, plant.request(900, from_wh=500, after=2, nonce=0))
    again.journal.close()


def test_everything_is_in_the_audit(plant: SigningPlant) -> None:
    signed(plant, plant.request(after=1))
    refusal(plant, plant.request(900, from_wh=500, after=2, nonce=0))
    plant.signer.turn_away(plant.request(900, from_wh=500, after=2, nonce=1), "not signed", plant.now)
    outcomes = [content["outcome"] for _, _, content in plant.journal.audit_entries()]
    assert outcomes == ["registry_pinned", "signed", "refused", "not_authenticated"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET content = '{}' WHERE seq = 1",
        "DELETE FROM audit WHERE seq = 1",
        "UPDATE audit SET at = 'x' WHERE seq = 2",
    ],
)
def test_a_changed_audit_is_noticed(plant: SigningPlant, change: str) -> None:
    import sqlite3

    signed(plant, plant.request(after=1))
    refusal(plant, plant.request(900, from_wh=500, after=2, nonce=0))
    journal: Any = sqlite3.connect(plant.folder / JOURNAL_FILE)
    with pytest.raises(sqlite3.IntegrityError, match="never changed"):
        journal.execute(change)
    for event in ("update", "delete"):
        journal.execute(f"DROP TRIGGER audit_no_{event}")
    journal.execute(change)
    journal.commit()
    journal.close()
    with pytest.raises(FatalError, match="audit was changed at entry"):
        list(plant.journal.audit_entries())


def test_a_crash_while_signing_leaves_no_intent(plant: SigningPlant, monkeypatch: pytest.MonkeyPatch) -> None:
    request = plant.request(after=1)

    def crash(*_arguments: object) -> None:
        raise RuntimeError("power failure")

    with monkeypatch.context() as patched:
        patched.setattr("signer.signing.sign_transaction", crash)
        with pytest.raises(RuntimeError):
            plant.ask(request)
    source = plant.signer.registry().sources["0x" + "5a" * 32]
    assert plant.journal.last_signed(source.source_ref, source.epoch, frozenset()) is None
    assert isinstance(plant.signer, Signer)
    signed(plant, request)

"""Calls beside `settle`: batches, attested settlements, corrections; ceilings of a day; nonces that did nothing."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from community.attestation.statement import SlotReading
from community.chain.signature_requests import RefusedReply, SignatureRequest, SignedReply
from community.chain.signed_transactions import read_signed
from community.minting.issuances import batch_id, correction_id, issuance_id
from contracts.abi import AttestedSettlement, ShareConfig, encode_correct, encode_settle_attested, encode_settle_many
from signer.signing import UNNAMED
from tests.support.plant_on_chain import HOLDERS, OPENING_WH, SOURCE_REF, WEIGHTS
from tests.support.sending_device import NOON, NOON_SLOT, SendingDevice
from tests.support.settlement_world import pinned_source
from tests.support.signing_plant import CHAIN_ID, ISSUER, SigningPlant
from tests.unit.community.attestation.builders import vector

SECOND_REF = bytes.fromhex("6b" * 32)
DOCUMENT = hashlib.sha256(b"the inspector's report").digest()


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[SigningPlant]:
    plant = SigningPlant(tmp_path)
    plant.now = NOON + timedelta(hours=8)
    yield plant
    plant.journal.close()


def refusal(plant: SigningPlant, request: SignatureRequest) -> str:
    reply = plant.ask(request)
    assert isinstance(reply, RefusedReply), reply
    return reply.reason


def signed(plant: SigningPlant, request: SignatureRequest) -> SignedReply:
    reply = plant.ask(request)
    assert isinstance(reply, SignedReply), reply
    return reply


# --- settleMany


class Roof:
    """A second source of the same signer, with a device of its own."""

    def __init__(self, plant: SigningPlant) -> None:
        self.device = SendingDevice(eui="70b3d57ed0000002")
        key = self.device.public_key
        self.config = ShareConfig(key[1:33], key[33:], HOLDERS, WEIGHTS)
        self.plant = plant
        source = pinned_source(self.device, self.config) | {"source_ref": SECOND_REF.hex()}
        plant.registry["sources"].append(source)
        plant.pin()

    def batch(
        self, first_wh: int, second_wh: int, *, after: int = 1, from_wh: int = 0, **changes: Any
    ) -> SignatureRequest:
        """Both sources settled from `from_wh` on, in one transaction."""
        plant = self.plant
        one = plant.evidence([SlotReading(NOON_SLOT + after, 0, 1, (OPENING_WH + first_wh,))])
        own, plant.device = plant.device, self.device
        two = plant.evidence([SlotReading(NOON_SLOT + after, 0, 1, (OPENING_WH + second_wh,))])
        plant.device = own
        entries = [(SOURCE_REF, one, plant.config()), (SECOND_REF, two, self.config)]
        name = batch_id(
            [
                issuance_id(CHAIN_ID, ISSUER, "0x" + ref.hex(), OPENING_WH + from_wh, OPENING_WH + to_wh)
                for ref, to_wh in ((SOURCE_REF, first_wh), (SECOND_REF, second_wh))
            ]
        )
        return plant.request(
            **({"data": encode_settle_many(entries), "issuance_id": name, "id": f"batch-{second_wh}"} | changes)
        )


def test_several_sources_in_one_transaction(plant: SigningPlant) -> None:
    roof = Roof(plant)
    request = roof.batch(500, 700)
    assert read_signed(signed(plant, request).raw).data == request.data
    assert "is not after the last one" in refusal(plant, plant.request(400, after=1, nonce=1, id="again"))
    signed(plant, plant.request(900, from_wh=500, after=2, nonce=1))


def test_one_bad_settlement_refuses_the_batch_and_leaves_nothing(plant: SigningPlant) -> None:
    roof = Roof(plant)
    assert "30000 W can make" in refusal(plant, roof.batch(500, 7502))
    signed(plant, plant.request(500, after=1))


def test_a_batch_is_named_by_what_it_settles(plant: SigningPlant) -> None:
    roof = Roof(plant)
    assert "does not name" in refusal(plant, roof.batch(500, 700, issuance_id="0x" + "01" * 32))
    signed(plant, roof.batch(500, 700, id="unnamed", issuance_id=UNNAMED))


def test_a_source_stands_once_in_a_batch(plant: SigningPlant) -> None:
    entries = [
        (
            SOURCE_REF,
            plant.evidence([SlotReading(NOON_SLOT + after, 0, 1, (OPENING_WH + 100 * after,))]),
            plant.config(),
        )
        for after in (1, 2)
    ]
    assert "stands twice" in refusal(plant, plant.request(data=encode_settle_many(entries)))
    assert "1 to 64 sources" in refusal(plant, plant.request(id="none", data=encode_settle_many([])))


# --- settleAttested


LEGACY = vector("legacy", "legacy-1")
PAYLOAD = bytes.fromhex(LEGACY["payload_hex"])
REGISTER_WH = LEGACY["expected"][0]["registers"]["1-0:2.8.0"]["raw"]
READ_AT = int(datetime.fromisoformat(LEGACY["expected"][0]["effective_time"]["utc"]).timestamp())


def attested(
    plant: SigningPlant, payload: bytes, *, register_wh: int, read_at: int, **changes: Any
) -> SignatureRequest:
    settlement = AttestedSettlement(SOURCE_REF, register_wh, read_at, hashlib.sha256(payload).digest(), legacy_config())
    request = plant.request(data=encode_settle_attested(settlement), issuance_id=UNNAMED)
    return replace(request, **({"evidence": payload} | changes))


def legacy_config() -> ShareConfig:
    key = bytes.fromhex(LEGACY["public_key_hex"])
    return ShareConfig(key[1:33], key[33:], HOLDERS, WEIGHTS)


@pytest.fixture
def legacy_plant(plant: SigningPlant) -> SigningPlant:
    """The source's device sends enciphered telegrams of the first format."""
    device, config = SendingDevice(), legacy_config()
    plant.registry["sources"] = [
        pinned_source(device, config)
        | {
            "device_public_key": LEGACY["public_key_hex"],
            "opening_register_wh": REGISTER_WH - 500,
            "opening_at": READ_AT - 900,
            "legacy": {"meter_key": LEGACY["meter_key_hex"], "zone": "Europe/Vienna"},
        }
    ]
    plant.pin()
    return plant


def test_an_enciphered_telegram_proves_its_register(legacy_plant: SigningPlant) -> None:
    signed(legacy_plant, attested(legacy_plant, PAYLOAD, register_wh=REGISTER_WH, read_at=READ_AT))


@pytest.mark.parametrize(
    ("payload", "changes", "sentence"),
    [
        (PAYLOAD, {"register_wh": REGISTER_WH + 1}, "the call says"),
        (PAYLOAD, {"read_at": READ_AT + 900}, "the call says"),
        (PAYLOAD, {"evidence": b""}, "does not carry the payload"),
        (PAYLOAD, {"evidence": PAYLOAD + b"\0"}, "does not carry the payload"),
        (bytes.fromhex(vector("legacy", "legacy-bad-signature")["payload_hex"]), {}, "proves nothing"),
        (bytes.fromhex(vector("legacy", "legacy-0")["payload_hex"]), {}, "proves nothing"),
        (b"\x7e" * 5000, {}, "does not carry the payload"),
        (b"no telegram", {}, "proves nothing"),
    ],
)
def test_what_the_telegram_does_not_say_is_refused(
    legacy_plant: SigningPlant, payload: bytes, changes: dict[str, Any], sentence: str
) -> None:
    fields = {"register_wh": REGISTER_WH, "read_at": READ_AT} | changes
    assert sentence in refusal(legacy_plant, attested(legacy_plant, payload, **fields))


def test_another_meters_key_opens_nothing(legacy_plant: SigningPlant) -> None:
    legacy_plant.registry["sources"][0]["legacy"]["meter_key"] = "ff" * 16
    legacy_plant.pin()
    request = attested(legacy_plant, PAYLOAD, register_wh=REGISTER_WH, read_at=READ_AT)
    assert "proves nothing" in refusal(legacy_plant, request)


def test_an_attestation_of_two_operators_stands_for_a_document(plant: SigningPlant) -> None:
    register_wh, read_at = OPENING_WH + 400, int(NOON.timestamp()) + 900
    settlement = AttestedSettlement(SOURCE_REF, register_wh, read_at, DOCUMENT, plant.config())
    request = plant.request(data=encode_settle_attested(settlement), issuance_id=UNNAMED)
    assert "approval of two operators" in refusal(plant, request)
    pinned = {
        "source_ref": SOURCE_REF.hex(),
        "register_wh": register_wh,
        "read_at": read_at,
        "evidence": DOCUMENT.hex(),
    }
    plant.registry["attestations"] = [pinned]
    plant.pin()
    other = AttestedSettlement(SOURCE_REF, register_wh + 1, read_at, DOCUMENT, plant.config())
    assert "approval of two operators" in refusal(
        plant, replace(request, id="more", data=encode_settle_attested(other))
    )
    signed(plant, replace(request, id="approved"))


# --- correct


def correction(plant: SigningPlant, debt_wh: int, document: bytes = DOCUMENT, **changes: Any) -> SignatureRequest:
    name = correction_id(CHAIN_ID, ISSUER, "0x" + SOURCE_REF.hex(), debt_wh, "0x" + document.hex())
    fields = {
        "data": encode_correct(SOURCE_REF, debt_wh, document),
        "issuance_id": name,
        "id": f"c-{debt_wh}-{document[0]}",
    }
    return plant.request(**(fields | changes))


@pytest.fixture
def corrector(plant: SigningPlant) -> SigningPlant:
    plant.registry["signing_role"] = "corrector"
    plant.registry["limits"]["debt_wh_per_day_max"] = 1000
    plant.pin()
    return plant


def test_a_correctors_signer_signs_corrections_and_no_settlement(corrector: SigningPlant) -> None:
    signed(corrector, correction(corrector, 600))
    assert "the corrector's signer signs correct only" in refusal(corrector, corrector.request(after=1, nonce=1))


def test_a_settlers_signer_signs_no_correction(plant: SigningPlant) -> None:
    assert "the settler's signer signs settle and" in refusal(plant, correction(plant, 600))


def test_corrections_are_bounded_and_booked_once(corrector: SigningPlant) -> None:
    signed(corrector, correction(corrector, 600))
    assert "bound to nonce 0" in refusal(corrector, correction(corrector, 600, nonce=1, id="twice"))
    assert "holds this already" in refusal(corrector, correction(corrector, 300, nonce=1))
    assert "exceed 1000 Wh" in refusal(corrector, correction(corrector, 401, b"\1" * 32, nonce=1))
    assert "needs an amount" in refusal(corrector, correction(corrector, 0, b"\1" * 32, nonce=1))
    assert "needs an amount" in refusal(corrector, correction(corrector, 5, bytes(32), nonce=1))
    assert "does not name" in refusal(
        corrector, correction(corrector, 5, b"\1" * 32, nonce=1, issuance_id="0x" + "01" * 32)
    )
    signed(corrector, correction(corrector, 400, b"\1" * 32, nonce=1))
    corrector.now += timedelta(days=2)
    signed(corrector, correction(corrector, 1000, b"\2" * 32, nonce=2))


# --- fees, nonces, epochs


def test_the_fees_of_a_day_have_a_ceiling(plant: SigningPlant) -> None:
    first = plant.request(500, after=1)
    plant.registry["limits"]["fee_wei_per_day_max"] = 2 * first.gas * first.max_fee
    plant.pin()
    signed(plant, first)
    raised = replace(first, id="raised", max_fee=first.max_fee * 2)
    signed(plant, raised)
    second = plant.request(900, from_wh=500, after=2, nonce=1)
    assert "fees of a day could reach" in refusal(plant, second)
    plant.now += timedelta(days=1, seconds=1)
    signed(plant, replace(second, id="tomorrow"))


def test_a_nonce_leaves_no_hole(plant: SigningPlant) -> None:
    signed(plant, plant.request(500, after=1, nonce=7))
    assert "leaves a hole: the next one" in refusal(plant, plant.request(900, from_wh=500, after=2, nonce=9))
    signed(plant, plant.request(900, from_wh=500, after=2, nonce=8))


def test_energy_of_a_reverted_nonce_is_signed_once_more(plant: SigningPlant) -> None:
    first = plant.request(500, after=1)
    signed(plant, first)
    again = replace(first, id="again", nonce=1)
    assert "bound to nonce 0" in refusal(plant, again)
    plant.registry["reverted_nonces"] = [0]
    plant.pin()
    signed(plant, replace(again, id="approved"))
    assert "bound to nonce 1" in refusal(plant, replace(again, id="third", nonce=2))


def test_a_new_device_begins_its_own_epoch(plant: SigningPlant) -> None:
    signed(plant, plant.request(500, after=1))
    plant.device = SendingDevice()
    opening = int(NOON.timestamp()) + 1800
    source = pinned_source(plant.device, plant.config()) | {"opening_register_wh": 0, "opening_at": opening}
    plant.registry["sources"] = [source]
    plant.pin()
    low = plant.evidence([SlotReading(NOON_SLOT + 3, 0, 1, (300,))])
    signed(plant, plant.request(evidence=low, nonce=1, issuance_id=UNNAMED, id="low"))
    assert "is not after the last one" in refusal(plant, plant.request(evidence=low, nonce=2, issuance_id=UNNAMED))


def test_operators_may_open_a_source_further_on(plant: SigningPlant) -> None:
    signed(plant, plant.request(500, after=1))
    plant.registry["sources"][0] |= {
        "opening_register_wh": OPENING_WH + 800,
        "opening_at": int(NOON.timestamp()) + 1800,
    }
    plant.pin()
    signed(plant, plant.request(1000, from_wh=800, after=3, nonce=1))


def test_a_refused_batch_leaves_the_nonce_free(plant: SigningPlant) -> None:
    refusal(plant, plant.request(7502, after=1))
    assert plant.journal.intent_at(plant.request(500, after=1)) is None
    signed(plant, plant.request(500, after=1, id="good"))

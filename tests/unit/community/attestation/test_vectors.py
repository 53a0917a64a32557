"""Every published vector, rebuilt from its inputs to the last byte; and each COSE_Sign1 verified by an independent library."""

import cwt
import pytest

from community.attestation import merkle
from community.attestation.device_message import encode_up, parse_up
from community.attestation.sealing import (
    Direction,
    derive_aead_key,
    derive_salt_key,
    open_message,
    peek_device,
    seal_message,
)
from community.attestation.signatures import kid_of, verify_p256
from community.attestation.statement import (
    SignedStatement,
    SlotReading,
    build_statement,
    parse_cose_sign1,
    parse_leaf_input,
    parse_payload,
    sig_structure,
)
from tests.unit.community.attestation.builders import ECW1, ECW1_MESSAGES, readings_of, salt_of, sec1_of_pem, vector


@pytest.mark.parametrize("name", ECW1_MESSAGES)
def test_a_statement_is_rebuilt_from_its_readings(name: str) -> None:
    v = vector("ecw1", name)
    eui, secret = bytes.fromhex(v["dev_eui"]), bytes.fromhex(v["device_secret"])
    statement, leaves = build_statement(
        eui,
        v["keyno"],
        v["statement_counter"],
        v["profile"],
        readings_of(v),
        salt_of(secret, eui),
        first_slot=v["first_slot"],
        span=v["span"],
    )
    assert [merkle.leaf_hash(leaf).hex() for leaf in leaves] == v["leaf_hashes"]
    assert statement.payload().hex() == v["statement_payload"]
    hashes = [bytes.fromhex(text) for text in v["leaf_hashes"]]
    index = v["inclusion"]["index"]
    path = merkle.inclusion_path(hashes, index)
    assert [step.hex() for step in path] == v["inclusion"]["path"]
    assert merkle.verify_inclusion(hashes[index], index, len(hashes), path, statement.root)


def test_the_salted_leaves_of_the_first_vector() -> None:
    v = vector("ecw1", "statement-1")
    eui, secret = bytes.fromhex(v["dev_eui"]), bytes.fromhex(v["device_secret"])
    assert derive_salt_key(secret, eui).hex() == v["k_salt"]
    assert derive_aead_key(secret, eui, 0, "lorawan").hex() == v["k_aead"]
    readings = [SlotReading(v["first_slot"] + at, 0, 1, (wh,)) for at, wh in enumerate(v["register_wh"])]
    statement, leaves = build_statement(eui, 1, 77, 1, readings, salt_of(secret, eui))
    assert [leaf.hex() for leaf in leaves] == v["leaf_inputs"]
    assert statement.payload().hex() == v["statement_payload"]
    assert [parse_leaf_input(leaf)[1] for leaf in leaves] == readings
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    assert [step.hex() for step in merkle.inclusion_path(hashes, 2)] == v["inclusion_path_leaf2"]


@pytest.mark.parametrize("name", ECW1)
def test_the_evidence_object_is_rebuilt_and_verifies_here_and_elsewhere(name: str) -> None:
    v = vector("ecw1", name)
    public_key = sec1_of_pem(v["public_key_pem"])
    payload, signature = bytes.fromhex(v["statement_payload"]), bytes.fromhex(v["signature"])
    kid = kid_of(public_key)
    signed = SignedStatement(parse_payload(payload), payload, signature, kid)
    assert kid.hex() == v["kid"]
    assert sig_structure(payload).hex() == v["sig_structure"]
    assert signed.cose_sign1().hex() == v["cose_sign1"]
    assert parse_cose_sign1(signed.cose_sign1()) == signed
    assert verify_p256(public_key, signed.to_be_signed(), signature)
    assert not verify_p256(public_key, signed.to_be_signed() + b"\0", signature)
    theirs = cwt.COSEKey.from_pem(v["public_key_pem"], kid=kid, alg="ES256")
    assert cwt.COSE.new().decode(signed.cose_sign1(), keys=[theirs]) == payload


@pytest.mark.parametrize("name", ECW1_MESSAGES)
def test_the_mqtt_message_opens_and_is_sealed_again_to_the_same_bytes(name: str) -> None:
    v = vector("ecw1", name)
    eui, secret, payload = (bytes.fromhex(text) for text in (v["dev_eui"], v["device_secret"], v["mqtt"]["payload"]))
    opened = open_message(payload, secret, eui, Direction.UP)
    assert peek_device(payload) == (eui, v["key_generation"], opened.counter)
    message = parse_up(opened.plaintext)
    assert message.signed.cose_sign1().hex() == v["cose_sign1"]
    assert message.readings == readings_of(v)
    assert message.matches_root(derive_salt_key(secret, eui))
    again = seal_message(secret, eui, v["key_generation"], Direction.UP, opened.counter, encode_up(message))
    assert again == payload
    assert len(again) == v["mqtt"]["length"]

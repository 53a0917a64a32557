"""What the signer believes, as a person writes it down: everything wrong is said at once."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from contracts.abi import ShareConfig
from signer.registry import LegacyMeter, PinnedAttestation, RegistryError, SigningRole, parse_registry
from tests.support.operators import OPERATOR_KEYS
from tests.support.plant_on_chain import HOLDERS, SOURCE_REF, WEIGHTS
from tests.support.sending_device import SendingDevice
from tests.support.settlement_world import pinned_source

DEVICE = SendingDevice()
KEY = DEVICE.public_key
CONFIG = ShareConfig(KEY[1:33], KEY[33:], HOLDERS, WEIGHTS)


def content() -> dict[str, Any]:
    return {
        "revision": 1,
        "previous": None,
        "operators": OPERATOR_KEYS,
        "chain_id": 137,
        "issuer": "0x" + "Ab" * 20,
        "limits": {"gas_max": 1, "max_fee_wei_max": 2, "tip_wei_max": 3},
        "requesters": {"settlement": "07" * 32},
        "sources": [pinned_source(DEVICE, CONFIG)],
    }


def test_a_registry_is_read() -> None:
    registry = parse_registry(json.dumps(content()))
    source = registry.sources["0x" + SOURCE_REF.hex()]
    assert source.share_tables == (CONFIG,) and source.device_public_key == KEY
    assert registry.issuer == "0x" + "ab" * 20 and registry.requesters == {"settlement": bytes([7] * 32)}
    assert (registry.revision, registry.previous, registry.role) == (1, None, SigningRole.SETTLER)


def test_what_may_be_left_out_may_be_given() -> None:
    full = content()
    full["signing_role"] = "corrector"
    full["limits"] |= {"fee_wei_per_day_max": 10_000 * 10**18, "debt_wh_per_day_max": 5}
    full["reverted_nonces"] = [3, 5]
    full["sources"][0]["legacy"] = {"meter_key": "0a" * 16, "zone": "Europe/Vienna"}
    attested = {"source_ref": SOURCE_REF.hex(), "register_wh": 5, "read_at": 6, "evidence": "0x" + "0b" * 32}
    full["attestations"] = [attested]
    registry = parse_registry(json.dumps(full))
    assert registry.role is SigningRole.CORRECTOR and registry.reverted_nonces == {3, 5}
    assert (registry.limits.fee_wei_per_day_max, registry.limits.debt_wh_per_day_max) == (10_000 * 10**18, 5)
    assert registry.attestations == {PinnedAttestation("0x" + SOURCE_REF.hex(), 5, 6, "0x" + "0b" * 32)}
    assert registry.sources["0x" + SOURCE_REF.hex()].legacy == LegacyMeter(bytes([10] * 16), "Europe/Vienna")


def test_where_share_tokens_decide_any_table_that_they_can_show_is_paid_by() -> None:
    other = content()
    other["sources"][0]["share_tokens"] = 1000
    source = parse_registry(json.dumps(other)).sources["0x" + SOURCE_REF.hex()]
    pinned_only = parse_registry(json.dumps(content())).sources["0x" + SOURCE_REF.hex()]
    sold = replace(CONFIG, weights=(1, 2, 997))
    assert source.pays_by(sold) and source.pays_by(CONFIG)
    assert pinned_only.pays_by(CONFIG) and not pinned_only.pays_by(sold)
    for wrong in (
        replace(CONFIG, weights=(1, 2, 998)),
        replace(sold, holders=HOLDERS[::-1]),
        replace(sold, holders=(HOLDERS[0], HOLDERS[0], HOLDERS[1])),
        replace(sold, key_x=bytes(32)),
    ):
        assert not source.pays_by(wrong)


def test_another_key_or_register_is_another_epoch() -> None:
    source = parse_registry(json.dumps(content())).sources["0x" + SOURCE_REF.hex()]
    assert replace(source, nameplate_w=1).epoch == source.epoch
    assert len({source.epoch, replace(source, device_eui="00" * 8).epoch, replace(source, profile=1).epoch}) == 3


Change = Callable[[dict[str, Any]], Any]
WRONG: dict[str, tuple[Change, str]] = {
    "chain": (lambda r: r.update(chain_id="137"), "chain_id must be a whole number"),
    "issuer": (lambda r: r.update(issuer="0x12"), "issuer: not an address"),
    "limits": (lambda r: r["limits"].pop("gas_max"), "gas_max must be a whole number"),
    "no requester": (lambda r: r.update(requesters={}), "requesters must name at least one"),
    "requester's key": (lambda r: r.update(requesters={"a": "00"}), "32 bytes in hex are wanted"),
    "one operator": (lambda r: r.update(operators={"anna": "01" * 32}), "operators must name at least two"),
    "one person": (lambda r: r.update(operators={"a": "01" * 32, "b": "01" * 32}), "two names have the same key"),
    "revision": (lambda r: r.update(revision=0), "revision must be"),
    "previous": (lambda r: r.update(previous="00"), "previous: 32 bytes"),
    "role": (lambda r: r.update(signing_role="admin"), "settler or corrector"),
    "ceiling of a day": (lambda r: r["limits"].update(fee_wei_per_day_max="1"), "fee_wei_per_day_max must be"),
    "nonces": (lambda r: r.update(reverted_nonces=[-1]), "reverted_nonces must be a list"),
    "attestations": (lambda r: r.update(attestations=[{}]), "attestations[0]: source_ref is missing"),
    "meter key": (lambda r: r["sources"][0].update(legacy={"meter_key": "00", "zone": "UTC"}), "16 bytes in hex"),
    "zone": (lambda r: r["sources"][0].update(legacy={"meter_key": "00" * 16, "zone": "Wien"}), "no IANA time zone"),
    "no source": (lambda r: r.update(sources=[]), "at least one entry"),
    "twice": (lambda r: r["sources"].append(r["sources"][0]), "stands twice"),
    "misspelt": (lambda r: r.update(limit=1), "limit is not known"),
    "source no object": (lambda r: r.update(sources=["x"]), "must be an object"),
    "key": (lambda r: r["sources"][0].update(device_public_key="04" + "11" * 64), "not a point of P-256"),
    "eui": (lambda r: r["sources"][0].update(device_eui="zz"), "device_eui"),
    "profile": (lambda r: r["sources"][0].update(profile=9), "profile 9 is not known"),
    "channel": (lambda r: r["sources"][0].update(channel=1), "no channel 1"),
    "nameplate": (lambda r: r["sources"][0].update(nameplate_w=0), "nameplate_w must be"),
    "hash": (lambda r: r["sources"][0]["share_tables"][0].update(config_hash="00" * 32), CONFIG.hash().hex()),
    "weights": (lambda r: r["sources"][0]["share_tables"][0].update(weights=[1]), "as many weights"),
    "no holders": (lambda r: r["sources"][0]["share_tables"][0].pop("holders"), "holders"),
}


@pytest.mark.parametrize(("change", "sentence"), WRONG.values(), ids=list(WRONG))
def test_what_is_wrong_is_said(change: Change, sentence: str) -> None:
    wrong = content()
    change(wrong)
    with pytest.raises(RegistryError) as caught:
        parse_registry(json.dumps(wrong))
    assert sentence in str(caught.value)


def test_all_problems_are_said_together() -> None:
    wrong = content()
    for change, _ in (WRONG["chain"], WRONG["issuer"], WRONG["channel"], WRONG["weights"]):
        change(wrong)
    with pytest.raises(RegistryError) as caught:
        parse_registry(json.dumps(wrong))
    assert str(caught.value).count("\n  - ") == 4


def test_what_is_no_json() -> None:
    with pytest.raises(RegistryError, match="no JSON"):
        parse_registry("no json")

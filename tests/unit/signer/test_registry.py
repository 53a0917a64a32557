"""Pinning what the signer believes: everything wrong is said at once, and nothing half-written counts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts.abi import ShareConfig
from signer.registry import REGISTRY_FILE, RegistryError, load_registry, parse_registry, pin_registry
from tests.support.sending_device import SendingDevice
from tests.support.settlement_world import HOLDERS, SOURCE_REF, WEIGHTS, pinned_source

DEVICE = SendingDevice()
KEY = DEVICE.public_key
CONFIG = ShareConfig(KEY[1:33], KEY[33:], HOLDERS, WEIGHTS)


def content() -> dict[str, Any]:
    return {
        "chain_id": 137,
        "issuer": "0x" + "Ab" * 20,
        "limits": {"gas_max": 1, "max_fee_wei_max": 2, "tip_wei_max": 3},
        "requesters": {"settlement": "07" * 32},
        "sources": [pinned_source(DEVICE, CONFIG)],
    }


def test_a_registry_is_pinned_and_read_again(tmp_path: Path) -> None:
    pinned = pin_registry(tmp_path / "new", json.dumps(content()))
    assert load_registry(tmp_path / "new") == pinned
    source = pinned.sources["0x" + SOURCE_REF.hex()]
    assert source.share_tables == (CONFIG,) and source.device_public_key == KEY
    assert pinned.issuer == "0x" + "ab" * 20 and pinned.requesters == {"settlement": bytes([7] * 32)}


def test_a_bad_registry_leaves_the_good_one(tmp_path: Path) -> None:
    pinned = pin_registry(tmp_path, json.dumps(content()))
    with pytest.raises(RegistryError):
        pin_registry(tmp_path, "{}")
    assert load_registry(tmp_path) == pinned


Change = Callable[[dict[str, Any]], Any]
WRONG: dict[str, tuple[Change, str]] = {
    "chain": (lambda r: r.update(chain_id="137"), "chain_id must be a whole number"),
    "issuer": (lambda r: r.update(issuer="0x12"), "issuer: not an address"),
    "limits": (lambda r: r["limits"].pop("gas_max"), "gas_max must be a whole number"),
    "no requester": (lambda r: r.update(requesters={}), "at least one requester"),
    "requester's key": (lambda r: r.update(requesters={"a": "00"}), "32 bytes in hex are wanted"),
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


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="registry pin"):
        load_registry(tmp_path)
    (tmp_path / REGISTRY_FILE).write_text("no json")
    with pytest.raises(RegistryError, match="no JSON"):
        load_registry(tmp_path)

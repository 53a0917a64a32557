"""The committed artifacts on a real node: golden statements mint, everything else is refused by name."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from contracts import abi
from tests.conformance.contracts.conftest import NOW, Ledger, RefusedError
from tests.conformance.contracts.statements import TestDevice, golden_evidence, public_point, vector

SOURCE = hashlib.sha256(b"roof").digest()
HOLDERS = tuple("0x" + f"{i:040x}" for i in (0xA1, 0xA2, 0xA3))
WEIGHTS = (333, 333, 334)
SLOT = NOW // 900 - 8
DEVICE = TestDevice.number(1)
CONFIG = abi.ShareConfig(*DEVICE.point, HOLDERS, WEIGHTS)
SETUP = abi.SourceSetup(
    source_id=SOURCE,
    device_id=DEVICE.device_id,
    profile=1,
    channel=0,
    max_watt=30_000,
    start_register_wh=1_000,
    start_read_at=SLOT * 900,
    mode=abi.MODE_DEVICE,
    config=CONFIG,
)


@pytest.fixture
def roof(ledger: Ledger) -> Ledger:
    ledger.send(ledger.issuer, abi.encode_configure(SETUP))
    return ledger


def logs_of(receipt: dict[str, list[dict[str, object]]], topic: str) -> list[tuple[list[str], str]]:
    return [(log["topics"], log["data"]) for log in receipt["logs"] if log["topics"][0] == topic]  # type: ignore[index, misc]


def refusal(ledger: Ledger, data: bytes, sender: int = 0) -> str | None:
    with pytest.raises(RefusedError) as caught:
        ledger.send(ledger.issuer, data, sender)
    return caught.value.name


def test_deployed_code_is_the_artifacts(deployed: Ledger) -> None:
    for name, address in (("KwhToken", deployed.token), ("EnergyIssuer", deployed.issuer)):
        code = bytes.fromhex(deployed.rpc("eth_getCode", address, "latest")[2:])
        assert abi.load(name).matches(code)
        assert not abi.load(name).matches(code[:-1] + bytes([code[-1] ^ 1]))


@pytest.mark.parametrize(
    ("name", "channel"),
    [
        ("single", 0),
        ("hour-two-registers", 0),
        ("hour-two-registers", 1),
        ("register-wrap-24bit", 0),
        ("day-eight-frames", 0),
        ("day-with-gaps", 1),
    ],
)
def test_golden_statements_settle_as_signed(ledger: Ledger, name: str, channel: int) -> None:
    """Each reading of each golden statement is accepted by its own signature and path, middle before last."""
    golden = vector(name)
    before = golden["state_before"]
    config = abi.ShareConfig(*public_point(golden["public_key_pem"]), HOLDERS, WEIGHTS)
    setup = replace(
        SETUP,
        device_id=bytes.fromhex(golden["dev_eui"]),
        profile=golden["profile"],
        channel=channel,
        start_register_wh=before["last_registers"][channel],
        start_read_at=before["last_slot"] * 900,
        config=config,
    )
    ledger.send(ledger.issuer, abi.encode_configure(setup))
    last = len(golden["readings"]) - 1
    for index in sorted({last // 2, last}):
        evidence = golden_evidence(golden, index)
        ledger.send(ledger.issuer, abi.encode_settle(SOURCE, evidence, config))
        state = ledger.source(SOURCE)
        assert state.register_wh == golden["readings"][index]["registers"][channel]
        assert state.read_at == golden["readings"][index]["slot"] * 900
    minted_wh = golden["readings"][last]["registers"][channel] - before["last_registers"][channel]
    assert ledger.supply() == minted_wh * abi.UNITS_PER_WH
    assert sum(ledger.balance(holder) for holder in HOLDERS) == ledger.supply()


def test_statement_1_needs_its_signature_normalised(ledger: Ledger) -> None:
    golden = vector("statement-1")
    config = abi.ShareConfig(*public_point(golden["public_key_pem"]), HOLDERS, WEIGHTS)
    setup = replace(
        SETUP,
        device_id=bytes.fromhex(golden["dev_eui"]),
        start_register_wh=golden["register_wh"][0],
        start_read_at=golden["first_slot"] * 900,
        config=config,
    )
    ledger.send(ledger.issuer, abi.encode_configure(setup))
    signature = bytes.fromhex(golden["signature"])
    evidence = abi.SettleEvidence(
        statement=bytes.fromhex(golden["sig_structure"]),
        r=signature[:32],
        s=signature[32:],
        leaf=bytes.fromhex(golden["leaf_inputs"][2]),
        path=tuple(bytes.fromhex(node) for node in golden["inclusion_path_leaf2"]),
        leaf_index=2,
    )
    assert abi.low_s(evidence.s) != evidence.s, "this vector carries the higher s"
    assert refusal(ledger, abi.encode_settle(SOURCE, evidence, config)) == "BadSignature"
    ledger.send(ledger.issuer, abi.encode_settle(SOURCE, replace(evidence, s=abi.low_s(evidence.s)), config))
    assert ledger.supply() == (golden["register_wh"][2] - golden["register_wh"][0]) * abi.UNITS_PER_WH


def test_logs_preview_and_balances_agree(roof: Ledger) -> None:
    evidence = DEVICE.evidence(SLOT + 1, [1_400, 3_001])
    answer = roof.call(roof.issuer, abi.encode_preview_settle(SOURCE, evidence, CONFIG), sender=5)
    preview = abi.decode_preview_result(answer)
    receipt = roof.send(roof.issuer, abi.encode_settle(SOURCE, evidence, CONFIG))
    settled = [abi.decode_settled(*log) for log in logs_of(receipt, abi.TOPIC_SETTLED)]
    digest = "0x" + hashlib.sha256(evidence.statement).hexdigest()
    assert settled == [
        abi.SettledLog("0x" + SOURCE.hex(), 1, 1_000, 3_001, (SLOT + 2) * 900, 2_001, abi.MODE_DEVICE, digest)
    ]
    transfers = [abi.decode_transfer(*log) for log in logs_of(receipt, abi.TOPIC_TRANSFER)]
    parts = CONFIG.split(2_001)
    assert transfers == [abi.TransferLog(abi.ZERO_ADDRESS, *pair) for pair in zip(HOLDERS, parts, strict=True)]
    assert preview == abi.SettlePreview(1_000, 3_001, (SLOT + 2) * 900, 2_001, parts)
    assert tuple(roof.balance(holder) for holder in HOLDERS) == parts
    assert roof.source(SOURCE) == abi.SourceState(3_001, (SLOT + 2) * 900, 1, 30_000, 0, abi.MODE_DEVICE, True)


def test_config_hash_and_configuration_log(ledger: Ledger) -> None:
    receipt = ledger.send(ledger.issuer, abi.encode_configure(SETUP))
    committed = abi.decode_bytes32(ledger.call(ledger.issuer, abi.encode_config_hash(SOURCE)))
    assert committed == CONFIG.hash()
    [log] = logs_of(receipt, abi.TOPIC_SOURCE_CONFIGURED)
    assert abi.decode_source_configured(*log) == abi.SourceConfiguredLog(
        source_id="0x" + SOURCE.hex(),
        config_hash="0x" + CONFIG.hash().hex(),
        device_id="0x" + DEVICE.device_id.hex(),
        profile=1,
        channel=0,
        max_watt=30_000,
        mode=abi.MODE_DEVICE,
        closing_wh=0,
        opening_wh=1_000,
        read_at=SLOT * 900,
    )


GOOD = DEVICE.evidence(SLOT + 1, [1_400, 3_001])


@pytest.mark.parametrize(
    ("error", "evidence"),
    [
        ("BadSignature", replace(GOOD, r=bytes([GOOD.r[0] ^ 1]) + GOOD.r[1:])),
        ("BadSignature", replace(GOOD, statement=GOOD.statement[:-1] + bytes([GOOD.statement[-1] ^ 1]))),
        ("BadSignature", TestDevice(DEVICE.device_id, TestDevice.number(2).key).evidence(SLOT + 1, [2_000])),
        ("WrongSource", TestDevice(bytes(8), DEVICE.key).evidence(SLOT + 1, [2_000])),
        ("NotIncluded", replace(GOOD, leaf=GOOD.leaf[:-1] + bytes([GOOD.leaf[-1] ^ 1]))),
        ("NotIncluded", replace(GOOD, path=())),
        ("NotIncluded", replace(GOOD, leaf_index=0)),
        ("MalformedLeaf", replace(GOOD, leaf=GOOD.leaf[:-1])),
        ("Stale", DEVICE.evidence(SLOT, [1_001])),
        ("Stale", DEVICE.evidence(SLOT + 1, [999])),
        ("FromTheFuture", DEVICE.evidence(NOW // 900 + 3, [1_001])),
        ("Implausible", DEVICE.evidence(SLOT + 1, [1_000 + 30_000 // 4 + 2])),
    ],
)
def test_refused_by_name_and_nothing_minted(roof: Ledger, error: str, evidence: abi.SettleEvidence) -> None:
    assert refusal(roof, abi.encode_settle(SOURCE, evidence, CONFIG)) == error
    with pytest.raises(RefusedError):
        roof.call(roof.issuer, abi.encode_preview_settle(SOURCE, evidence, CONFIG))
    assert roof.supply() == 0


def test_the_ceiling_itself_is_plausible(roof: Ledger) -> None:
    evidence = DEVICE.evidence(SLOT + 1, [1_000 + 30_000 // 4 + 1])
    roof.send(roof.issuer, abi.encode_settle(SOURCE, evidence, CONFIG))
    assert roof.supply() == 7_501 * abi.UNITS_PER_WH


def test_a_settled_statement_does_not_settle_again(roof: Ledger) -> None:
    roof.send(roof.issuer, abi.encode_settle(SOURCE, GOOD, CONFIG))
    assert refusal(roof, abi.encode_settle(SOURCE, GOOD, CONFIG)) == "Stale"


@pytest.mark.parametrize(
    "change",
    [
        lambda config: replace(config, holders=(*config.holders[:2], "0x" + "bb" * 20)),
        lambda config: replace(config, weights=(1, 1, 998)),
        lambda config: replace(config, key_x=config.key_y),
        lambda config: replace(config, holders=config.holders[::-1]),
    ],
)
def test_other_shares_or_keys_are_refused(roof: Ledger, change: Callable[[abi.ShareConfig], abi.ShareConfig]) -> None:
    assert refusal(roof, abi.encode_settle(SOURCE, GOOD, change(CONFIG))) == "WrongConfig"


def test_roles_pause_and_switch(roof: Ledger) -> None:
    settle = abi.encode_settle(SOURCE, GOOD, CONFIG)
    assert refusal(roof, settle, sender=1) == "AccessControlUnauthorizedAccount"
    assert refusal(roof, abi.encode_configure(SETUP), sender=1) == "AccessControlUnauthorizedAccount"
    roof.send(roof.issuer, abi.encode_pause())
    assert refusal(roof, settle) == "EnforcedPause"
    roof.send(roof.issuer, abi.encode_unpause())
    receipt = roof.send(roof.issuer, abi.encode_set_active(SOURCE, False))
    [log] = logs_of(receipt, abi.TOPIC_SOURCE_ACTIVE)
    assert abi.decode_source_active(*log) == abi.SourceActiveLog("0x" + SOURCE.hex(), False)
    assert refusal(roof, settle) == "InactiveSource"
    roof.send(roof.issuer, abi.encode_set_active(SOURCE, True))
    roof.send(roof.issuer, settle)
    assert roof.supply() == 2_001 * abi.UNITS_PER_WH


def test_a_correction_is_netted_before_anything_is_minted(roof: Ledger) -> None:
    receipt = roof.send(roof.issuer, abi.encode_correct(SOURCE, 500, bytes(32)))
    [log] = logs_of(receipt, abi.TOPIC_CORRECTED)
    assert abi.decode_corrected(*log) == abi.CorrectedLog("0x" + SOURCE.hex(), 500, "0x" + "00" * 32)
    roof.send(roof.issuer, abi.encode_settle(SOURCE, DEVICE.evidence(SLOT + 1, [1_400]), CONFIG))
    assert (roof.supply(), roof.source(SOURCE).debt_wh) == (0, 100)
    roof.send(roof.issuer, abi.encode_settle(SOURCE, DEVICE.evidence(SLOT + 2, [1_600], counter=2), CONFIG))
    assert (roof.supply(), roof.source(SOURCE).debt_wh) == (100 * abi.UNITS_PER_WH, 0)


def test_several_sources_settle_at_once_or_not_at_all(roof: Ledger) -> None:
    other, other_id = TestDevice.number(7), hashlib.sha256(b"barn").digest()
    config = abi.ShareConfig(*other.point, HOLDERS[:1], (1,))
    setup = replace(SETUP, source_id=other_id, device_id=other.device_id, config=config)
    roof.send(roof.issuer, abi.encode_configure(setup))
    both = [(SOURCE, GOOD, CONFIG), (other_id, other.evidence(SLOT + 1, [1_010]), config)]
    spoilt = [both[0], (other_id, both[1][1], CONFIG)]
    assert refusal(roof, abi.encode_settle_many(spoilt)) == "WrongConfig"
    assert roof.supply() == 0
    roof.send(roof.issuer, abi.encode_settle_many(both))
    assert roof.supply() == (2_001 + 10) * abi.UNITS_PER_WH


def test_attested_source_records_the_evidence(roof: Ledger) -> None:
    device, source_id = TestDevice.number(9), hashlib.sha256(b"legacy").digest()
    config = abi.ShareConfig(*device.point, HOLDERS, WEIGHTS)
    setup = replace(SETUP, source_id=source_id, device_id=device.device_id, mode=abi.MODE_ATTESTED, config=config)
    roof.send(roof.issuer, abi.encode_configure(setup))
    seen = hashlib.sha256(b"frame as received").digest()
    attested = abi.AttestedSettlement(source_id, 1_250, SLOT * 900 + 600, seen, config)
    preview = abi.decode_preview_result(roof.call(roof.issuer, abi.encode_preview_settle_attested(attested)))
    assert (preview.minted_wh, preview.parts) == (250, config.split(250))
    receipt = roof.send(roof.issuer, abi.encode_settle_attested(attested))
    [log] = logs_of(receipt, abi.TOPIC_SETTLED)
    settled = abi.decode_settled(*log)
    assert (settled.mode, settled.evidence, settled.minted_wh) == (abi.MODE_ATTESTED, "0x" + seen.hex(), 250)
    assert refusal(roof, abi.encode_settle(source_id, device.evidence(SLOT + 2, [1_300]), config)) == "WrongMode"
    roof_attested = replace(attested, source_id=SOURCE, config=CONFIG)
    assert refusal(roof, abi.encode_settle_attested(roof_attested)) == "WrongMode"


def test_reconfiguration_keeps_the_chain_of_registers(roof: Ledger) -> None:
    roof.send(roof.issuer, abi.encode_settle(SOURCE, GOOD, CONFIG))
    at = roof.source(SOURCE)
    shares = replace(CONFIG, weights=(1, 1, 1))
    same = replace(SETUP, start_register_wh=at.register_wh, start_read_at=at.read_at, config=shares)
    assert refusal(roof, abi.encode_configure(replace(same, start_register_wh=3_000))) == "SameKey"
    assert refusal(roof, abi.encode_configure(replace(same, device_id=bytes(8)))) == "SameKey"
    assert refusal(roof, abi.encode_configure(replace(same, start_read_at=at.read_at - 1))) == "SettleFirst"
    assert refusal(roof, abi.encode_configure(replace(same, start_register_wh=3_002))) == "SettleFirst"
    back = replace(same, start_read_at=at.read_at - 1, config=CONFIG)
    assert refusal(roof, abi.encode_configure(back)) == "Stale"
    assert refusal(roof, abi.encode_configure(replace(same, source_id=bytes([1] * 32)))) == "RegisterTaken"
    roof.send(roof.issuer, abi.encode_configure(same))
    other = TestDevice.number(3)
    exchange = replace(
        same,
        device_id=other.device_id,
        start_register_wh=5,
        config=abi.ShareConfig(*other.point, HOLDERS, WEIGHTS),
    )
    receipt = roof.send(roof.issuer, abi.encode_configure(exchange))
    [log] = logs_of(receipt, abi.TOPIC_SOURCE_CONFIGURED)
    configured = abi.decode_source_configured(*log)
    assert (configured.closing_wh, configured.opening_wh) == (3_001, 5)
    assert refusal(roof, abi.encode_configure(same)) == "RegisterTaken", "a used key never comes back"
    roof.send(roof.issuer, abi.encode_settle(SOURCE, other.evidence(SLOT + 3, [15]), exchange.config))
    assert roof.supply() == (2_001 + 10) * abi.UNITS_PER_WH


def test_retiring_lowers_the_supply(roof: Ledger) -> None:
    config = replace(CONFIG, holders=roof.accounts[1:4])
    setup = replace(SETUP, config=config)
    roof.send(roof.issuer, abi.encode_configure(setup))
    roof.send(roof.issuer, abi.encode_settle(SOURCE, GOOD, config))
    receipt = roof.send(roof.token, abi.encode_burn(7), sender=1)
    [log] = logs_of(receipt, abi.TOPIC_RETIRED)
    assert abi.decode_retired(*log) == abi.RetiredLog(roof.accounts[1], 7, "")
    assert roof.supply() == 2_001 * abi.UNITS_PER_WH - 7

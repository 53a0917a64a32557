"""The operators' commands, as a person gives them, on a real chain."""

import asyncio
import json
from pathlib import Path

import pytest

from community.minting.issuances import IssuanceState
from community.runtime.system_clock import SystemClock
from community.units import WattHours
from contracts.abi import CORRECTOR_ROLE, ShareConfig, encode_grant_role
from settlement.__main__ import main
from signer.journal_signed import signed_lines
from tests.conformance.settlement.test_processes import settlement_environment
from tests.conformance.settlement.test_restored_backup import back_up, recovered, restore
from tests.conformance.settlement.test_settles_on_a_real_chain import pass_and_mine, resume_issuance
from tests.support.plant_on_chain import ADMIN, HOLDERS, WEIGHTS
from tests.support.settlement_world import SettlementWorld, settlement_world

pytestmark = pytest.mark.timeout(90)


class Operator:
    """Gives commands in the world's environment and reads what they print."""

    def __init__(
        self, world: SettlementWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.capsys = capsys
        for name, value in settlement_environment(world).items():
            monkeypatch.setenv(name, value)

    async def __call__(self, *command: str, code: int = 0) -> str:
        assert await asyncio.to_thread(main, list(command)) == code
        said = self.capsys.readouterr()
        return said.err if code else said.out


async def test_a_preview_shows_exact_parts_and_call_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with settlement_world(tmp_path) as world:
        operator = Operator(world, monkeypatch, capsys)
        assert "nothing to settle" in await operator("preview", "plant")
        await world.add_readings((1, 1234))
        shown = json.loads(await operator("preview", "plant"))
        parts = ShareConfig(bytes(32), bytes(32), HOLDERS, WEIGHTS).split(WattHours(1234))
        assert [int(part["amount"]) for part in shown["parts"]] == list(parts)
        assert (shown["minted"], shown["refused"], shown["gas"] > 21_000) == (str(1234 * 10**15), None, True)
        assert await world.issuances() == [] and world.mine_nonces() == 0
        (issuance,) = await world.settle_until(1)
        sent = world.chain.rpc("eth_getTransactionByHash", issuance.tx_hash)
        assert (sent["input"], issuance.id) == (shown["calldata"], shown["issuance_id"])
        assert "no energy source elsewhere" in await operator("preview", "elsewhere", code=1)


async def test_a_correction_is_recorded_once_sent_by_the_corrector_and_netted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """B2E2 overwrote the evidence and moved no token; here neither evidence nor balances change (energy-and-tokens 4, 12)."""
    document = tmp_path / "protocol.pdf"
    document.write_bytes(b"the transformer's factor was wrong")
    why = ("--evidence", str(document), "--by", "operator", "--reason", "wrong factor")
    async with settlement_world(tmp_path) as world:
        operator = Operator(world, monkeypatch, capsys)
        world.transact(world.issuer, encode_grant_role(CORRECTOR_ROLE, ADMIN))
        await world.add_readings((1, 1000))
        await world.settle_until(1)
        held = [world.balance(holder) for holder in HOLDERS]
        said = await operator("correct", "plant", "--debt-wh", "150", *why)
        assert "verified 850 Wh = minted 1000 + open supplement 0 - open debt 150" in said
        assert "known corr_" in await operator("correct", "plant", "--debt-wh", "150", *why)
        assert "otherwise" in await operator("correct", "plant", "--supplement-wh", "150", *why, code=1)
        assert "at least 1 Wh" in await operator("correct", "plant", "--debt-wh", "0", *why, code=1)
        assert "150 Wh are not on chain yet" in await operator("status")
        world.transact(world.issuer, bytes.fromhex(said.split("\n0x")[1].split("\n")[0]))
        assert [world.balance(holder) for holder in HOLDERS] == held, "nobody's balance falls"
        await world.add_readings((2, 1400))
        await world.settle_until(2)
        assert world.supply() == 1250 * 10**15


async def test_a_supplement_is_minted_beside_the_register_once_two_operators_pinned_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document, backup = tmp_path / "protocol.pdf", tmp_path / "backup.db"
    document.write_bytes(b"the old meter counted 20 Wh more before it was taken away")
    why = ("--evidence", str(document), "--by", "operator", "--reason", "meter exchange")
    async with settlement_world(tmp_path) as world:
        operator = Operator(world, monkeypatch, capsys)
        await world.add_readings((1, 1000))
        await world.settle_until(1)
        world.chain.rpc("evm_setNextBlockTimestamp", int(SystemClock().now().timestamp()))
        world.chain.mine()
        said = await operator("correct", "plant", "--supplement-wh", "20", *why)
        assert "verified 1020 Wh = minted 1000 + open supplement 20 - open debt 0" in said
        assert "20 Wh are owed" in await operator("status")
        back_up(world, backup)
        async with world.running() as loop:
            await pass_and_mine(world, loop, 1)
        assert len(await world.issuances()) == 1, "its source is not on chain yet"
        attestation, entry = (json.loads(line) for line in said.splitlines() if line.startswith("{"))
        world.transact(world.issuer, bytes.fromhex(said.split("\n0x")[1].split("\n")[0]))
        world.registry["sources"].append(entry)
        world.pin()
        _, refused = await world.settle_until(1, IssuanceState.STOPPED)
        assert "approval of two operators" in (refused.failure or "") and world.supply() == 1000 * 10**15
        world.registry["attestations"] = [attestation]
        world.pin()
        await resume_issuance(world, refused.id)
        lost = await world.settle_until(2)
        assert world.supply() == 1020 * 10**15
        assert sum(world.balance(holder) for holder in HOLDERS) == world.supply()
        said = await operator("correct", "plant", "--supplement-wh", "20", *why)
        assert "verified 1020 Wh = minted 1020 + open supplement 0 - open debt 0" in said
        assert "account call" not in said and "are owed" not in await operator("status")
        async with world.running() as loop:
            await pass_and_mine(world, loop, 2)
        assert len(await world.issuances()) == 2, "one document is minted once"
        restore(world, backup)
        found = await recovered(world)
        assert (len(found.put_back), found.known, found.problems) == (1, 1, [])
        back = await world.settle_until(2)
        assert [(one.id, one.parts, one.tx_hash) for one in back] == [(one.id, one.parts, one.tx_hash) for one in lost]
        document.write_bytes(b"and 5 Wh more")
        again = await operator("correct", "plant", "--supplement-wh", "5", *why)
        (attestation,) = (json.loads(line) for line in again.splitlines() if line.startswith("{"))
        assert attestation["register_wh"] == 25
        world.registry["attestations"].append(attestation)
        world.pin()
        await world.settle_until(3)
        assert world.supply() == 1025 * 10**15 and world.mine_nonces() == 3


async def test_a_policy_a_proposal_an_objection_and_its_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with settlement_world(tmp_path) as world:
        operator = Operator(world, monkeypatch, capsys)
        assert "belongs to" in await operator("policy", "plant", "--period", "base_fee", "--by", "me", code=1)
        assert "policy 1" in await operator(
            "policy", "plant", "--period", "interval", "--window-hours", "1", "--by", "me"
        )
        await world.add_readings((1, 100))
        async with world.running() as loop:
            await loop.pass_once()
            await loop.pass_once()
        status = await operator("status")
        (line,) = [line for line in status.splitlines() if line.startswith("proposed prop_")]
        assert "1000000 to 1000100 Wh, open to objections until" in line and await world.issuances() == []
        objection = (await operator("object", line.split()[1], "--by", "anna", "--reason", "look again")).strip()
        assert f"objection {objection} by anna: look again" in await operator("status")
        await operator("answer", objection, "--by", "operator", "--reason", "looked")
        assert objection not in await operator("status")
        assert "answered already" in await operator("answer", objection, "--by", "x", "--reason", "y", code=1)
        await operator("policy", "plant", "--period", "base_fee", "--below-gwei", "5000", "--by", "me")
        async with world.running() as loop:
            await loop.pass_once()
        assert await world.issuances() == [], "its own window counts"


async def test_recovery_by_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with settlement_world(tmp_path) as world:
        operator = Operator(world, monkeypatch, capsys)
        await world.add_readings((1, 100))
        await world.settle_until(1)
        listed = tmp_path / "signed.jsonl"
        listed.write_text("\n".join(signed_lines(world.folder / "signer")))
        assert "--from-block" in await operator("recover", "--signed", str(listed), code=1)
        assert "cannot be read" in await operator("recover", "--signed", str(tmp_path / "none"), code=1)
        said = await operator("recover", "--signed", str(listed), "--from-block", "0")
        assert said.strip() == "0 put back, 1 known before, 0 problems"
        assert [one.state for one in await world.issuances()] == [IssuanceState.FINAL]

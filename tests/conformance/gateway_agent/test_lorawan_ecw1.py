"""ECW1 over a LoRa-E5 modem on a pseudo terminal: loss, repair, data-rate changes, duty cycle, a modem that hangs."""

import json
from pathlib import Path

import pytest

from community.attestation.lora_frame_downlink import DownlinkCommands
from community.attestation.lora_reassembly import RefusedFrame
from community.errors import FatalError
from gateway_agent.lorawan.airtime import DAY_S
from gateway_agent.uplinks import lorawan_ecw1
from gateway_agent.uplinks.lorawan_ecw1 import LorawanEcw1Uplink
from tests.support.lora_world import FIRST_SLOT, LoraWorld, RecordedLog, running


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """What the uplink says."""
    recorded = RecordedLog()
    monkeypatch.setattr(lorawan_ecw1, "log", recorded)
    return recorded.said


def sound(world: LoraWorld, slots: int) -> None:
    assert not [each for each in world.outcomes if isinstance(each, RefusedFrame)]
    wanted = range(FIRST_SLOT + 1, FIRST_SLOT + slots)
    assert [slot for slot in wanted if slot not in world.proven] == []
    assert all(world.truth[slot] == each.registers[0] for slot, each in world.proven.items())
    for at_s, _us in world.radio.sent:
        assert sum(us for when, us in world.radio.sent if at_s - DAY_S < when <= at_s) <= 30_000_000


async def test_readings_arrive_are_verified_and_forgotten(tmp_path: Path) -> None:
    world = LoraWorld(tmp_path)
    uplink = world.uplink()
    async with running(world, uplink):
        await world.pass_to(uplink, (FIRST_SLOT + 20) * 900)
    sound(world, 16)
    assert world.spool.status().unacknowledged < 5  # the first downlink acknowledged some
    assert set(world.ports) == {10}
    world.spool.close()


@pytest.mark.parametrize("seed", [3, 4])
async def test_a_quarter_of_all_frames_is_lost(tmp_path: Path, seed: int) -> None:
    world = LoraWorld(tmp_path, seed, loss=0.25, data_rate=3)
    uplink = world.uplink()
    async with running(world, uplink):
        await world.pass_to(uplink, (FIRST_SLOT + 96) * 900)
        world.loss = 0.0
        await world.pass_to(uplink, (FIRST_SLOT + 192) * 900)
    sound(world, 96)
    world.spool.close()


async def test_the_network_changes_the_data_rate_and_leaves_less_room(tmp_path: Path) -> None:
    world = LoraWorld(tmp_path, data_rate=None)
    uplink = world.uplink()
    world.radio.wanted_data_rate = 5
    async with running(world, uplink):
        await world.pass_to(uplink, (FIRST_SLOT + 8) * 900)
        world.radio.order_data_rate(0)
        world.radio.mac_answers = 15
        await world.pass_to(uplink, (FIRST_SLOT + 96) * 900)
        world.radio.mac_answers = 15
        world.radio.order_data_rate(3)
        await world.pass_to(uplink, (FIRST_SLOT + 140) * 900)
    sound(world, 120)
    world.spool.close()


async def test_an_uplink_without_room_carries_the_answers_away(tmp_path: Path) -> None:
    world = LoraWorld(tmp_path, data_rate=0)
    uplink = world.uplink()
    async with running(world, uplink):
        world.radio.mac_answers = 40
        await world.pass_to(uplink, (FIRST_SLOT + 14) * 900)
    assert len(world.ports) == 2 and world.ports[1] == 10 and len(world.outcomes) == 1
    world.spool.close()


async def test_a_closed_band_and_a_busy_modem_are_waited_for(tmp_path: Path) -> None:
    world = LoraWorld(tmp_path)
    world.radio.duty_cycle = 20_000
    uplink = world.uplink()
    async with running(world, uplink):
        await world.pass_to(uplink, (FIRST_SLOT + 10) * 900)
        world.modem.busy = True
        heard = len(world.ports)
        await world.pass_to(uplink, (FIRST_SLOT + 12) * 900)
        assert len(world.ports) == heard
        world.modem.busy, world.radio.duty_cycle = False, 100
        await world.pass_to(uplink, (FIRST_SLOT + 24) * 900)
    sound(world, 20)
    world.spool.close()


async def test_a_clock_said_to_be_wrong_is_compared_with_the_network_s(
    tmp_path: Path, logs: list[dict[str, object]]
) -> None:
    world = LoraWorld(tmp_path)
    world.extra.append(DownlinkCommands(clock_correction_s=-40))
    uplink = world.uplink()
    async with running(world, uplink):
        await world.pass_to(uplink, (FIRST_SLOT + 4) * 900)
    said = [(each["event"], each.get("ahead_of_network_s")) for each in logs if "clock" in str(each["event"])]
    assert said == [("clock_said_to_be_wrong", None), ("clock_compared", 0)]
    world.spool.close()


async def test_a_modem_that_lost_its_session_joins_again(
    tmp_path: Path, logs: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lorawan_ecw1, "RETRY_S", 0.01)
    world = LoraWorld(tmp_path)
    uplink = world.uplink()
    async with running(world, uplink):
        await world.pass_to(uplink, (FIRST_SLOT + 4) * 900)
        world.modem.joined = False  # as after a brown-out
        await world.pass_to(uplink, (FIRST_SLOT + 16) * 900)
    assert [each["event"] for each in logs].count("modem_joined") == 2
    assert any(each["event"] == "modem_unavailable" and "join" in str(each["reason"]) for each in logs)
    sound(world, 12)
    world.spool.close()


async def test_an_uplink_without_an_answer_counts_as_sent_but_is_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lorawan_ecw1, "RETRY_S", 0.01)
    world = LoraWorld(tmp_path)
    uplink = world.uplink(answer_timeout_s=0.2)
    async with running(world, uplink):
        await world.pass_to(uplink, (FIRST_SLOT + 4) * 900)
        world.mute = 1
        await world.pass_to(uplink, (FIRST_SLOT + 16) * 900)
    sound(world, 12)
    kept = json.loads((tmp_path / "spool.db.lorawan").read_text())["airtime"]
    assert sum(us for _at_s, us in kept) == sum(us for _at_s, us in world.radio.sent)
    world.spool.close()


async def test_after_a_restart_it_goes_on_where_it_was(tmp_path: Path) -> None:
    world = LoraWorld(tmp_path)
    uplink = world.uplink()
    async with running(world, uplink):
        await world.pass_to(uplink, (FIRST_SLOT + 10) * 900)
    kept = json.loads((tmp_path / "spool.db.lorawan").read_text())
    assert kept["sent_up_to"] == FIRST_SLOT + 10 and kept["airtime"]
    again = world.uplink()
    async with running(world, again):
        await world.pass_to(again, (FIRST_SLOT + 16) * 900)
    (tmp_path / "spool.db.lorawan").write_text("damaged")
    third = world.uplink()
    async with running(world, third):
        await world.pass_to(third, (FIRST_SLOT + 24) * 900)
    sound(world, 20)
    world.spool.close()


async def test_a_queue_that_cannot_be_written_does_not_end_it(tmp_path: Path, logs: list[dict[str, object]]) -> None:
    world = LoraWorld(tmp_path)
    (tmp_path / "spool.db.lorawan.new").mkdir()
    uplink = world.uplink()
    async with running(world, uplink):
        await world.pass_to(uplink, (FIRST_SLOT + 12) * 900)
    assert any(each["event"] == "send_queue_not_kept" for each in logs)
    sound(world, 8)
    world.spool.close()


async def test_the_modem_of_another_device_is_refused(tmp_path: Path) -> None:
    world = LoraWorld(tmp_path)
    world.modem.dev_eui = bytes(8)
    uplink: LorawanEcw1Uplink = world.uplink()
    with pytest.raises(FatalError, match="Correct one of them"):
        async with running(world, uplink):
            pass
    world.spool.close()

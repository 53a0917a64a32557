"""The published LoRaWAN frames: built from their inputs to the last bit, opened, and put together to the same evidence."""

import base64
import json
from typing import Any

import pytest

from community.attestation.device_record import DeviceKeyRecord
from community.attestation.lora_frame import RadioKeys, open_frame, run_of, seal_uplink
from community.attestation.lora_frame_downlink import (
    ChunkRequest,
    DownlinkCommands,
    SlotRange,
    open_commands,
    seal_commands,
)
from community.attestation.lora_frame_readings import complete_slot
from community.attestation.lora_reassembly import KnownDevice, Reassembly, TakenFrame
from community.attestation.lora_reassembly_slots import Anchor
from community.attestation.sealing import Direction
from community.attestation.signatures import kid_of
from community.attestation.statement import parse_cose_sign1
from tests.unit.community.attestation.builders import ECW1_MESSAGES, GOLDEN, readings_of, sec1_of_pem, vector

COMMANDS = DownlinkCommands(28214, (SlotRange(28216, 4),), (ChunkRequest(76, 0x30),))
"""What the published downlink says."""


def radio_of(v: dict[str, Any]) -> RadioKeys:
    return RadioKeys(bytes.fromhex(v["dev_eui"]), bytes.fromhex(v["device_secret"]))


def device_of(v: dict[str, Any]) -> KnownDevice:
    public_key = sec1_of_pem(v["public_key_pem"])
    before = v["state_before"]
    return KnownDevice(
        radio_of(v),
        (DeviceKeyRecord(v["keyno"], public_key, kid_of(public_key), 0),),
        v["profile"],
        v["statement_counter"] - 1,
        Anchor(before["last_slot"], tuple(before["last_registers"])),
        before["last_message_counter"],
    )


@pytest.mark.parametrize("name", ECW1_MESSAGES)
def test_frames_are_built_to_the_last_bit(name: str) -> None:
    v = vector("ecw1", name)
    radio, readings = radio_of(v), readings_of(v)
    signed = parse_cose_sign1(bytes.fromhex(v["cose_sign1"]))
    last = v["state_before"]["last_message_counter"]
    for expected in v["lorawan_frames"]:
        opened = open_frame(radio, Direction.UP, expected["f_port"], bytes.fromhex(expected["frame"]), last)
        last = opened.counter
        assert opened.counter == expected["message_counter"] and opened.block is not None and opened.signature
        newest = complete_slot(opened.block.slot_low, v["first_slot"])
        first_slot = newest - opened.block.span + 1
        shown = [reading for reading in readings if first_slot <= reading.slot <= newest]
        run = run_of(signed, opened.signature.first_chunk, len(opened.signature.chunks))
        assert run == opened.signature
        built = seal_uplink(radio, 0, opened.counter, shown, run, first_slot)
        assert (built[0], built[1].hex()) == (expected["f_port"], expected["frame"])
        assert len(built[1]) == expected["length"]


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("name", ECW1_MESSAGES)
def test_the_same_evidence_is_put_together(name: str, backwards: bool) -> None:
    v = vector("ecw1", name)
    fold = Reassembly(device_of(v))
    frames = v["lorawan_frames"][::-1] if backwards else v["lorawan_frames"]
    outcomes = [fold.take(each["f_port"], bytes.fromhex(each["frame"]), v["first_slot"] + 96) for each in frames]
    assert all(isinstance(each, TakenFrame) for each in outcomes)
    last = outcomes[-1]
    assert isinstance(last, TakenFrame)
    [message] = last.verified
    assert message.signed.cose_sign1().hex() == v["cose_sign1"]
    assert message.readings == readings_of(v)
    assert fold.verified_up_to == v["first_slot"] + v["span"] - 1
    assert not fold.requests().asks
    shown = {each.slot: each for taken in outcomes if isinstance(taken, TakenFrame) for each in taken.provisional}
    if not backwards:
        assert shown == {each.slot: each for each in readings_of(v)}


def test_the_first_frame_and_downlink_ever_published() -> None:
    v = vector("ecw1", "statement-1")
    radio, public_key = radio_of(v), sec1_of_pem(v["public_key_pem"])
    key = DeviceKeyRecord(1, public_key, kid_of(public_key), 0)
    fold = Reassembly(KnownDevice(radio, (key,), 1, 76))
    taken = fold.take(10, bytes.fromhex(v["frame_fport10"]), v["first_slot"] + 3)
    assert isinstance(taken, TakenFrame) and len(v["frame_fport10"]) == 2 * v["frame_len"]
    [message] = taken.verified
    assert message.signed.payload.hex() == v["statement_payload"]
    assert [reading.registers[0] for reading in message.readings] == v["register_wh"]
    opened, commands = open_commands(radio, bytes.fromhex(v["downlink_fport20"]), None)
    assert (opened.counter, commands) == (9, COMMANDS)
    assert seal_commands(radio, 0, 9, commands).hex() == v["downlink_fport20"]


@pytest.mark.parametrize("server", ["tts", "chirpstack"])
def test_the_network_servers_carry_the_same_bytes(server: str) -> None:
    v = vector("ecw1", "statement-1")
    up = json.loads((GOLDEN / "network_servers" / f"ecw1_{server}_up.json").read_text())
    payload = up["uplink_message"]["frm_payload"] if server == "tts" else up["data"]
    port = up["uplink_message"]["f_port"] if server == "tts" else up["fPort"]
    assert (port, base64.b64decode(payload).hex()) == (10, v["frame_fport10"])
    name = "ecw1_tts_down_push" if server == "tts" else "ecw1_chirpstack_command_down"
    down = json.loads((GOLDEN / "network_servers" / f"{name}.json").read_text())
    each = down["downlinks"][0] if server == "tts" else {"f_port": down["fPort"], "frm_payload": down["data"]}
    assert each["f_port"] == 20
    assert open_commands(radio_of(v), base64.b64decode(each["frm_payload"]), None)[1] == COMMANDS

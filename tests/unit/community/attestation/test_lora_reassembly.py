"""What is asked for when frames are missing, what is refused, and when a device is told."""

from dataclasses import replace
from datetime import timedelta

from community.attestation.admission import Admitted, Quarantined, Rejected, admit_rebuilt
from community.attestation.device_record import DeviceKeyRecord, DeviceRecord, DeviceState
from community.attestation.lora_frame import RadioKeys, run_of, seal_frame, seal_uplink
from community.attestation.lora_frame_downlink import ChunkRequest, DownlinkCommands, SlotRange
from community.attestation.lora_reassembly import (
    FrameOutcome,
    KnownDevice,
    Reassembly,
    RefusedFrame,
    RepeatedFrame,
    TakenFrame,
)
from community.attestation.lora_reassembly_pace import GAP_S, DownlinkPace
from community.attestation.lora_reassembly_slots import Anchor
from community.attestation.reasons import Reason
from community.attestation.sealing import Direction
from community.attestation.statement import SlotReading
from community.clock import slot_start
from tests.unit.community.attestation.builders import EUI, FIRST_SLOT, SECRET, DeviceKey, message_of, some_readings

RADIO = RadioKeys(EUI, SECRET)
KEY = DeviceKey()
RECORD = DeviceKeyRecord(1, KEY.public_key, KEY.kid, 0)
LOW = FIRST_SLOT % 65536


def fold_of(verified_ctr: int = 6, anchor: Anchor | None = None, profile: int = 1) -> Reassembly:
    return Reassembly(KnownDevice(RADIO, (RECORD,), profile, verified_ctr, anchor))


class Sender:
    """Sends frames with rising counters into a fold."""

    def __init__(self, fold: Reassembly) -> None:
        self.fold, self.counter = fold, 0

    def frame(self, readings: tuple[SlotReading, ...] = (), run: object = None, first_slot: int | None = None) -> bytes:
        self.counter += 1
        return seal_uplink(RADIO, 0, self.counter, readings, run, first_slot)[1]  # type: ignore[arg-type]

    def send(
        self, readings: tuple[SlotReading, ...] = (), run: object = None, first_slot: int | None = None
    ) -> TakenFrame:
        outcome: FrameOutcome = self.fold.take(
            10 if readings else 11, self.frame(readings, run, first_slot), FIRST_SLOT + 200
        )
        assert isinstance(outcome, TakenFrame)
        return outcome


def test_nothing_is_verified_before_the_signature_is_whole() -> None:
    readings = some_readings(count=8)
    signed = message_of(KEY, readings).signed
    sender = Sender(fold_of())
    assert sender.send(readings[:4], run_of(signed, 0, 4)).provisional == readings[:4]
    assert sender.send(readings[4:]).verified == ()
    assert sender.fold.verified_up_to is None
    [message] = sender.send((), run_of(signed, 4, 4)).verified
    assert (message.signed, message.readings) == (signed, readings)
    assert sender.fold.verified_up_to == readings[-1].slot
    assert sender.fold.requests() == DownlinkCommands(readings[-1].slot % 65536)


def test_lost_readings_and_chunks_are_asked_for() -> None:
    readings = some_readings(count=12)
    signed = message_of(KEY, readings).signed
    sender = Sender(fold_of(anchor=Anchor(FIRST_SLOT - 1, (900,))))
    sender.frame(readings[:4], run_of(signed, 0, 2))
    sender.send(readings[4:8], run_of(signed, 2, 2))
    sender.frame((), run_of(signed, 4, 1))
    sender.send(readings[8:], run_of(signed, 5, 2))
    asked = sender.fold.requests()
    assert asked == DownlinkCommands(LOW - 1, (SlotRange(LOW, 4),), (ChunkRequest(7, 0b10011),))
    sender.send(readings[:4], run_of(signed, 0, 2))
    sender.send((), run_of(signed, 4, 1))
    assert not sender.fold.requests().asks  # chunk 7 may still come
    [message] = sender.send((), run_of(signed, 7, 1)).verified
    assert message.readings == readings


def test_a_statement_of_which_nothing_came_is_asked_for() -> None:
    first, second = some_readings(count=4), some_readings(FIRST_SLOT + 4, 4, 1200)
    sender = Sender(fold_of())
    sender.send(second, run_of(message_of(KEY, second, ctr=8).signed, 0, 8))
    assert sender.fold.requests().chunks == (ChunkRequest(7, 255),)
    assert sender.fold.verified_ctr == 6
    taken = sender.send(first, run_of(message_of(KEY, first, ctr=7).signed, 0, 8))
    assert [each.signed.statement.ctr for each in taken.verified] == [7]
    assert taken.verified[0].readings == first
    assert sender.fold.verified_ctr == 8 and sender.fold.verified_up_to == FIRST_SLOT + 7


def test_slots_without_a_reading_are_not_asked_for() -> None:
    whole = some_readings(count=8)
    readings = whole[:2] + whole[4:]
    sender = Sender(fold_of(anchor=Anchor(FIRST_SLOT - 1, (900,))))
    sender.send(readings)
    assert not sender.fold.requests().asks
    signed = message_of(KEY, readings).signed
    assert sender.send((), run_of(signed, 0, 8)).verified[0].signed == signed


def test_a_gap_between_two_statements_is_signed() -> None:
    first, second = some_readings(count=4), some_readings(FIRST_SLOT + 100, 4, 1200)
    sender = Sender(fold_of(anchor=Anchor(FIRST_SLOT - 1, (900,))))
    sender.send(first, run_of(message_of(KEY, first, ctr=7).signed, 0, 8))
    sender.send(second)
    assert sender.fold.requests().ranges == (SlotRange(LOW + 4, 96),)
    sender.send((), run_of(message_of(KEY, second, ctr=8).signed, 0, 2))
    assert sender.fold.requests().ranges == ()


def test_a_device_without_a_history_starts_with_what_comes() -> None:
    readings = some_readings(count=8)
    signed = message_of(KEY, readings, ctr=1).signed
    sender = Sender(fold_of(verified_ctr=0))
    sender.send(readings[4:], run_of(signed, 0, 8))
    assert sender.fold.requests() == DownlinkCommands(None, (SlotRange(LOW, 4),))
    assert sender.send(readings[:4]).verified[0].signed == signed


def test_a_meter_exchanged_for_one_that_starts_at_nothing() -> None:
    before, after = some_readings(count=2, register=20_000_000), some_readings(FIRST_SLOT + 2, 2, register=0)
    sender = Sender(fold_of(anchor=Anchor(FIRST_SLOT - 1, (20_000_000 - 50,))))
    sender.send(before, run_of(message_of(KEY, before, ctr=7).signed, 0, 8))
    taken = sender.send(after, run_of(message_of(KEY, after, ctr=8).signed, 0, 8))
    assert taken.verified[0].readings == after


def test_a_meter_exchanged_for_one_that_is_on_file() -> None:
    before, after = some_readings(count=2, register=1000), some_readings(FIRST_SLOT + 2, 2, register=90_000_000)
    known = KnownDevice(RADIO, (RECORD,), 1, 6, Anchor(FIRST_SLOT - 1, (900,)))
    for device, found in ((known, False), (replace(known, started_with=((89_999_990,),)), True)):
        sender = Sender(Reassembly(device))
        sender.send(before, run_of(message_of(KEY, before, ctr=7).signed, 0, 8))
        taken = sender.send(after, run_of(message_of(KEY, after, ctr=8).signed, 0, 8))
        assert [each.readings for each in taken.verified] == ([after] if found else [])
        assert sender.fold.unverifiable == (() if found else (8,))


def test_a_statement_under_a_key_that_is_not_on_file_stays_open() -> None:
    readings = some_readings(count=4)
    sender = Sender(fold_of(anchor=Anchor(FIRST_SLOT - 1, (900,))))
    taken = sender.send(readings, run_of(message_of(DeviceKey(99), readings).signed, 0, 8))
    assert taken.verified == () and taken.provisional == readings
    assert sender.fold.unverifiable == (7,) and not sender.fold.requests().asks


def test_repeated_and_foreign_frames_change_nothing() -> None:
    readings = some_readings(count=2)
    sender = Sender(fold_of())
    frame = sender.frame(readings)
    assert isinstance(sender.fold.take(10, frame, FIRST_SLOT), TakenFrame)
    assert sender.fold.take(10, frame, FIRST_SLOT) == RepeatedFrame(1)
    sender.counter = 2000
    sender.send(readings)
    assert sender.fold.take(10, seal_uplink(RADIO, 0, 900, readings)[1], FIRST_SLOT) == RepeatedFrame(900)
    foreign = seal_uplink(RadioKeys(EUI, bytes(32)), 0, 5000, readings)[1]
    assert isinstance(refused := sender.fold.take(10, foreign, FIRST_SLOT), RefusedFrame) and refused.broken
    assert isinstance(refused := sender.fold.take(10, b"short", FIRST_SLOT), RefusedFrame) and not refused.broken
    again = Reassembly(KnownDevice(RADIO, (RECORD,), 1, 6, None, 2000))
    assert again.take(10, seal_uplink(RADIO, 0, 2000, readings)[1], FIRST_SLOT) == RepeatedFrame(2000)


def test_other_registers_and_other_ports() -> None:
    fold = fold_of(profile=2)
    refused = fold.take(10, seal_uplink(RADIO, 0, 1, some_readings(count=2))[1], FIRST_SLOT)
    assert isinstance(refused, RefusedFrame) and "registers" in refused.detail
    taken = fold.take(12, seal_frame(RADIO, Direction.UP, 12, 0, 2, b"status"), FIRST_SLOT)
    assert isinstance(taken, TakenFrame) and taken.opened.rest == b"status"


def test_what_was_put_together_is_judged_like_a_message() -> None:
    readings = some_readings(count=4)
    sender = Sender(fold_of())
    taken = sender.send(readings, run_of(message_of(KEY, readings).signed, 0, 8))
    [message] = taken.verified
    device = DeviceRecord(EUI, DeviceState.ACTIVE, (RECORD,), SECRET, 1)
    received_at = slot_start(FIRST_SLOT + 4)
    verdict = admit_rebuilt(message, taken.opened.generation, taken.opened.counter, device, received_at)
    assert isinstance(verdict, Admitted) and verdict.evidence == message.signed.cose_sign1()
    assert (verdict.readings, verdict.counter) == (readings, 1)
    pending = admit_rebuilt(message, 0, 1, replace(device, state=DeviceState.PENDING), received_at)
    assert isinstance(pending, Quarantined) and pending.reason is Reason.DEVICE_NOT_ACTIVE
    late = admit_rebuilt(message, 0, 1, device, received_at + timedelta(days=41))
    assert isinstance(late, Quarantined) and late.reason is Reason.TOO_OLD
    assert isinstance(admit_rebuilt(message, 0, 1, replace(device, secret=None), received_at), Rejected)


def test_requests_fit_one_downlink() -> None:
    whole = some_readings(count=60)
    sender = Sender(fold_of(anchor=Anchor(FIRST_SLOT - 1, (900,))))
    for at in range(1, 60, 2):
        sender.send(whole[at : at + 1])
    asked = sender.fold.requests()
    assert asked.ranges[0] == SlotRange(LOW, 1) and len(asked.ranges) == 9


def test_the_pace_of_downlinks() -> None:
    pace, asking, telling = DownlinkPace(), DownlinkCommands(5, (SlotRange(1, 1),)), DownlinkCommands(5)
    assert not pace.is_due(DownlinkCommands(), 0)
    assert pace.is_due(telling, 0)
    pace.sent(telling, 0)
    assert not pace.is_due(asking, GAP_S - 1) and pace.is_due(asking, GAP_S)
    assert not pace.is_due(telling, 100_000)  # the device knows
    assert pace.is_due(DownlinkCommands(6), 100_000) and not pace.is_due(DownlinkCommands(6), 50_000)
    for at in range(1, 6):
        assert pace.is_due(asking, at * GAP_S)
        pace.sent(asking, at * GAP_S)
    assert not pace.is_due(asking, 6 * GAP_S - 1)
    assert pace.is_due(asking, 6 * GAP_S + 1)

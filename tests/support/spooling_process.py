"""A device's signing and sending half as a process of its own, so that a test can end it anywhere or take its disk away.

`live CONFIG` takes one reading and sends until everything is acknowledged, or until the named place is reached, where it kills
itself. `fill CONFIG` fills its disk, finds it full, gets room again and goes on. `many` reads lines of arguments, lives each of them in
a process of its own that is forked off, and answers with how it ended: most of a short life is otherwise spent on imports.
"""

import asyncio
import json
import os
import resource
import signal
import sys
import traceback
from pathlib import Path

import structlog

from community.clients.mqtt import MqttAddress
from community.clock import slot_start
from gateway_agent.reading import RegisterReading
from gateway_agent.readings_rules import Limits
from gateway_agent.secure_element.development_key import DevelopmentKeySigner
from gateway_agent.spool import Spool, SpoolFull
from gateway_agent.spool_intake import Intake
from gateway_agent.statements import DeviceIdentity
from gateway_agent.uplinks.mqtt import MqttUplink
from tests.support.agents import EUI, SECRET

IDENTITY = DeviceIdentity(EUI, SECRET, 0, 1, 1)


def reading(slot: int) -> RegisterReading:
    """The reading of `slot`: its register is the slot's number."""
    return RegisterReading(slot, 0, 1, (slot,), "A1", 1)


async def live(folder: Path, url: str, slot: int, place: str) -> None:
    """Take the reading of `slot`, send all, die at `place`."""

    def failpoint(name: str) -> None:
        if name == place:
            os.kill(os.getpid(), signal.SIGKILL)

    spool = Spool(folder / "spool.db", EUI.hex(), failpoint=failpoint)
    signer = DevelopmentKeySigner(folder / "key.pem")
    uplink = MqttUplink(
        MqttAddress(url, username=EUI.hex(), version=4),
        IDENTITY,
        signer,
        spool,
        development_key=True,
        resend_after_s=3,
        failpoint=failpoint,
    )
    if spool.resume(slot_start(slot)):
        uplink.ask_before_signing()
    intake = Intake(spool, Limits(), True)
    intake.take(reading(slot))
    stop = asyncio.Event()
    running = asyncio.create_task(uplink.run(stop))
    async with asyncio.timeout(20):
        while (status := spool.status()).unsigned or status.unacknowledged:
            await asyncio.sleep(0.01)
    stop.set()
    await running
    spool.close()


def fill(folder: Path, first: int, room: int) -> None:
    """Readings until the disk is full, as many again while it is, then with room; prints what was seen."""
    spool = Spool(folder / "spool.db", EUI.hex())
    intake = Intake(spool, Limits(), True)
    signer = DevelopmentKeySigner(folder / "key.pem")
    intake.take(reading(first))
    ctr = spool.add_statement(spool.unsigned_readings(), lambda _ctr: b"first", development_key=True)
    counters = [spool.reserve_message_counter()]
    grown = (folder / "spool.db-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (grown + room, resource.RLIM_INFINITY))
    slot = first + 1
    while not intake.waiting:
        intake.take(reading(slot))
        slot += 1
    said = ""
    try:
        spool.add_statement(spool.unsigned_readings(), lambda _ctr: signer.sign_digest(bytes(32)), development_key=True)
    except SpoolFull as error:
        said = str(error)
    for _ in range(20):
        intake.take(reading(slot))
        slot += 1
    seen = {"ctr": ctr, "said": said, "waiting": intake.waiting, "unsigned_while_full": spool.status().unsigned}
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    intake.take(reading(slot))
    seen["second"] = spool.add_statement(spool.unsigned_readings()[:10], lambda _ctr: b"second", development_key=True)
    counters.append(spool.reserve_message_counter())
    print(json.dumps(seen | {"last": slot, "waiting_after": intake.waiting, "counters": counters}))
    spool.close()


def many() -> None:
    """One life after the other, each in its own process, as lines on the standard input say."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                perform(line.split("\t"))
                code = 0
            except BaseException:  # noqa: BLE001 - its parent is told, whatever it was
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def perform(arguments: list[str]) -> None:
    """What the command line says."""
    match [each.strip() for each in arguments]:
        case "live", folder, url, slot, place:
            asyncio.run(live(Path(folder), url, int(slot), place))
        case "fill", folder, first, room:
            fill(Path(folder), int(first), int(room))
        case _:
            many()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    perform(sys.argv[1:])

"""`spool status|drain`: what is kept on disk, and sending it now."""

import asyncio

from community.clock import Clock, slot_start
from community.errors import RetryableError
from gateway_agent.app import open_signer, open_uplink
from gateway_agent.cli_text import Terminal, Write, plural
from gateway_agent.settings import AgentSettings
from gateway_agent.spool import Spool, SpoolStatus

DRAIN_TIMEOUT_S = 300.0
_LOOK_S = 0.1


class NotDrained(RetryableError):
    """Statements are left that nobody acknowledged."""


def show_spool(settings: AgentSettings, write: Write) -> None:
    """What waits on disk. Raises FatalError."""
    out = Terminal.around(write)
    spool = Spool(settings.spool, settings.identity.eui_text)
    try:
        status = spool.status()
    finally:
        spool.close()
    last = "none" if status.last_slot is None else f"{slot_start(status.last_slot):%Y-%m-%d %H:%M} UTC"
    out.rows(
        [
            ("readings", f"{status.readings}, newest {last}"),
            ("unsigned", str(status.unsigned)),
            ("statements", f"{status.statements}, not acknowledged {status.unacknowledged}, counter {status.ctr}"),
            ("payloads", f"{status.payloads_waiting} waiting for the radio"),
            ("messages", f"counter {status.message_counter}"),
        ]
    )
    out.document(
        {
            "readings": status.readings,
            "newest": None if status.last_slot is None else slot_start(status.last_slot),
            "unsigned": status.unsigned,
            "statements": status.statements,
            "unacknowledged": status.unacknowledged,
            "counter": status.ctr,
            "payloads_waiting": status.payloads_waiting,
            "message_counter": status.message_counter,
        }
    )


async def drain_spool(
    settings: AgentSettings, write: Write, clock: Clock, *, timeout_s: float = DRAIN_TIMEOUT_S
) -> None:
    """Sign and send everything that waits, until it is acknowledged. Raises NotDrained, SignerUnusable.

    The agent itself must not run meanwhile: a spool has one writer.
    """
    out = Terminal.around(write)
    signer = open_signer(settings)
    spool = Spool(settings.spool, settings.identity.eui_text)
    stop = asyncio.Event()
    try:
        before = _waiting(spool.status())
        uplink = open_uplink(settings, signer, spool, clock, marked=signer.attributes().development_key)
        sending = asyncio.create_task(uplink.run(stop))
        try:
            await _until_empty(spool, sending, timeout_s)
        finally:
            stop.set()
            await asyncio.gather(sending, return_exceptions=True)
        left = _waiting(spool.status())
    finally:
        spool.close()
    out.document({"before": before, "left": left})
    if left:
        raise NotDrained(
            f"{plural(left, 'item')} of {before} left after {timeout_s:g} s: the backend does not acknowledge."
            f" `diagnose {settings.meter_name}` tries the way out."
        )
    out.line(f"{plural(before, 'item')} sent and acknowledged, nothing waits")


async def _until_empty(spool: Spool, sending: "asyncio.Task[None]", timeout_s: float) -> None:
    deadline = asyncio.get_running_loop().time() + timeout_s
    while _waiting(spool.status()) and asyncio.get_running_loop().time() < deadline:
        if sending.done():
            await sending
            return
        await asyncio.sleep(_LOOK_S)


def _waiting(status: SpoolStatus) -> int:
    return status.unsigned + status.unacknowledged + status.payloads_waiting

"""What systemd is told: that the agent is ready, that it lives, what it does (sd_notify(3), without its library)."""

import asyncio
import os
import socket


def notify(*facts: str) -> bool:
    """Send facts such as READY=1 to the service manager; False if none started us."""
    address = os.environ.get("NOTIFY_SOCKET")  # noqa: TID251 - systemd's own protocol
    if not address:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.connect("\0" + address[1:] if address.startswith("@") else address)
        channel.sendall("\n".join(facts).encode())
    return True


def watchdog_interval_s() -> float | None:
    """How often WATCHDOG=1 must come at most; half of the limit, as sd_watchdog_enabled(3) advises. None: not at all."""
    limit_us, process = os.environ.get("WATCHDOG_USEC"), os.environ.get("WATCHDOG_PID")  # noqa: TID251
    if not limit_us or not limit_us.isdecimal() or (process and process != str(os.getpid())):
        return None
    return int(limit_us) / 2_000_000


async def keep_alive() -> None:
    """Tell the watchdog for ever that the event loop turns; returns at once if nobody asks."""
    interval_s = watchdog_interval_s()
    while interval_s is not None:
        notify("WATCHDOG=1")
        await asyncio.sleep(interval_s)

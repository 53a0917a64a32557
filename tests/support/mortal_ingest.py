"""Ingest processes that live one after the other: each is forked from one that has everything imported.

A line on standard input, `PLACE N`, starts a life that kills itself (SIGKILL) when it passes the failpoint PLACE for the
Nth time; `nowhere` lets it live. A line `kill` ends the present life with SIGKILL, `stop` with SIGTERM. Every end is
reported as a line on standard output: the signal, or the exit code with a minus.
"""

import os
import signal
import sys

from community.runtime.lifecycle import run_until_stopped
from community.runtime.logs import configure_logging
from community.runtime.system_clock import SystemClock
from ingest.app import build
from ingest.settings import read_settings


def life(place: str, passes: int) -> int:
    """One process of ingest; returns its exit code."""
    left = passes

    def failpoint(name: str) -> None:
        nonlocal left
        if name == place:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    configure_logging("ingest")
    return run_until_stopped(lambda: build(read_settings(), SystemClock(), failpoint=failpoint))


def main() -> None:
    """Serve lives until standard input ends."""
    child = 0
    for line in sys.stdin:
        match line.split():
            case ["kill" | "stop" as word]:
                os.kill(child, signal.SIGKILL if word == "kill" else signal.SIGTERM)
            case ["wait"]:
                _, status = os.waitpid(child, 0)
                print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status), flush=True)
            case [place, passes]:
                child = os.fork()
                if child == 0:
                    os.dup2(2, 1)  # what it logs is not an answer
                    os._exit(life(place, int(passes)))
                print(child, flush=True)


if __name__ == "__main__":
    main()

"""`make stack`: starts everything and says what runs where; with --check it is disturbed, audited, looked at, and stopped."""

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from community.errors import FatalError
from community.runtime.lifecycle import run_command
from community.runtime.logs import configure_logging
from standalone.audit import Findings
from standalone.check import SLOTS_PER_SECOND, check_system, print_result, tell_steps
from standalone.demo import SLOTS_PER_SECOND as DEMO_SLOTS_PER_SECOND
from standalone.layout import Facts, Layout
from tools.private_postgres import PostgresUnavailable, PrivatePostgres, private_postgres
from tools.stack.outside import look_from_outside
from tools.stack.system import PERSON, Stack

ROOT = Path(__file__).resolve().parents[2]
SETTLEMENTS_SMALL = 2
OURS = ("api", "indexer", "settlement", "ingest", "signer")


@contextmanager
def database() -> Iterator[PrivatePostgres]:
    """A private PostgreSQL. Raises FatalError where it cannot be."""
    try:
        with private_postgres() as server:
            yield server
    except PostgresUnavailable as error:
        raise FatalError(str(error)) from error


async def check(folder: Path, say: Callable[[str], None], *, small: bool = False) -> Findings:
    """Run everything, disturb it, audit it, look at it from outside, stop it, and see that all stopped as it should.

    `small`: two settlements and nothing disturbed.
    """
    size: dict[str, Any] = {"settlements": SETTLEMENTS_SMALL, "disturbances": ()} if small else {}
    with database() as server:
        stack = Stack(Layout(ROOT, folder / "system"), server, say, SLOTS_PER_SECOND)
        try:
            findings = await check_system(stack, say, **size)
            assert stack.facts is not None
            say("looking from outside: page, API, live data, sign-in, probes, doctor")
            outside = await look_from_outside(stack, stack.facts)
        except FatalError as error:
            return Findings(problems=[str(error)])
        finally:
            await stack.stop()
        findings.figures |= outside.figures
        findings.problems += outside.problems
        for name in OURS:
            code = stack.exit_codes.get(name)
            findings.expect(code == 0, f"{name} ended with code {code} when it was asked to stop")
    return findings


def introduction(stack: Stack, facts: Facts) -> str:
    """What runs where."""
    ports = "\n".join(f"  {name:<14} http://127.0.0.1:{port}/ready" for name, port in stack.probes.items())
    return f"""
  page and API   {stack.url}/   (certificate of {stack.secrets}/broker/ca.pem)
  device broker  mqtts://localhost:{stack.mqtts}   signature broker  mqtt://127.0.0.1:{stack.mqtt}
  books          {stack.layout.database_url}
  chain          {stack.node_url}
  sign-in        {stack.issuer}   (person {PERSON})
  figures        http://127.0.0.1:{stack.watching}/   (Prometheus, its alarms and targets)
{ports}

  operator key   {facts.operator_key}
  logs           {stack.layout.logs}

  Ctrl-C stops everything.
"""


async def run(folder: Path, say: Callable[[str], None]) -> None:
    """Until SIGINT or SIGTERM. Raises FatalError with one clear sentence."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    with database() as server:
        stack = Stack(Layout(ROOT, folder / "system"), server, say, DEMO_SLOTS_PER_SECOND)
        try:
            facts = await stack.start()
            print(introduction(stack, facts), flush=True)
            while not stop.is_set():
                stack.require_healthy()
                await asyncio.wait({asyncio.create_task(stop.wait())}, timeout=1.0)
        finally:
            say("stopping")
            await stack.stop()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.stack", description=__doc__)
    parser.add_argument("--check", action="store_true", help="disturb, audit, look from outside, stop; exit 0 or 1")
    parser.add_argument("--small", action="store_true", help="with --check: two settlements, nothing disturbed")
    options = parser.parse_args(arguments)
    configure_logging("stack", level="ERROR")

    async def command() -> None:
        began, say = time.monotonic(), tell_steps()
        with tempfile.TemporaryDirectory(prefix="stack-") as folder:
            if not options.check:
                await run(Path(folder), say)
                return
            findings = await check(Path(folder), say, small=options.small)
            if not print_result(findings, time.monotonic() - began):
                raise FatalError("the check of the stack found the problems listed above")

    return run_command(command)


if __name__ == "__main__":
    sys.exit(main())

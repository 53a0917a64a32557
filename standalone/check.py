"""`python -m standalone check`: the demo without a person, with crashes and a reorg, audited from outside at the end."""

import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from community.errors import FatalError
from contracts import abi
from standalone.audit import Books, ChainReader, Findings, audit
from standalone.households import SITES
from standalone.layout import Layout, Ports
from standalone.system import System

SLOTS_PER_SECOND = 2.0
SETTLEMENTS_FINAL = 24
REORG_DEPTH = 3
DISTURBANCES = ("ingest", "settlement", "reorg", "signer", "indexer")
"""What happens on the way, one after the other, spread evenly over the settlements."""
DOWN_S = 1.0
TIME_LIMIT_S = 360.0
QUIET_LIMIT_S = 120.0
PROBLEMS_SHOWN = 10


def tell_steps() -> Callable[[str], None]:
    """Says each step with the seconds since the beginning."""
    began = time.monotonic()
    return lambda text: print(f"  {time.monotonic() - began:5.1f} s  {text}", file=sys.stderr, flush=True)


async def run_check(
    root: Path, folder: Path | None, say: Callable[[str], None], settlements: int = SETTLEMENTS_FINAL
) -> bool:
    """Run the whole check in `folder` (a temporary one by default) and print one JSON line. True if all agrees."""
    place = folder or Path(tempfile.mkdtemp(prefix="energy-community-check-"))
    system = System(Layout(root, place), Ports.free(0), say, SLOTS_PER_SECOND)
    began = time.monotonic()
    try:
        findings = await check_system(system, say, settlements)
    except FatalError as error:
        findings = Findings(problems=[str(error)])
    finally:
        await system.stop()
    ok = print_result(findings, time.monotonic() - began)
    if ok and folder is None:
        shutil.rmtree(place)
    elif not ok:
        say(f"logs and books are kept in {place}")
    return ok


def print_result(findings: Findings, seconds: float) -> bool:
    """One JSON line; says whether all agrees."""
    figures: dict[str, object] = {**findings.figures, "seconds": round(seconds)}
    ok, shown = not findings.problems, findings.problems[:PROBLEMS_SHOWN]
    print(json.dumps({"ok": ok, **figures, "problem_count": len(findings.problems), "problems": shown}), flush=True)
    return ok


async def check_system(
    system: System,
    say: Callable[[str], None],
    settlements: int = SETTLEMENTS_FINAL,
    disturbances: Sequence[str] = DISTURBANCES,
) -> Findings:
    """Start `system`, disturb it until `settlements` are final, hold the day, and audit it. Raises FatalError."""
    facts = await system.start()
    books = system.books()
    chain = ChainReader(system.node_url, facts.token, facts.issuer)
    await _disturb(system, chain, books, say, (settlements, disturbances))
    await _until(system, lambda: _final(books) >= settlements, TIME_LIMIT_S, "enough settlements to be final")
    say("the day is held; waiting until everything on its way has arrived")
    await system.hold_time()
    await _until(system, lambda: _is_quiet(system, books), QUIET_LIMIT_S, "everything on its way to arrive")
    findings = await asyncio.to_thread(audit, chain, books, abi.TOPIC_SETTLED)
    await asyncio.to_thread(_check_readings, findings, system, books)
    kills = sum(what != "reorg" for what in disturbances)
    findings.figures |= {"kills": kills, "reorg_depth": REORG_DEPTH if "reorg" in disturbances else 0}
    return findings


async def _disturb(
    system: System, chain: ChainReader, books: Books, say: Callable[[str], None], plan: tuple[int, Sequence[str]]
) -> None:
    """kill -9 one process after the other while settlements pass, and take blocks away from the chain."""
    settlements, disturbances = plan
    step = max(1, settlements // (len(disturbances) + 1))
    for number, what in enumerate(disturbances, start=1):
        wanted = step * number
        await _until(system, lambda wanted=wanted: _final(books) >= wanted, TIME_LIMIT_S, f"{wanted} final settlements")  # type: ignore[misc]
        if what == "reorg":
            say(f"a reorg of depth {REORG_DEPTH} after {wanted} final settlements")
            await asyncio.to_thread(chain.rpc, "anvil_reorg", REORG_DEPTH, [])
            continue
        say(f"kill -9 of {what} after {wanted} final settlements")
        await system.processes.kill(what)
        await asyncio.sleep(DOWN_S)
        await system.processes.restart(what)


def _final(books: Books) -> int:
    return books.number("SELECT count(*) FROM issuance WHERE state = 'final'")


def _is_quiet(system: System, books: Books) -> bool:
    """Whether every reading is taken in, every producing interval minted and final, and reconciled since."""
    if any(_spooled(system, site.key) != _measured(books, site.device_id) for site in SITES):
        return False
    produced_to = books.number(
        "SELECT max(m.register_wh) FROM measurement m JOIN register r ON r.id = m.register_id "
        "JOIN energy_source s ON 1 = 1 JOIN metering_point p ON p.id = s.metering_point_id AND p.settled_obis = r.obis "
        "JOIN installation i ON i.id = m.installation_id AND i.metering_point_id = p.id"
    )
    settled_to = books.number("SELECT max(to_wh) FROM issuance WHERE state = 'final'")
    matched = books.number("SELECT count(*) FROM reconciliation_match")
    issued = books.number("SELECT count(*) FROM issuance")
    return produced_to == settled_to and matched == issued


def _spooled(system: System, key: str) -> int:
    return Books(system.layout.spool(key)).number("SELECT count(*) FROM reading")


def _measured(books: Books, device_id: str) -> int:
    return books.number("SELECT count(DISTINCT at) FROM measurement WHERE device_id = ?", device_id)


def _check_readings(findings: Findings, system: System, books: Books) -> None:
    """Every reading that a gateway has on its disk is in the books once, and nothing else is."""
    for site in SITES:
        spooled, measured = _spooled(system, site.key), _measured(books, site.device_id)
        findings.expect(spooled == measured, f"{site.key}: {spooled} readings at the gateway, {measured} in the books")
        findings.figures[f"readings_{site.key.replace('-', '_')}"] = measured
    findings.figures["open_gaps"] = books.number("SELECT count(*) FROM gap WHERE state = 'open'")
    findings.figures["quarantined"] = books.number("SELECT count(*) FROM quarantine")
    findings.expect(findings.figures["open_gaps"] == 0, f"{findings.figures['open_gaps']} gaps are open")
    findings.expect(findings.figures["quarantined"] == 0, f"{findings.figures['quarantined']} things are in quarantine")


async def _until(system: System, holds: Callable[[], bool], limit_s: float, what: str) -> None:
    """Wait until `holds`, as long as every process runs. Raises FatalError."""
    try:
        async with asyncio.timeout(limit_s):
            while not await asyncio.to_thread(holds):
                system.require_healthy()
                await asyncio.sleep(0.25)
    except TimeoutError:
        raise FatalError(f"After {limit_s:.0f} s it still waited for {what}.") from None

"""What a fuzz target is, and the bounds that hold for all of them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

CPU_S_MAX = 2.0
"""Processor time that one input may take; a deframer gets some ten thousand bytes in it."""
PACKAGES = ("community", "gateway_agent", "indexer", "ingest", "contracts", "signer")

MODULES = {
    "hdlc": "telegrams",
    "hdlc_segments": "telegrams",
    "mbus_transport": "telegrams",
    "raw_apdu": "telegrams",
    "notification": "telegrams",
    "amis": "telegrams",
    "iec62056_21": "text_meters",
    "dsmr_p1": "text_meters",
    "sml": "text_meters",
    "mbus_link": "polled_meters",
    "mbus_telegram": "polled_meters",
    "modbus": "polled_meters",
    "sunspec": "polled_meters",
    "at_commands": "radio",
    "lora_frame": "radio",
    "lora_reassembly": "radio",
    "statement": "statements",
    "possession": "statements",
    "device_message": "statements",
    "legacy": "statements",
    "device_keys": "onboarding",
    "bulk_import": "onboarding",
    "things_stack": "documents",
    "chirpstack": "documents",
    "signature_request": "documents",
    "json_rpc": "documents",
    "http_signature": "documents",
    "logs": "documents",
    "calldata": "documents",
    "node_logs": "node_answers",
    "node_blocks": "node_answers",
}
"""Every target, and the module of `tests.fuzz.targets` that defines it."""
PLANTED = "planted"
"""A target with faults, to see that they are found."""


class TooSlow(AssertionError):
    """One input took more processor time than any may."""


@dataclass(frozen=True, slots=True)
class Target:
    """`check` raises whatever must not come out. `seeds` are inputs to begin with, of at most `size_max` bytes."""

    check: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]
    size_max: int = 2048

    def run(self, data: bytes) -> None:
        """Check `data`. Raises AssertionError, or what the code under test raised although it must not."""
        begin = time.process_time()
        self.check(data)
        took = time.process_time() - begin
        if took > CPU_S_MAX:
            raise TooSlow(f"{len(data)} bytes took {took:.1f} s of processor time")


def target_named(name: str) -> Target:
    """The target, its module imported only now: what it imports can be instrumented before."""
    target = import_module(f"tests.fuzz.targets.{MODULES.get(name, name)}").TARGETS[name]
    assert isinstance(target, Target)
    return target


def held_bytes(thing: Any, depth: int = 6) -> int:
    """Bytes and characters that an object of ours holds on to, in whatever attributes and containers."""
    if isinstance(thing, bytes | bytearray | str):
        return len(thing)
    if depth == 0:
        return 0
    if isinstance(thing, dict):
        return sum(held_bytes(each, depth - 1) for pair in thing.items() for each in pair)
    if isinstance(thing, list | tuple | set | frozenset):
        return 8 * len(thing) + sum(held_bytes(each, depth - 1) for each in thing)
    if not type(thing).__module__.startswith(PACKAGES):
        return 0
    slots = [getattr(thing, name, None) for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    return sum(held_bytes(each, depth - 1) for each in (*getattr(thing, "__dict__", {}).values(), *slots))

"""`device add|list|show|bind-key|challenge|prove|confirm|approve|rotate-key|revoke|health`: devices in and out of service."""

import argparse
from datetime import datetime
from typing import Any

from community.clock import as_utc
from community.errors import FatalError
from community.ids import named_id
from community.runtime.system_clock import SystemClock
from community.runtime.terminal import Terminal
from community.store.devices import NewDevice, add_device
from community.store.key_rotation import rotate_key
from community.store.meter_keys import METER_KEY_SIZE, MeterKeyChange, change_meter_key
from community.store.onboarding import Told, approve_for_issuance, bind_key, confirm_serial
from community.store.possession import CHALLENGE_LASTS, accept_possession, give_nonce
from community.store.revocations import revoke
from ingest.books import open_books
from ingest.cli import Options, add_command, add_group
from ingest.commands import device_answers
from ingest.commands.deciding import (
    add_decision,
    add_who_and_why,
    bytes_of,
    carry_out,
    device_id_of,
    eui_of,
    secret_of,
    settle,
    told_of,
)


def add_to(commands: Any) -> None:
    """The parser of this group."""
    group = add_group(commands, "device", "bring devices into service, change their keys, take them out of service")
    _looking(group)
    _entering(group)
    _keys(group)


def _looking(group: Any) -> None:
    add_command(group, "list", "show every device with its stage", device_answers.show_list)
    show = add_command(
        group, "show", "show one device: keys, places, and what is missing for its approval", device_answers.show_one
    )
    show.add_argument("eui", help="its 16 hexadecimal digits")
    health = add_command(
        group, "health", "last seen, missing readings, refused signatures, counters, clock", device_answers.show_health
    )
    health.add_argument("eui", nargs="*", help="only these; all by default")


def _entering(group: Any) -> None:
    add = add_decision(group, "add", "register a device; it measures once its meter's serial number is confirmed", _add)
    add.add_argument("--name", required=True)
    add.add_argument("--format", choices=("ecw1", "legacy"), default="ecw1")
    add.add_argument("--profile", type=int, help="ECW1 register profile: 1 import, 2 both, 3 export")
    add.add_argument("--secret-file", help="file with the 64 hexadecimal digits that device and backend share")
    add.add_argument("--trial", action="store_true", help="for good: what it measures is never minted")
    confirm = add_decision(group, "confirm", "the meter on site is the one on file: let the device measure", _confirm)
    confirm.add_argument("serial", help="the meter's serial number as it was read off")
    approve = add_decision(group, "approve", "let what the device measures be minted", _approve)
    approve.add_argument("--waive-week", metavar="WHY", help="do without the plausible week, for this reason")


def _keys(group: Any) -> None:
    bind = add_decision(group, "bind-key", "bind the public key that `key show` gave on the gateway", _bind)
    bind.add_argument("public_key", help="130 hexadecimal digits: 04, x, y")
    bind.add_argument("--development-key", action="store_true", help="it is held in a file: its records are marked")
    challenge = add_command(group, "challenge", "give a nonce for `key prove` on the gateway", _challenge)
    challenge.add_argument("eui", help="the device's 16 hexadecimal digits")
    prove = add_decision(group, "prove", "take the answer to the nonce, and bind the key that gave it", _prove)
    prove.add_argument("public_key", help="130 hexadecimal digits, as `key show` gives them")
    prove.add_argument("proof", help="hexadecimal digits, as `key prove` gives them")
    prove.add_argument("--development-key", action="store_true", help="it is held in a file: its records are marked")
    rotate = add_decision(group, "rotate-key", "enter a change of keys that `key rotate --print` gave", _rotate)
    rotate.add_argument("rotation", help="hexadecimal digits")
    rotate.add_argument("--development-key", action="store_true", help="the new key is held in a file")
    meter = add_command(
        group, "meter-key", "the grid operator changed a meter's key: the new one counts from then on", _meter_key
    )
    meter.add_argument("serial", help="the meter's serial number, as it is on file")
    meter.add_argument("--key-file", required=True, help="file with its 32 hexadecimal digits")
    meter.add_argument("--since", type=_instant, required=True, help="2026-11-02T10:00Z")
    add_who_and_why(meter)
    out = add_decision(
        group, "revoke", "believe nothing that it signed from an instant on, and list what rests on it", _revoke
    )
    out.add_argument("--since", type=_instant, help="2026-11-02T10:00Z, in the past; now by default")
    out.add_argument("--keyno", type=int, help="only this key; the device goes on with the others")


def _instant(text: str) -> datetime:
    try:
        return as_utc(datetime.fromisoformat(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}: write it as 2026-11-02T10:00Z") from error


async def _add(options: Options, out: Terminal) -> None:
    now, eui = SystemClock().now(), eui_of(options.eui)
    secret = secret_of(options.secret_file)
    if options.format == "ecw1" and secret is None:
        raise FatalError("A device that speaks ECW1 shares a secret with the backend: give --secret-file.")
    device_id = named_id("dev", eui)
    new = NewDevice(device_id, options.name, eui, options.format, options.profile, secret, trial=options.trial)
    async with open_books() as books:
        await device_answers.refuse_known(books, eui)
        async with books.store.begin() as work:
            await add_device(work, new, books.column_keys, now)
            await device_answers.note_added(work, device_id, told_of(options), now)
    out.line(f"device {eui} is registered as {device_id}; next: `device prove` or `device bind-key`")
    out.document({"device": device_id, "eui": eui})


async def _confirm(options: Options, out: Terminal) -> None:
    await carry_out(
        options, out, lambda work, device, told, now: confirm_serial(work, device, options.serial, told, now)
    )


async def _approve(options: Options, out: Terminal) -> None:
    await carry_out(
        options,
        out,
        lambda work, device, told, now: approve_for_issuance(work, device, told, now, waiver=options.waive_week),
    )


async def _bind(options: Options, out: Terminal) -> None:
    key = bytes_of(options.public_key, "public key")
    await carry_out(
        options,
        out,
        lambda work, device, told, now: bind_key(work, device, key, told, now, development_key=options.development_key),
    )


async def _challenge(options: Options, out: Terminal) -> None:
    async with open_books() as books, books.store.begin() as work:
        device = await device_id_of(work, options.eui)
        nonce = await give_nonce(work, device, SystemClock().now())
    minutes = int(CHALLENGE_LASTS.total_seconds()) // 60
    out.line(nonce.hex())
    out.line(f"Within {minutes} minutes, on the gateway: python -m gateway_agent key prove {nonce.hex()}")
    out.document({"device": device, "nonce": nonce.hex(), "minutes": minutes})


async def _prove(options: Options, out: Terminal) -> None:
    key, proof = bytes_of(options.public_key, "public key"), bytes_of(options.proof, "proof")
    await carry_out(
        options,
        out,
        lambda work, device, told, now: accept_possession(
            work, device, proof, key, told, now, development_key=options.development_key
        ),
    )


async def _rotate(options: Options, out: Terminal) -> None:
    content = bytes_of(options.rotation, "rotation")
    await carry_out(
        options,
        out,
        lambda work, device, told, now: rotate_key(
            work, device, content, told, now, development_key=options.development_key
        ),
    )


async def _revoke(options: Options, out: Terminal) -> None:
    since = options.since or SystemClock().now()

    async def decide(work: Any, device: str, told: Told, now: datetime) -> Any:
        return await revoke(work, device, since, told, now, keyno=options.keyno)

    device = await carry_out(options, out, decide, quiet=True)
    await device_answers.show_resting(device, since, out)


async def _meter_key(options: Options, out: Terminal) -> None:
    key = secret_of(options.key_file, METER_KEY_SIZE)
    assert key is not None
    change = MeterKeyChange(options.serial, key, options.since)
    told = told_of(options)
    async with open_books() as books, books.store.begin() as work:
        settle(await change_meter_key(work, change, told, books.column_keys, SystemClock().now()), options.serial)
    out.line(f"meter {options.serial} has another key from {options.since:%Y-%m-%d %H:%M} UTC on; the one before stays")
    out.document({"meter": options.serial, "since": options.since.isoformat()})

"""The commands for operators: each reads or writes the books once and ends. Settings are those of `run`."""

import argparse
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from community.clients.evm import EvmNode
from community.errors import FatalError
from community.identity.identities import SettlementPeriod, SettlementPolicy
from community.minting.corrections import CorrectionKind
from community.minting.proposals import Objection
from community.runtime.lifecycle import run_command
from community.runtime.system_clock import SystemClock
from community.store.chain_index import checkpoint
from community.store.proposals import answer_objection, object_to
from community.store.settlement_policies import add_policy
from community.store.sole_sender import sole_sender
from community.store.unit_of_work import Store
from contracts.abi import decode_source, encode_configure, encode_source
from settlement import epochs
from settlement.correcting import Supplement, Wanted, account_of, correct
from settlement.preview import preview
from settlement.recovery import lines_of, parse_signed, recover
from settlement.report import resume, status_lines
from settlement.supplements import registry_entry
from settlement.terms import GWEI, SettlementTerms

AddCommand = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]


@dataclass(frozen=True, slots=True)
class Places:
    """Where books and node are, and the terms: read from the settings by the command line."""

    database_url: str
    node_url: str
    terms: SettlementTerms


@dataclass(frozen=True, slots=True)
class Opened:
    """What a command works with."""

    terms: SettlementTerms
    store: Store
    node: EvmNode


def add_commands(add: AddCommand, places: Callable[[], Places]) -> None:
    """Add the operators' commands to a command line. `places` is asked when one is carried out."""

    def add_with_places(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        command = add(name, run, text)
        command.set_defaults(places=places)
        return command

    _add_all(add_with_places)


def _add_all(add: AddCommand) -> None:
    add("status", _status, "What stands where, and what waits for a person.")
    again = add("resume", _resume, "Let a stopped issuance try again, once its reason is gone.")
    again.add_argument("issuance", help="its id, from status")
    shown = add("preview", _preview, "What a source's next settlement would mint: exact parts and call data, as JSON.")
    shown.add_argument("source", help="the energy source's id")
    _add_correct(add)
    epoch = add("epoch", _epoch, "After a meter exchange or under a device's new key: how a source goes on.")
    epoch.add_argument("source", help="the energy source's id")
    epoch.add_argument("--by", required=True, help="who decides")
    epoch.add_argument("--reason", default="the rest that the exchanged meter still counted", help="for everybody")
    back = add("recover", _recover, "After a restore from a backup: put back what the chain and the signer prove.")
    back.add_argument("--signed", type=Path, required=True, help="list from `python -m signer signed`")
    back.add_argument("--from-block", type=int, help="where the issuer was deployed; by default where the index begins")
    _add_policy(add)
    against = add("object", _object, "Object to a proposal: it and what follows wait for an answer.")
    against.add_argument("proposal", help="its id, from status")
    answer = add("answer", _answer, "Answer an objection; then its proposal goes on.")
    answer.add_argument("objection", help="its id, from status")
    for each in (against, answer):
        each.add_argument("--by", required=True, help="who says so")
        each.add_argument("--reason", required=True, help="a sentence for everybody")


def _add_correct(add: AddCommand) -> None:
    command = add("correct", _correct, "Record that too much or too little was minted; prints the corrector's call.")
    command.add_argument("source", help="the energy source's id")
    amount = command.add_mutually_exclusive_group(required=True)
    amount.add_argument("--debt-wh", type=int, help="minted too much: netted from the next settlements")
    amount.add_argument("--supplement-wh", type=int, help="minted too little, and no later reading will show it")
    command.add_argument("--evidence", type=Path, required=True, help="the document that proves it; its SHA-256 counts")
    command.add_argument("--by", required=True, help="who decides")
    command.add_argument("--reason", required=True, help="a sentence for everybody")


def _add_policy(add: AddCommand) -> None:
    command = add("policy", _policy, "Say when a source settles and how long its issuances are open to objections.")
    command.add_argument("source", help="the energy source's id")
    command.add_argument("--period", type=SettlementPeriod, choices=list(SettlementPeriod), required=True)
    command.add_argument("--below-gwei", type=int, help="the base fee below which period base_fee settles at once")
    command.add_argument("--window-hours", type=int, default=0, help="time for objections before each mint; 0 for none")
    command.add_argument("--by", required=True, help="who decides")


def _status(options: argparse.Namespace) -> int:
    async def work(opened: Opened) -> None:
        print("\n".join(await status_lines(opened.store, opened.terms, SystemClock())))

    return _with(options, work)


def _resume(options: argparse.Namespace) -> int:
    return _with(options, lambda opened: resume(opened.store, options.issuance, SystemClock()))


def _preview(options: argparse.Namespace) -> int:
    async def work(opened: Opened) -> None:
        found = await preview(opened.terms, opened.node, opened.store, SystemClock(), options.source)
        print(found if isinstance(found, str) else found.as_json())

    return _with(options, work)


def _correct(options: argparse.Namespace) -> int:
    kind = CorrectionKind.SUPPLEMENT if options.debt_wh is None else CorrectionKind.DEBT
    energy_wh = options.supplement_wh if options.debt_wh is None else options.debt_wh
    document = _content(options.evidence)

    async def work(opened: Opened) -> None:
        wanted = Wanted(options.source, kind, energy_wh, document, options.reason, options.by)
        decided = await correct(opened.store, wanted, SystemClock().now())
        one = decided.correction
        print(
            f"{'recorded' if decided.is_new else 'known'} {one.id}: {one.kind.value} of {one.energy_wh} Wh, {one.evidence}"
        )
        if decided.on_chain:
            print("it is on chain already: send nothing")
        elif decided.calldata is not None:
            print(f"have the corrector's account call {opened.terms.issuer} once with\n0x{decided.calldata.hex()}")
        if decided.supplement is not None:
            await _say_supplement(opened, decided.supplement)
        account = await account_of(opened.store, opened.node, opened.terms, options.source)
        print(
            f"verified {account.verified_wh} Wh = minted {account.minted_wh} + open supplement {account.supplement_wh} - "
            f"open debt {account.debt_wh}"
        )

    return _with(options, work)


async def _say_supplement(opened: Opened, supplement: Supplement) -> None:
    """What must be done for a supplement to be minted: on chain before the first one, in the signer's registry for each."""
    print(f"pin among the attestations of the signer's registry\n{json.dumps(supplement.attestation)}")
    ref, setup = bytes.fromhex(supplement.source.source_ref[2:]), supplement.setup
    state = decode_source(await opened.node.eth_call(opened.terms.issuer, encode_source(ref)))
    if setup is None:
        print(
            "once the plant is settled for the first time, give this command again: it then says how to open its source"
        )
    elif state.mode == 0:
        print(f"pin among the sources of the signer's registry\n{json.dumps(registry_entry(setup))}")
        print(f"have the registrar's account call {opened.terms.issuer} once with\n0x{encode_configure(setup).hex()}")


def _epoch(options: argparse.Namespace) -> int:
    async def work(opened: Opened) -> None:
        begun = await epochs.begin(opened.store, options.source, options.by, options.reason, SystemClock().now())
        print("\n".join(await epochs.lines_of(begun, opened.node, opened.terms)))
        if begun.rest is not None:
            await _say_supplement(opened, begun.rest)

    return _with(options, work)


def _recover(options: argparse.Namespace) -> int:
    signed = parse_signed(_content(options.signed).decode("utf-8", errors="replace"))

    async def work(opened: Opened) -> None:
        terms = opened.terms
        async with sole_sender(opened.store, terms.account):
            async with opened.store.read() as read:
                index = await checkpoint(read, terms.chain_id)
            first = options.from_block
            if first is None and index is None:
                raise FatalError("The index knows no first block: say --from-block, where the issuer was deployed.")
            if first is None and index is not None:
                first = index.start_block
            found = await recover(terms, opened.node, opened.store, signed, first, SystemClock().now())
        print("\n".join(lines_of(found)))
        if found.problems:
            raise FatalError("Not everything could be put back; what can be done about each problem stands above.")

    return _with(options, work)


def _policy(options: argparse.Namespace) -> int:
    try:
        fee = None if options.below_gwei is None else options.below_gwei * GWEI
        policy = SettlementPolicy(options.period, fee, timedelta(hours=options.window_hours))
    except ValueError as error:
        raise FatalError(f"This policy cannot be kept: {error}.") from error

    async def work(opened: Opened) -> None:
        async with opened.store.begin() as writing:
            number = await add_policy(writing, options.source, policy, options.by, SystemClock().now())
        print(f"policy {number} of {options.source}: {policy.period.value}, window {policy.proposal_window}")

    return _with(options, work)


def _object(options: argparse.Namespace) -> int:
    async def work(opened: Opened) -> None:
        objection = Objection(options.proposal, options.by, options.reason, SystemClock().now())
        async with opened.store.begin() as writing:
            await object_to(writing, objection)
        print(objection.id)

    return _with(options, work)


def _answer(options: argparse.Namespace) -> int:
    async def work(opened: Opened) -> None:
        async with opened.store.begin() as writing:
            await answer_objection(writing, options.objection, options.reason, options.by, SystemClock().now())

    return _with(options, work)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FatalError(f"{path} cannot be read: {error.strerror}") from error


def _with(options: argparse.Namespace, work: Callable[[Opened], Awaitable[None]]) -> int:
    places: Places = options.places()

    async def opened() -> None:
        store, node = Store.open(places.database_url), EvmNode(places.node_url)
        try:
            await work(Opened(places.terms, store, node))
        finally:
            await node.close()
            await store.close()

    return run_command(opened)

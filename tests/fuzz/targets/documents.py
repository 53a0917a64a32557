"""JSON of a network server, requests to the signer, and the chain's logs, calls and refusals."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eth_utils.crypto import keccak

from community.chain.http_signatures import UnsignedRequest, read_signature, signature_headers
from community.chain.signature_requests import (
    MalformedRequest,
    RefusedReply,
    SignatureRequest,
    SignedReply,
    encode_reply,
    parse_reply,
    parse_request,
    sign_request,
)
from contracts import abi
from ingest.network_events import DownlinkReport
from ingest.sources import chirpstack_json, things_stack_json
from ingest.sources.things_stack_json import received_at_of, uplink_from_json
from ingest.uplinks import PAYLOAD_MAX, Uplink
from signer.json_rpc import RpcError, read_call, read_transaction
from tests.fuzz.target import Target

NOW = datetime(2026, 11, 17, 12, tzinfo=UTC)
_SERVERS = Path(__file__).parents[2] / "golden" / "network_servers"
_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_LOWER = re.compile(r"0x[0-9a-f]*")
_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))

_LOGS: tuple[tuple[str, Callable[..., Any]], ...] = (
    (abi.TOPIC_TRANSFER, abi.decode_transfer),
    (abi.TOPIC_RETIRED, abi.decode_retired),
    (abi.TOPIC_SETTLED, abi.decode_settled),
    (abi.TOPIC_SOURCE_CONFIGURED, abi.decode_source_configured),
    (abi.TOPIC_CORRECTED, abi.decode_corrected),
    (abi.TOPIC_SOURCE_ACTIVE, abi.decode_source_active),
)
_CALLS: tuple[tuple[Callable[[bytes], Any], Callable[..., bytes]], ...] = (
    (abi.decode_settle, lambda values: abi.encode_settle(*values)),
    (abi.decode_settle_many, abi.encode_settle_many),
    (abi.decode_settle_attested, abi.encode_settle_attested),
    (abi.decode_correct, lambda values: abi.encode_correct(*values)),
)


def things_stack(data: bytes) -> None:
    """Any message of the network server: an uplink that can be kept, or one with a fault."""
    uplink = uplink_from_json(data, NOW)
    assert len(uplink.payload) <= PAYLOAD_MAX
    assert uplink.received_at <= NOW
    assert uplink.digest
    for text in (uplink.envelope, uplink.session, uplink.fault.detail if uplink.fault else None):
        assert text is None or b"\0" not in text.encode()
    assert uplink.f_port is None or 0 <= uplink.f_port < 1 << 8
    assert uplink.f_cnt is None or 0 <= uplink.f_cnt < 1 << 32
    received_at_of(data)
    event = things_stack_json.event_from_json(data, NOW)
    assert not isinstance(event, DownlinkReport) or event.detail.isprintable()
    name = things_stack_json.device_id_of(data.decode("latin-1"))
    assert name is None or "/" not in name


def chirpstack(data: bytes) -> None:
    """Any event of the other network server, whatever kind its topic names."""
    for kind in ("up", "ack", "join", "x"):
        event = chirpstack_json.event_from_json(data, kind, NOW)
        if isinstance(event, Uplink):
            assert event.received_at <= NOW
            assert len(event.payload) <= PAYLOAD_MAX
            assert event.digest
            assert event.envelope is None or b"\0" not in event.envelope.encode()
        elif isinstance(event, DownlinkReport):
            assert event.downlink_id is None or event.downlink_id.isprintable()
    chirpstack_json.application_of(data.decode("latin-1"))


def signature_request(data: bytes) -> None:
    """Any message to and from the signer."""
    with suppress(MalformedRequest):
        asked = parse_request(data)
        for public_key in (_KEY.public_key().public_bytes_raw(), b"no key"):
            assert type(asked.is_signed_by(public_key)) is bool
        again = parse_request(sign_request(asked.request, _KEY, asked.asked_at))
        assert (again.request, again.asked_at) == (asked.request, asked.asked_at)
    with suppress(MalformedRequest):
        reply = parse_reply(data)
        assert parse_reply(encode_reply(reply)) == reply


def json_rpc(data: bytes) -> None:
    """Any body that the signer's JSON-RPC door is sent."""
    with suppress(RpcError):
        call = read_call(data)
        with suppress(ValueError):
            wanted = read_transaction(call.params)
            assert _LOWER.fullmatch(wanted.account) and _LOWER.fullmatch(wanted.to)
            assert min(wanted.nonce, wanted.gas, wanted.max_fee, wanted.tip) >= 0


def http_signature(data: bytes) -> None:
    """Any headers, one a line, with any body after an empty line."""
    head, _, body = data.partition(b"\n\n")
    headers = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\n") if ": " in line)
    with suppress(UnsignedRequest):
        read = read_signature(headers, body)
        assert type(read.is_fresh(1_772_000_000)) is bool
        if not read.is_by(_KEY.public_key().public_bytes_raw(), "POST", "/", body):
            return
        again = signature_headers(_KEY, read.keyid, "POST", "/", body, created=read.created, nonce=read.nonce)
        assert read_signature({name.lower(): value for name, value in again.items()}, body) == read


def logs(data: bytes) -> None:
    """Any log: the first byte says which, and whether its words come as bytes or as any text."""
    if not data:
        return
    topic, decode = _LOGS[data[0] % len(_LOGS)]
    if data[0] & 0x80:
        words = data[1:].decode("latin-1").split("\n")
        topics, content = [topic, *words[:-1]], words[-1]
    else:
        number = data[0] >> 4 & 3
        topics = [topic, *("0x" + data[1 + 32 * at : 33 + 32 * at].hex() for at in range(number))]
        content = "0x" + data[1 + 32 * number :].hex()
    try:
        log = decode(topics, content)
    except ValueError:
        return
    assert all(_HEX.fullmatch(text) for text in (*topics, content)), "a log that is no hexadecimal text was read"
    for value in astuple(log):
        assert not isinstance(value, int) or value >= 0
    for name in ("sender", "recipient", "holder", "source_id", "evidence", "device_id", "config_hash"):
        assert _LOWER.fullmatch(getattr(log, name, "0x"))


def calldata(data: bytes) -> None:
    """Any call that the signer judges, any answer of a node, any refusal of a contract."""
    for decode, encode in _CALLS:
        with suppress(ValueError):
            assert encode(decode(data)) == data
    for answer in (abi.decode_source, abi.decode_preview_result, abi.decode_uint, abi.decode_bool, abi.decode_bytes32):
        with suppress(ValueError):
            answer(data)
    assert abi.decode_revert(data)


def _uplink_seeds() -> Iterator[bytes]:
    for path in sorted(_SERVERS.glob("*tts*")):
        for line in path.read_bytes().splitlines() if path.suffix == ".ndjson" else [path.read_bytes()]:
            yield line
            yield json.dumps(json.loads(line), separators=(",", ":")).encode()
    small = {
        "f_port": 1,
        "f_cnt": 2,
        "session_key_id": "AXA50w==",
        "frm_payload": "gkHe",
        "received_at": "2020-02-12T15:15:46.0147Z",
    }
    yield json.dumps({"end_device_ids": {"dev_eui": "0004A30B001C0530"}, "uplink_message": small}).encode()


def _event_seeds() -> Iterator[bytes]:
    for path in sorted(_SERVERS.glob("*chirpstack*")):
        yield json.dumps(json.loads(path.read_bytes()), separators=(",", ":")).encode()


def _request_seeds() -> Iterator[bytes]:
    request = SignatureRequest(
        "attempt-1",
        "settlement",
        "0x" + "ab" * 32,
        31337,
        "0x" + "11" * 20,
        7,
        "0x" + "22" * 20,
        b"\1\2\3",
        90_000,
        20,
        10,
    )
    yield sign_request(request, _KEY, 1_772_000_000)
    yield encode_reply(SignedReply("attempt-1", b"\2abc", "0x" + "cd" * 32))
    yield encode_reply(RefusedReply("attempt-1", "the daily limit is reached"))


def _json_rpc_seeds() -> Iterator[bytes]:
    fields = ("nonce", "gas", "maxFeePerGas", "maxPriorityFeePerGas")
    transaction = dict.fromkeys(fields, "0x5") | {"from": "0x" + "11" * 20, "to": "0x" + "22" * 20, "data": "0x0102"}
    call = {"jsonrpc": "2.0", "id": 1, "method": "eth_signTransaction", "params": [transaction]}
    yield json.dumps(call).encode()
    yield json.dumps(call | {"params": [transaction | {"value": "0x0", "chainId": "0x89", "accessList": []}]}).encode()


def _http_signature_seeds() -> Iterator[bytes]:
    for body in (b"", b"{}"):
        signed = signature_headers(_KEY, "settlement", "POST", "/", body, created=1_772_000_000, nonce="0" * 16)
        yield "\n".join(f"{name.lower()}: {value}" for name, value in signed.items()).encode() + b"\n\n" + body


def _log_seeds() -> Iterator[bytes]:
    account = bytes(12) + b"\x11" * 20
    word = (7).to_bytes(32, "big")
    text = (32).to_bytes(32, "big") + (4).to_bytes(32, "big") + b"heat".ljust(32, b"\0")
    device = b"\x70\xb3\xd5\x7e\xd0\x06\x1a\x2b".ljust(32, b"\0")
    one = (1).to_bytes(32, "big")
    yield b"\x24" + account + account + word  # 0x24 % 6 == 0
    yield bytes((0x10 | 3,)) + account + word + text  # 0x13 % 6 == 1
    yield bytes((0x2C,)) + word + word + word * 4 + one + word  # 0x2c % 6 == 2
    yield bytes((0x1B,)) + word + word + device + one * 7  # 0x1b % 6 == 3
    yield bytes((0x10,)) + word + one + word  # 0x10 % 6 == 4
    yield bytes((0x11,)) + word + one  # 0x11 % 6 == 5
    yield bytes((0x84,)) + b"\n".join([b"0x" + account.hex().encode()] * 2 + [b"0x" + word.hex().encode()])


def _call_seeds() -> Iterator[bytes]:
    config = abi.ShareConfig(b"\1" * 32, b"\2" * 32, ("0x" + "11" * 20, "0x" + "22" * 20), (3, 1))
    evidence = abi.SettleEvidence(b"statement", b"\3" * 32, b"\4" * 32, b"leaf" * 8, (b"\5" * 32,), 1)
    yield abi.encode_settle(b"\6" * 32, evidence, config)
    yield abi.encode_settle_many([(b"\6" * 32, evidence, config)])
    yield abi.encode_settle_attested(abi.AttestedSettlement(b"\6" * 32, 1000, 1_700_000_000, b"\7" * 32, config))
    yield abi.encode_correct(b"\6" * 32, 1000, b"\7" * 32)
    for error in ("Stale(uint40,uint64,uint40,uint64)", "Implausible(uint64,uint256)", "BadKey()"):
        yield keccak(text=error)[:4] + (9).to_bytes(32, "big") * error.count("int")


TARGETS = {
    "things_stack": Target(things_stack, _uplink_seeds, size_max=4096),
    "chirpstack": Target(chirpstack, _event_seeds, size_max=4096),
    "signature_request": Target(signature_request, _request_seeds, size_max=1024),
    "json_rpc": Target(json_rpc, _json_rpc_seeds, size_max=1024),
    "http_signature": Target(http_signature, _http_signature_seeds, size_max=1024),
    "logs": Target(logs, _log_seeds, size_max=512),
    "calldata": Target(calldata, _call_seeds),
}

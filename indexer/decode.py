"""Logs of the token and the issuer as values. Logs of other kinds, such as approvals, are passed over."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from eth_utils.crypto import keccak

from community.tokens.issuer_events import EventField, IssuerEvent, SettledEvent
from community.tokens.transfers import Transfer
from contracts import abi
from indexer.distrust import NodeContradiction, RawLog


@dataclass(frozen=True, slots=True)
class Contracts:
    """The contracts whose logs are indexed, as lower-case addresses. A plain ERC-20 token has no issuer."""

    token: str
    issuer: str | None

    @property
    def addresses(self) -> tuple[str, ...]:
        return (self.token,) if self.issuer is None else (self.token, self.issuer)


@dataclass(frozen=True, slots=True)
class BlockRows:
    """What one block adds to the index, in log order."""

    transfers: tuple[Transfer, ...] = ()
    settled: tuple[SettledEvent, ...] = ()
    others: tuple[IssuerEvent, ...] = ()


_Decoded = tuple[str | None, Mapping[str, EventField]]
_MODES = {abi.MODE_DEVICE: "DEVICE", abi.MODE_ATTESTED: "ATTESTED"}


def decode(logs: Sequence[RawLog], contracts: Contracts) -> BlockRows:
    """The rows of one block's checked logs. Raises NodeContradiction if a log is not what its topic says."""
    transfers: list[Transfer] = []
    settled: list[SettledEvent] = []
    others: list[IssuerEvent] = []
    for log in logs:
        topic = log.topics[0] if log.topics else ""
        try:
            if log.address == contracts.token and topic == abi.TOPIC_TRANSFER:
                transfers.append(_transfer(log))
            elif log.address == contracts.issuer and topic == abi.TOPIC_SETTLED:
                settled.append(_settled(log))
            elif (event := _other(log, topic)) is not None:
                others.append(event)
        except ValueError as error:
            raise NodeContradiction(f"Block {log.block_number}, log {log.log_index}: {error}") from error
    return BlockRows(tuple(transfers), tuple(settled), tuple(others))


def _transfer(log: RawLog) -> Transfer:
    moved = abi.decode_transfer(log.topics, log.data)
    return Transfer(
        block_number=log.block_number,
        log_index=log.log_index,
        block_hash=log.block_hash,
        tx_hash=log.tx_hash,
        token=log.address,
        sender=moved.sender,
        recipient=moved.recipient,
        amount=moved.amount,
    )


def _settled(log: RawLog) -> SettledEvent:
    found = abi.decode_settled(log.topics, log.data)
    return SettledEvent(
        block_number=log.block_number,
        log_index=log.log_index,
        block_hash=log.block_hash,
        tx_hash=log.tx_hash,
        issuer=log.address,
        source_ref=found.source_id,
        seq=found.seq,
        from_wh=found.from_wh,
        to_wh=found.to_wh,
        read_at=datetime.fromtimestamp(found.read_at, UTC),
        minted_wh=found.minted_wh,
        mode=_MODES.get(found.mode, str(found.mode)),
        evidence=found.evidence,
    )


def _other(log: RawLog, topic: str) -> IssuerEvent | None:
    decoder = _DECODERS.get(topic)
    if decoder is None:
        return None
    name, read = decoder
    source_ref, fields = read(log)
    return IssuerEvent(
        block_number=log.block_number,
        log_index=log.log_index,
        block_hash=log.block_hash,
        tx_hash=log.tx_hash,
        contract=log.address,
        name=name,
        source_ref=source_ref,
        fields=fields,
    )


def _configured(log: RawLog) -> _Decoded:
    return _of_source(asdict(abi.decode_source_configured(log.topics, log.data)))


def _corrected(log: RawLog) -> _Decoded:
    return _of_source(asdict(abi.decode_corrected(log.topics, log.data)))


def _active(log: RawLog) -> _Decoded:
    return _of_source(asdict(abi.decode_source_active(log.topics, log.data)))


def _of_source(fields: dict[str, EventField]) -> _Decoded:
    return str(fields.pop("source_id")), fields


def _retired(log: RawLog) -> _Decoded:
    found = abi.decode_retired(log.topics, log.data)
    # JSON readers lose integers beyond 2^53, so amounts stand there as decimal strings
    return None, {"holder": found.holder, "amount": str(found.amount), "reason": found.reason}


def _role(log: RawLog) -> _Decoded:
    if len(log.topics) != 4:
        raise ValueError("a role event has four topics")
    role, account, sender = log.topics[1:]
    return None, {"role": role, "account": "0x" + account[26:], "sender": "0x" + sender[26:]}


def _pause(log: RawLog) -> _Decoded:
    if len(log.data) != 66:
        raise ValueError("a pause event has one word of data")
    return None, {"account": "0x" + log.data[26:]}


def _topic(signature: str) -> str:
    return "0x" + keccak(text=signature).hex()


_DECODERS: Mapping[str, tuple[str, Callable[[RawLog], _Decoded]]] = {
    abi.TOPIC_SOURCE_CONFIGURED: ("SourceConfigured", _configured),
    abi.TOPIC_CORRECTED: ("Corrected", _corrected),
    abi.TOPIC_SOURCE_ACTIVE: ("SourceActive", _active),
    abi.TOPIC_RETIRED: ("Retired", _retired),
    _topic("RoleGranted(bytes32,address,address)"): ("RoleGranted", _role),
    _topic("RoleRevoked(bytes32,address,address)"): ("RoleRevoked", _role),
    _topic("Paused(address)"): ("Paused", _pause),
    _topic("Unpaused(address)"): ("Unpaused", _pause),
}

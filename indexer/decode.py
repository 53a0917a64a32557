"""Logs of the token and the issuer as values. Logs of other kinds, such as approvals, are passed over."""

import re
from binascii import unhexlify
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from eth_utils.crypto import keccak

from community.chain.blocks import BlockHeader
from community.tokens.issuer_events import EventField, IssuerEvent, SettledEvent
from community.tokens.share_transfers import ShareTransfer
from community.tokens.transfers import TransferFields
from contracts import abi, share_logs
from indexer.distrust import CheckedLogs, NodeContradiction, data_of
from indexer.wire import WireLog

_ADDRESS_TOPIC = re.compile(r"0x0{24}[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Contracts:
    """The contracts whose logs are indexed, as lower-case addresses. A plain ERC-20 token has no issuer and no shares."""

    token: str
    issuer: str | None
    shares: str | None = None

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """Their names in the artifacts, and where they stand."""
        known = (("KwhToken", self.token), ("EnergyIssuer", self.issuer), ("EnergyShares", self.shares))
        return tuple((name, address) for name, address in known if address is not None)

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(address for _, address in self.named)


@dataclass(frozen=True, slots=True)
class BlockRows:
    """What one block adds to the index, in log order."""

    transfers: Sequence[TransferFields] = ()
    settled: Sequence[SettledEvent] = ()
    others: Sequence[IssuerEvent] = ()
    shares: Sequence[ShareTransfer] = ()


_Decoded = tuple[str | None, Mapping[str, EventField]]
_MODES = {abi.MODE_DEVICE: "DEVICE", abi.MODE_ATTESTED: "ATTESTED"}
_WORD_DATA = 66
_SHARE_TOPICS = (share_logs.TOPIC_TRANSFER_SINGLE, share_logs.TOPIC_TRANSFER_BATCH)


def decode(header: BlockHeader, checked: CheckedLogs, contracts: Contracts) -> BlockRows:
    """The rows of one block's checked logs. Raises NodeContradiction if a log is not what its topic says."""
    transfers: list[TransferFields] = []
    settled: list[SettledEvent] = []
    others: list[IssuerEvent] = []
    shares: list[ShareTransfer] = []
    number, block_hash, token, transfer = header.number, header.hash, contracts.token, abi.TOPIC_TRANSFER
    index = -1
    try:
        for log, index in zip(checked.logs, checked.indexes, strict=True):
            topics, data = log.topics, log.data
            topic = topics[0] if topics else ""
            if topic == transfer and log.address == token:
                _, sender, recipient = topics
                if len(data) != _WORD_DATA:
                    raise ValueError(f"a Transfer log has one word of data, got {len(data)} characters")
                transfers.append(
                    (
                        number,
                        index,
                        block_hash,
                        log.transaction_hash,
                        token,
                        _addresses[sender],
                        _addresses[recipient],
                        _uint(unhexlify(data[2:]), "big"),
                    )
                )
            elif topic == abi.TOPIC_SETTLED and log.address == contracts.issuer:
                settled.append(_settled(_Place(header, log, index)))
            elif topic in _SHARE_TOPICS and log.address == contracts.shares:
                shares += _shares(_Place(header, log, index))
            elif (event := _other(_Place(header, log, index), topic)) is not None:
                others.append(event)
    except ValueError as error:
        raise NodeContradiction(f"Block {number}, log {index}: {error}") from error
    return BlockRows(transfers, settled, others, shares)


_uint = int.from_bytes


class _Addresses(dict[str, str]):
    """Addresses by topic; a topic is looked at once, for a community's accounts come again and again."""

    _COUNT_MAX = 1 << 17

    def __missing__(self, topic: str) -> str:
        if not _ADDRESS_TOPIC.fullmatch(topic):
            raise ValueError(f"not an address in a log: {topic:.80}")
        if len(self) >= self._COUNT_MAX:
            self.clear()
        address = "0x" + topic[26:]
        self[topic] = address
        return address


_addresses = _Addresses()


def address_in(topic: str) -> str:
    """The address in an indexed topic. Raises ValueError if it holds anything else."""
    return _addresses[topic]


@dataclass(frozen=True, slots=True)
class _Place:
    """A log and where it stands."""

    header: BlockHeader
    log: WireLog
    index: int

    @property
    def topics(self) -> Sequence[str]:
        return self.log.topics

    @property
    def data(self) -> str:
        return data_of(self.log)


def _settled(place: _Place) -> SettledEvent:
    found = abi.decode_settled(place.topics, place.data)
    return SettledEvent(
        block_number=place.header.number,
        log_index=place.index,
        block_hash=place.header.hash,
        tx_hash=place.log.transaction_hash,
        issuer=place.log.address,
        source_ref=found.source_id,
        seq=found.seq,
        from_wh=found.from_wh,
        to_wh=found.to_wh,
        read_at=datetime.fromtimestamp(found.read_at, UTC),
        minted_wh=found.minted_wh,
        mode=_MODES.get(found.mode, str(found.mode)),
        evidence=found.evidence,
    )


def _shares(place: _Place) -> list[ShareTransfer]:
    found = share_logs.decode_share_transfer(place.topics, place.data)
    return [
        ShareTransfer(
            block_number=place.header.number,
            log_index=place.index,
            position=position,
            block_hash=place.header.hash,
            tx_hash=place.log.transaction_hash,
            contract=place.log.address,
            operator=found.operator,
            sender=found.sender,
            recipient=found.recipient,
            source_ref=source_ref,
            amount=amount,
        )
        for position, (source_ref, amount) in enumerate(found.shares)
    ]


def _other(place: _Place, topic: str) -> IssuerEvent | None:
    decoder = _DECODERS.get(topic)
    if decoder is None:
        return None
    name, read = decoder
    source_ref, fields = read(place)
    return IssuerEvent(
        block_number=place.header.number,
        log_index=place.index,
        block_hash=place.header.hash,
        tx_hash=place.log.transaction_hash,
        contract=place.log.address,
        name=name,
        source_ref=source_ref,
        fields=fields,
    )


def _configured(log: _Place) -> _Decoded:
    return _of_source(asdict(abi.decode_source_configured(log.topics, log.data)))


def _corrected(log: _Place) -> _Decoded:
    return _of_source(asdict(abi.decode_corrected(log.topics, log.data)))


def _active(log: _Place) -> _Decoded:
    return _of_source(asdict(abi.decode_source_active(log.topics, log.data)))


def _shares_created(log: _Place) -> _Decoded:
    return _of_source(asdict(share_logs.decode_shares_created(log.topics, log.data)))


def _shares_bridged(log: _Place) -> _Decoded:
    return _of_source(asdict(share_logs.decode_shares_bridged(log.topics, log.data)))


def _of_source(fields: dict[str, EventField]) -> _Decoded:
    return str(fields.pop("source_id")), fields


def _retired(log: _Place) -> _Decoded:
    found = abi.decode_retired(log.topics, log.data)
    # JSON readers lose integers beyond 2^53, so amounts stand there as decimal strings
    return None, {"holder": found.holder, "amount": str(found.amount), "reason": found.reason}


def _role(log: _Place) -> _Decoded:
    if len(log.topics) != 4:
        raise ValueError("a role event has four topics")
    role, account, sender = log.topics[1:]
    return None, {"role": role, "account": address_in(account), "sender": address_in(sender)}


def _pause(log: _Place) -> _Decoded:
    if len(log.data) != 66:
        raise ValueError("a pause event has one word of data")
    return None, {"account": address_in(log.data)}


def _topic(signature: str) -> str:
    return "0x" + keccak(text=signature).hex()


_DECODERS: Mapping[str, tuple[str, Callable[[_Place], _Decoded]]] = {
    abi.TOPIC_SOURCE_CONFIGURED: ("SourceConfigured", _configured),
    abi.TOPIC_CORRECTED: ("Corrected", _corrected),
    abi.TOPIC_SOURCE_ACTIVE: ("SourceActive", _active),
    abi.TOPIC_RETIRED: ("Retired", _retired),
    share_logs.TOPIC_SHARES_CREATED: ("SharesCreated", _shares_created),
    share_logs.TOPIC_SHARES_BRIDGED: ("SharesBridged", _shares_bridged),
    _topic("RoleGranted(bytes32,address,address)"): ("RoleGranted", _role),
    _topic("RoleRevoked(bytes32,address,address)"): ("RoleRevoked", _role),
    _topic("Paused(address)"): ("Paused", _pause),
    _topic("Unpaused(address)"): ("Unpaused", _pause),
}

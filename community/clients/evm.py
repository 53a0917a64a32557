"""An EVM node over JSON-RPC and HTTP: one client, typed answers, and a clear line between refused and unreachable.

Quantities are ints, data is bytes, hashes and addresses are lower-case 0x text. Blocks, logs, receipts and transactions
stay the node's own JSON objects, whose quantities `quantity` reads: their shape differs between nodes and is checked by
whoever uses them.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from community.clients.json_rpc import Call, HttpEndpoint, endpoint_name, request_body
from community.clients.json_rpc import NodeUnavailable as NodeUnavailable  # noqa: PLC0414 - who asks a node catches both errors from here
from community.errors import CommunityError
from community.json_input import parse_json

BlockTag = int | str
"""A block number, or "latest", "finalized", "pending", "earliest", or a 0x block hash where a method takes one."""

_LIMIT_EXCEEDED = -32005
_BODY_IN_ERROR = 80
_ANSWER_MAX = 1 << 28
"""Bytes: the logs of some 400 000 transfers."""
_ANSWER_DEPTH_MAX = 32
"""Levels; blocks, logs and receipts have five."""


class NodeRefused(CommunityError):
    """The node understood and answered with an error; `data` holds a revert's bytes, if it sent them."""

    def __init__(self, method: str, code: int, message: str, data: bytes = b"") -> None:
        super().__init__(f"The chain node refused {method}: {message} (code {code})")
        self.method = method
        self.code = code
        self.message = message
        self.data = data


class EvmNode:
    """One JSON-RPC endpoint. Raises NodeUnavailable or NodeRefused from every call; retries nothing by itself."""

    def __init__(self, url: str, timeout_s: float = 10.0) -> None:
        self.url = url
        self._endpoint = HttpEndpoint(url, timeout_s)

    @property
    def name(self) -> str:
        """Host and port: the name for logs, without the keys that an address may hold."""
        return endpoint_name(self.url)

    async def close(self) -> None:
        """Return the connections."""
        await self._endpoint.close()

    async def call(self, method: str, *params: Any) -> Any:
        """The `result` of one JSON-RPC call."""
        status, body = await self._endpoint.post(request_body([(method, params)]), method)
        answer = _json_object(method, status, body)
        if "error" in answer and answer["error"] is not None:
            raise refusal(method, answer["error"])
        if status != HTTPStatus.OK or answer.get("id") != 0 or "result" not in answer:
            raise NodeUnavailable(f"The chain node's answer to {method} is no JSON-RPC answer (HTTP {status})")
        return answer["result"]

    async def fetch(self, calls: Sequence[Call]) -> bytes:
        """The unparsed answer to one call, or to a batch: for readers in bulk, who parse only what they use.

        A provider's refusal often comes with an HTTP error; where the body looks like JSON it is given back all the same.
        """
        what = calls[0][0]
        status, body = await self._endpoint.post(request_body(calls), what)
        if status != HTTPStatus.OK and body[:1] not in (b"{", b"["):
            raise NodeUnavailable(_no_json(what, status, body))
        return body

    async def chain_id(self) -> int:
        """The chain the node follows (EIP-155)."""
        return quantity(await self.call("eth_chainId"))

    async def block_number(self) -> int:
        """Number of the newest block the node has."""
        return quantity(await self.call("eth_blockNumber"))

    async def block(self, tag: BlockTag = "latest", full: bool = False) -> dict[str, Any] | None:
        """The block at a number or tag, or of a 32-byte hash; None if the node has none. `full` brings transactions."""
        method = "eth_getBlockByHash" if _is_hash(tag) else "eth_getBlockByNumber"
        return _optional_object(method, await self.call(method, block_parameter(tag), full))

    async def logs(
        self,
        *,
        from_block: BlockTag | None = None,
        to_block: BlockTag | None = None,
        block_hash: str | None = None,
        addresses: Sequence[str] = (),
        topics: Sequence[str | Sequence[str] | None] = (),
    ) -> list[dict[str, Any]]:
        """Logs of a range of blocks (both ends included) or of one block hash."""
        where: dict[str, Any] = {
            "address": list(addresses),
            "topics": [t if t is None or isinstance(t, str) else list(t) for t in topics],
        }
        if block_hash is not None:
            where["blockHash"] = block_hash
        if from_block is not None:
            where["fromBlock"] = block_parameter(from_block)
        if to_block is not None:
            where["toBlock"] = block_parameter(to_block)
        found = await self.call("eth_getLogs", {key: value for key, value in where.items() if value != []})
        if not isinstance(found, list):
            raise NodeUnavailable("The chain node's answer to eth_getLogs is no list")
        return found

    async def receipt(self, tx_hash: str) -> dict[str, Any] | None:
        """The receipt of a mined transaction, or None."""
        return _optional_object("receipt", await self.call("eth_getTransactionReceipt", tx_hash))

    async def transaction(self, tx_hash: str) -> dict[str, Any] | None:
        """A transaction the node knows, mined (`blockHash` set) or waiting, or None."""
        return _optional_object("transaction", await self.call("eth_getTransactionByHash", tx_hash))

    async def nonce(self, address: str, tag: BlockTag = "latest") -> int:
        """How many transactions of `address` are mined up to `tag`."""
        return quantity(await self.call("eth_getTransactionCount", address, block_parameter(tag)))

    async def balance(self, address: str, tag: BlockTag = "latest") -> int:
        """Native coin of `address`, in its smallest unit."""
        return quantity(await self.call("eth_getBalance", address, block_parameter(tag)))

    async def code(self, address: str, tag: BlockTag = "latest") -> bytes:
        """The contract code at `address`; empty where there is none."""
        return octets(await self.call("eth_getCode", address, block_parameter(tag)))

    async def eth_call(self, to: str, data: bytes, tag: BlockTag = "latest", *, sender: str | None = None) -> bytes:
        """What a call of `to` with `data` would return. NodeRefused.data holds the revert."""
        return octets(await self.call("eth_call", _message(to, data, sender), block_parameter(tag)))

    async def estimate_gas(self, to: str, data: bytes, *, sender: str) -> int:
        """Gas that a transaction from `sender` would need now. NodeRefused.data holds the revert."""
        return quantity(await self.call("eth_estimateGas", _message(to, data, sender)))

    async def fee_history(self, blocks: int, percentiles: Sequence[int], newest: BlockTag = "latest") -> dict[str, Any]:
        """`eth_feeHistory` of the last `blocks` blocks, with reward percentiles."""
        found = await self.call("eth_feeHistory", hex(blocks), block_parameter(newest), list(percentiles))
        if not isinstance(found, dict):
            raise NodeUnavailable("The chain node's answer to eth_feeHistory is no object")
        return found

    async def send_raw(self, raw: bytes) -> str:
        """Hand signed bytes to the network; the hash the node gives them."""
        return str(await self.call("eth_sendRawTransaction", "0x" + raw.hex())).lower()


def quantity(value: Any) -> int:
    """The int of a JSON-RPC quantity. Raises NodeUnavailable for anything else: a node in trouble answers so."""
    if not isinstance(value, str) or not value.startswith("0x"):
        raise NodeUnavailable(f"The chain node gave {value!r:.60} where a 0x quantity belongs")
    try:
        return int(value, 16)
    except ValueError as error:
        raise NodeUnavailable(f"The chain node gave {value!r:.60} where a 0x quantity belongs") from error


def octets(value: Any) -> bytes:
    """The bytes of JSON-RPC data. Raises NodeUnavailable for anything else."""
    if not isinstance(value, str) or not value.startswith("0x"):
        raise NodeUnavailable(f"The chain node gave {value!r:.60} where 0x data belongs")
    try:
        return bytes.fromhex(value[2:])
    except ValueError as error:
        raise NodeUnavailable(f"The chain node gave {value!r:.60} where 0x data belongs") from error


def block_parameter(tag: BlockTag) -> str:
    """A block number as JSON-RPC writes it; tags and hashes unchanged."""
    return hex(tag) if isinstance(tag, int) else tag


def _is_hash(tag: BlockTag) -> bool:
    return isinstance(tag, str) and len(tag) == 66 and tag.startswith("0x")


def _message(to: str, data: bytes, sender: str | None) -> dict[str, str]:
    message = {"to": to, "data": "0x" + data.hex()}
    return message if sender is None else {"from": sender, **message}


def _json_object(method: str, status: int, body: bytes) -> Mapping[str, Any]:
    """The JSON object of an answer. An HTML error page or a bare 5xx is the node being away, not a bug of ours."""
    try:
        answer = parse_json(body, size_max=_ANSWER_MAX, depth_max=_ANSWER_DEPTH_MAX)
    except ValueError as error:
        raise NodeUnavailable(_no_json(method, status, body)) from error
    if (
        not isinstance(answer, dict)
        or status == HTTPStatus.TOO_MANY_REQUESTS
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    ):
        raise NodeUnavailable(f"The chain node answered {method} with HTTP {status}")
    return answer


def _no_json(method: str, status: int, body: bytes) -> str:
    begin = body[:_BODY_IN_ERROR].decode(errors="replace").replace("\n", " ")
    return f"The chain node answered {method} with HTTP {status} and no JSON: {begin!r}"


def refusal(method: str, error: Any) -> CommunityError:
    """What an error object of JSON-RPC means: refused, or not now."""
    if not isinstance(error, dict):
        return NodeUnavailable(f"The chain node answered {method} with an unreadable error")
    code, message = error.get("code"), error.get("message")
    if code == _LIMIT_EXCEEDED:
        return NodeUnavailable(f"The chain node limits our requests ({method}): {message}")
    return NodeRefused(method, code if isinstance(code, int) else 0, str(message), _revert_data(error.get("data")))


def _revert_data(data: Any) -> bytes:
    """A revert's bytes: geth and anvil give hex in `data`, others nest it one deeper or put text there."""
    if isinstance(data, dict):
        data = data.get("data")
    if isinstance(data, str) and data.startswith("0x"):
        try:
            return bytes.fromhex(data[2:])
        except ValueError:
            return b""
    return b""


def _optional_object(what: str, value: Any) -> dict[str, Any] | None:
    if value is None or isinstance(value, dict):
        return value
    raise NodeUnavailable(f"The chain node gave {value!r:.60} where a {what} belongs")

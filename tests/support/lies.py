"""Lies that nodes were caught in, each as a change of a LyingNode."""

import random
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.support.lying_node import LyingNode, Refusal

HTML = b"<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"

LIMITS = {
    "Alchemy": Refusal(
        "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range and no limit on the response size, or you can request any block range with a cap of 10K logs in the response. Based on your parameters and the response size limit, this block range should work: [0x1, 0x5]",
        -32602,
    ),
    "Alchemy free": Refusal(
        "Under the Free tier plan, you can make eth_getLogs requests with up to a 10 block range. Based on your parameters, this block range should work: [0x0, 0x9].",
        -32600,
    ),
    "Alchemy rate": Refusal(
        "Your app has exceeded its compute units per second capacity. If you have retries enabled, you can safely ignore this message.",
        429,
        429,
    ),
    "Infura": Refusal("query returned more than 10000 results. Try with this block range [0x1, 0x3].", -32005),
    "Infura rate": Refusal("daily request count exceeded, request rate limited", -32005, 429),
    "QuickNode": Refusal("eth_getLogs is limited to a 5 range", -32614, 413),
    "QuickNode rate": Refusal(
        "50/second request limit reached - reduce calls per second or upgrade your account at quicknode.com",
        -32007,
        429,
    ),
    "Polygon public": Refusal("exceed maximum block range: 5", -32000),
    "Ankr": Refusal("block range is too wide", -32600),
    "Chainstack": Refusal("Block range limit exceeded. See more details at https://docs.example/#limits", -32002),
    "dRPC": Refusal("query exceeds max block range 3", -32602),
    "BlockPI": Refusal("eth_getLogs is limited to 4 blocks range", -32000),
    "LlamaRPC": Refusal("query exceeds max results 20000, retry with the range 1-3", -32602),
    "geth": Refusal("query timeout exceeded", -32002),
    "reth": Refusal("query exceeds max block range 6", -32602),
    "PublicNode": Refusal("exceed maximum block range: 4", -32701),
    "batch": Refusal("batch size too large: maximum allowed is 2", -32600),
}
"""Providers' words for too much, at sizes that the tests reach."""


def limiting(wording: Refusal, times: int, range_max: int = 3) -> Callable[[LyingNode], None]:
    """Refuse wide ranges with `wording` as often as it takes; what is no matter of the range, `times` times."""

    def apply(node: LyingNode) -> None:
        left = [times]

        def twist(method: str, params: list[Any], result: Any) -> Any:
            if method == "eth_getLogs" and "fromBlock" in params[0]:
                wide = int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) >= range_max
                if wide and left[0] > 0:
                    left[0] -= 1
                    return wording
            return result

        node.twist = twist

    return apply


def of_logs(change: Callable[[list[dict[str, Any]]], Any]) -> Callable[[LyingNode], None]:
    """Change what `eth_getLogs` gives, wherever it gives anything."""

    def apply(node: LyingNode) -> None:
        node.twist = lambda method, params, result: change(result) if method == "eth_getLogs" and result else result

    return apply


def spoiled(change: Callable[[bytes], web.Response]) -> Callable[[LyingNode], None]:
    def apply(node: LyingNode) -> None:
        node.spoil = change

    return apply


def hanging(node: LyingNode) -> None:
    node.hang = True


def another_block(node: LyingNode) -> None:
    """Another block than the one asked for, in turns with the right one."""
    kept: list[Any] = []

    def twist(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_getBlockByNumber" and result and params[0].startswith("0x"):
            kept.append(result)
            return kept[-2] if len(kept) > 1 else result
        return result

    node.twist = twist


def disordered_heads(node: LyingNode) -> None:
    """The latest block is now this, now an older one."""
    draw, seen = random.Random(1), []

    def twist(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_getBlockByNumber" and params[0] == "latest":
            seen.append(result)
            return draw.choice(seen)
        return result

    node.twist = twist


LIES: dict[str, Callable[[LyingNode], None]] = {
    "no logs at all": of_logs(lambda logs: []),
    "the last log is missing": of_logs(lambda logs: logs[:-1]),
    "the first log is missing": of_logs(lambda logs: logs[1:]),
    "every second log": of_logs(lambda logs: logs[::2] if len(logs) > 1 else []),
    "logs of another fork": of_logs(lambda logs: [log | {"blockHash": "0x" + "99" * 32} for log in logs]),
    "logs of the block before": of_logs(
        lambda logs: [log | {"blockNumber": hex(int(log["blockNumber"], 16) - 1)} for log in logs]
    ),
    "a transaction of another block": of_logs(
        lambda logs: [log | {"transactionHash": "0x" + "77" * 32} for log in logs]
    ),
    "another amount, shorter": of_logs(lambda logs: [log | {"data": log["data"][:-2]} for log in logs]),
    "another holder": of_logs(
        lambda logs: [log | {"topics": [*log["topics"][:-1], "0x" + "0" * 24 + "ee" * 20]} for log in logs]
    ),
    "logs twice": of_logs(lambda logs: [*logs, *logs]),
    "logs in reverse": of_logs(lambda logs: [*logs, logs[0]] if len(logs) == 1 else logs[::-1]),
    "removed logs": of_logs(lambda logs: [log | {"removed": True} for log in logs]),
    "a log that is none": of_logs(lambda logs: [{"address": 1}]),
    "null for logs": of_logs(lambda logs: None),
    "another block": another_block,
    "truncated": spoiled(lambda body: web.Response(body=body[: len(body) // 2], content_type="application/json")),
    "HTML, and all is well": spoiled(lambda body: web.Response(body=HTML, content_type="text/html")),
    "HTML of a gateway": spoiled(lambda body: web.Response(body=HTML, status=502, content_type="text/html")),
    "an empty body": spoiled(lambda body: web.Response(body=b"")),
    "nested beyond measure": spoiled(lambda body: web.Response(body=b'{"id":0,"result":' + b"[" * 100_000)),
    "hanging": hanging,
}
"""Lies that must be noticed: the node is named in the log and another one takes over."""

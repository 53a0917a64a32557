"""New heads of a chain as a node announces them over a WebSocket (`eth_subscribe`)."""

import json
from collections.abc import AsyncIterator

import aiohttp

from community.clients.json_rpc import NodeUnavailable, endpoint_name

HEARTBEAT_S = 5.0
"""A ping in between finds a peer that is gone without having said so."""
_MESSAGE_MAX = 1 << 20


async def new_heads(url: str, silence_s: float, open_s: float = 10.0) -> AsyncIterator[str]:
    """The hash of each head announced. Raises NodeUnavailable when the line drops or is silent for `silence_s` seconds.

    What was announced while the line was down is not announced again: the follower asks for what it misses.
    """
    name = endpoint_name(url)
    try:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=open_s)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.ws_connect(url, heartbeat=HEARTBEAT_S, max_msg_size=_MESSAGE_MAX) as line,
        ):
            await line.send_json({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]})
            while True:
                message = await line.receive(timeout=silence_s)
                if message.type is not aiohttp.WSMsgType.TEXT:
                    raise NodeUnavailable(f"The chain node {name} closed its line of new heads ({message.type.name})")
                answer = json.loads(message.data)
                if not isinstance(answer, dict) or "error" in answer:
                    raise NodeUnavailable(f"The chain node {name} announces no heads: {message.data:.200}")
                if answer.get("method") == "eth_subscription":
                    yield str(answer["params"]["result"]["hash"])
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise NodeUnavailable(
            f"The line of new heads from {name} is down: {type(error).__name__} {error}".rstrip()
        ) from error

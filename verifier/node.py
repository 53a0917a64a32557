"""A chain node of the reader's own choice, asked over plain JSON-RPC. What it says is compared, never only believed."""

import json
import urllib.error
import urllib.request
from typing import Any

from community.json_input import parse_json

TIMEOUT_S = 30
ANSWER_MAX = 1 << 28
DEPTH_MAX = 32


class NodeTrouble(Exception):
    """The node is away, or refuses. The text says which and why."""


class Node:
    """One JSON-RPC endpoint."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opener = urllib.request.build_opener()

    def ask(self, method: str, *params: Any) -> Any:
        """The result of one call. Raises NodeTrouble."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        try:
            request = urllib.request.Request(self._url, body, {"content-type": "application/json"})  # noqa: S310 - the reader's own choice
            with self._opener.open(request, timeout=TIMEOUT_S) as response:
                answer = parse_json(response.read(ANSWER_MAX + 1), size_max=ANSWER_MAX, depth_max=DEPTH_MAX)
        except urllib.error.HTTPError as error:
            answer = _of_refusal(method, error)
        except (OSError, ValueError) as error:
            raise NodeTrouble(f"The node does not answer {method}: {error}. Is --rpc the address of a node?") from error
        if not isinstance(answer, dict) or "result" not in answer:
            told = answer.get("error") if isinstance(answer, dict) else answer
            raise NodeTrouble(f"The node refuses {method}: {told!s:.300}")
        return answer["result"]

    def number(self, method: str, *params: Any) -> int:
        """A quantity. Raises NodeTrouble."""
        found = self.ask(method, *params)
        try:
            return int(found, 16)
        except (TypeError, ValueError) as error:
            raise NodeTrouble(f"The node answers {method} by {found!s:.100}, which is no number") from error

    def block(self, tag: str) -> dict[str, Any] | None:
        """A block without its transactions."""
        found = self.ask("eth_getBlockByNumber", tag, False)
        return found if isinstance(found, dict) else None

    def logs(self, address: str, topics: list[Any], first: int, last: int) -> list[dict[str, Any]]:
        """Logs of the blocks `first` to `last`; in smaller ranges where the node takes no larger ones. Raises NodeTrouble."""
        asked = {"address": address, "topics": topics, "fromBlock": hex(first), "toBlock": hex(last)}
        try:
            found = self.ask("eth_getLogs", asked)
        except NodeTrouble:
            if first >= last:
                raise
            middle = (first + last) // 2
            return self.logs(address, topics, first, middle) + self.logs(address, topics, middle + 1, last)
        if not isinstance(found, list) or not all(isinstance(log, dict) for log in found):
            raise NodeTrouble("The node answers eth_getLogs by something that is no list of logs")
        return found


def _of_refusal(method: str, error: urllib.error.HTTPError) -> Any:
    try:
        return parse_json(error.read(ANSWER_MAX), size_max=ANSWER_MAX, depth_max=DEPTH_MAX)
    except (OSError, ValueError):
        raise NodeTrouble(f"The node answers {method} with HTTP {error.code}") from error

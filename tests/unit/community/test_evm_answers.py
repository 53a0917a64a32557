"""A chain node that answers nonsense is a node that is away, never the end of the process."""

import httpx
import pytest

from community.clients.evm import EvmNode, NodeUnavailable


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff\xfe", b"[" * 200_000, b'{"result":' * 200_000])
async def test_an_answer_that_is_no_answer(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    node = EvmNode("http://node.invalid")

    async def post(*_arguments: object, **_named: object) -> httpx.Response:
        return httpx.Response(200, content=body, request=httpx.Request("POST", node.url))

    monkeypatch.setattr(httpx.AsyncClient, "post", post)
    with pytest.raises(NodeUnavailable):
        await node.chain_id()  # whatever the recursion limit is: a library of the signer's raises it
    await node.close()

"""A chain node that answers nonsense is a node that is away, never the end of the process."""

import pytest

from community.clients.evm import EvmNode, NodeUnavailable
from community.clients.json_rpc import HttpEndpoint


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff\xfe", b"[" * 200_000, b'{"result":' * 200_000])
async def test_an_answer_that_is_no_answer(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    node = EvmNode("http://node.invalid")

    async def post(*_arguments: object) -> tuple[int, bytes]:
        return 200, body

    monkeypatch.setattr(HttpEndpoint, "post", post)
    with pytest.raises(NodeUnavailable):
        await node.chain_id()  # whatever the recursion limit is: a library of the signer's raises it
    await node.close()

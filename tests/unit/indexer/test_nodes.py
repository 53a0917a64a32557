"""Which node is worked with, which bears witness, and what several of them call final."""

from structlog.testing import capture_logs

from indexer.finality import agreed_final, majority
from indexer.nodes import Nodes
from tests.support.scripted_node import ScriptedChain, ScriptedNode


def chain(length: int, finalised: int, salt: str = "") -> ScriptedChain:
    made = ScriptedChain()
    for _ in range(length):
        made.add(salt=salt)
    made.finalised = finalised
    return made


def panel(*names: str) -> tuple[Nodes, list[float]]:
    clock = [0.0]
    return Nodes([ScriptedNode(ScriptedChain(), f"http://{name}") for name in names], lambda: clock[0]), clock


def test_a_node_that_failed_rests_longer_each_time() -> None:
    nodes, clock = panel("one", "two", "three")
    nodes.fail_over("down")
    assert nodes.current.name == "two" and nodes.resting == ("one",)
    nodes.fail_over("down")
    assert nodes.current.name == "three"
    clock[0] = 1.5
    assert nodes.resting == ()
    nodes.fail_over("down")
    assert nodes.current.name == "one"
    nodes.fail_over("down")
    assert nodes.resting == ("one", "three")
    clock[0] = 3.0
    assert nodes.resting == ("one",)


def test_the_log_names_the_endpoint_and_no_secret() -> None:
    nodes = Nodes([ScriptedNode(ScriptedChain(), "https://user:word@rpc.example:8443/v2/SECRET?key=SECRET")])
    with capture_logs() as logs:
        nodes.fail_over("down")
    assert logs[0]["endpoint"] == "rpc.example:8443" and "SECRET" not in str(logs)


def test_a_witness_is_another_node_that_does_not_rest() -> None:
    nodes, _ = panel("one", "two")
    assert nodes.witness is not None and nodes.witness.name == "two"
    nodes.fail_over("down")
    assert nodes.current.name == "two" and nodes.witness is None
    assert panel("alone")[0].witness is None


async def test_most_of_those_that_answer_decide_what_is_final() -> None:
    honest = chain(9, 5)
    ahead, behind = chain(9, 8), chain(9, 3)
    nodes = [ScriptedNode(one) for one in (honest, ahead, behind)]
    final = await agreed_final(nodes, 1)
    assert final is not None and (final.number, final.hash) == (5, honest.blocks[5]["hash"])
    nodes[1].down = True
    final = await agreed_final(nodes, 1)
    assert final is not None and final.number == 3
    nodes[2].down = True
    final = await agreed_final(nodes, 1)
    assert final is not None and final.number == 5
    assert await agreed_final(nodes, 2) is None


async def test_a_disputed_block_is_not_final() -> None:
    nodes = [ScriptedNode(chain(9, 5)), ScriptedNode(chain(9, 5, "other"))]
    with capture_logs() as logs:
        assert await agreed_final(nodes, 1) is None
    assert [log["event"] for log in logs] == ["finality_disputed"]
    nodes.append(ScriptedNode(chain(9, 7)))
    final = await agreed_final(nodes, 1)
    assert final is not None and final.hash == nodes[0].chain.blocks[5]["hash"]


def test_a_majority_is_more_than_half() -> None:
    assert [majority(count) for count in (1, 2, 3, 4, 5)] == [1, 2, 2, 3, 3]

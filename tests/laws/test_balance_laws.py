"""Laws of the fold of transfers: parts add up, taking back undoes, and balances sum to the supply."""

from hypothesis import given
from hypothesis import strategies as st

from community.tokens.balances import BalanceOutOfRange, Effects, effects_of, fold, supply_after
from community.tokens.supply import Supply
from community.tokens.transfers import ZERO_ADDRESS, Transfer, TransferKind

TOKEN = "0x" + "aa" * 20
HOLDERS = tuple("0x" + f"{n:040x}" for n in range(1, 5))


@st.composite
def histories(draw: st.DrawFn) -> list[Transfer]:
    """Transfers that a token contract would have allowed."""
    held = dict.fromkeys(HOLDERS, 0)
    made: list[Transfer] = []
    for index in range(draw(st.integers(0, 25))):
        kind = draw(st.sampled_from(TransferKind))
        sender = ZERO_ADDRESS if kind is TransferKind.MINT else draw(st.sampled_from(HOLDERS))
        recipient = ZERO_ADDRESS if kind is TransferKind.BURN else draw(st.sampled_from(HOLDERS))
        amount = draw(st.integers(0, 10**30 if kind is TransferKind.MINT else held[sender]))
        if sender != ZERO_ADDRESS:
            held[sender] -= amount
        if recipient != ZERO_ADDRESS:
            held[recipient] += amount
        block_hash = "0x" + f"{index:064x}"
        made.append(Transfer(index // 3, index, block_hash, block_hash, TOKEN, sender, recipient, amount))
    return made


def summed(first: Effects, second: Effects) -> dict[tuple[str, str], int]:
    keys = set(first.balances) | set(second.balances)
    both = {key: first.balances.get(key, 0) + second.balances.get(key, 0) for key in keys}
    return {key: change for key, change in both.items() if change}


@given(histories())
def test_balances_add_up_to_the_supply(history: list[Transfer]) -> None:
    supply = supply_after(Supply(), effects_of(history), TOKEN)
    balances = fold(history)
    assert sum(balances.values()) == supply.outstanding == supply.minted - supply.burned
    assert all(amount > 0 for amount in balances.values())
    assert set(balances) <= set(effects_of(history).last_block)


@given(histories(), st.data())
def test_the_effects_of_parts_add_up_to_those_of_the_whole(history: list[Transfer], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(history)))
    assert summed(effects_of(history[:cut]), effects_of(history[cut:])) == effects_of(history).balances


@given(histories(), st.data())
def test_taking_back_leaves_what_was_before(history: list[Transfer], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(history)))
    undone = effects_of(history[cut:])
    assert summed(effects_of(history), undone.reverted()) == effects_of(history[:cut]).balances
    after = supply_after(Supply(), effects_of(history), TOKEN)
    assert supply_after(after, undone.reverted(), TOKEN) == supply_after(Supply(), effects_of(history[:cut]), TOKEN)


@given(histories().filter(lambda made: bool(fold(made))))
def test_a_left_out_mint_is_noticed_or_changes_the_supply(history: list[Transfer]) -> None:
    first = next(n for n, one in enumerate(history) if one.kind is TransferKind.MINT and one.amount)
    rest = history[:first] + history[first + 1 :]
    try:
        left = fold(rest)
    except BalanceOutOfRange:
        return  # somebody spent what the index never saw arrive
    assert sum(left.values()) != sum(fold(history).values())

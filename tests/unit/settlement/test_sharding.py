"""Sources are shared out among accounts by stable hash."""

from eth_utils.crypto import keccak

from settlement.sharding import account_for

ACCOUNTS = tuple(f"0x{n:040x}" for n in (0xA1, 0xB2, 0xC3))
REFS = tuple("0x" + keccak(text=f"source {n}").hex() for n in range(300))


def test_every_source_has_one_account_whatever_the_order_of_the_list() -> None:
    for ref in REFS:
        assert account_for(ref, ACCOUNTS) == account_for(ref, ACCOUNTS[::-1]) in ACCOUNTS


def test_the_accounts_get_about_as_many_sources_each() -> None:
    shares = [sum(account_for(ref, ACCOUNTS) == account for ref in REFS) for account in ACCOUNTS]
    assert min(shares) > 60 and sum(shares) == len(REFS)


def test_one_more_account_moves_only_what_it_takes_over() -> None:
    more = (*ACCOUNTS, "0x" + "d4" * 20)
    for ref in REFS:
        assert account_for(ref, more) in (account_for(ref, ACCOUNTS), more[-1])

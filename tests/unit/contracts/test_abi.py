"""Calls, answers and values: round trips, strictness, and refusal of what the contract would refuse."""

from dataclasses import replace

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from contracts import abi

WORDS = st.binary(min_size=32, max_size=32)
ADDRESSES = st.binary(min_size=20, max_size=20).filter(any).map(lambda raw: "0x" + raw.hex())
CONFIGS = st.lists(st.tuples(ADDRESSES, st.integers(1, 2**64 - 1)), min_size=1, max_size=6).flatmap(
    lambda shares: st.builds(
        abi.ShareConfig,
        WORDS,
        WORDS,
        st.just(tuple(holder for holder, _ in shares)),
        st.just(tuple(weight for _, weight in shares)),
    )
)
EVIDENCE = st.builds(
    abi.SettleEvidence,
    st.binary(max_size=130),
    WORDS,
    WORDS,
    st.binary(max_size=40),
    st.lists(WORDS, max_size=8).map(tuple),
    st.integers(0, 255),
)
CONFIG = abi.ShareConfig(b"\x01" * 32, b"\x02" * 32, ("0x" + "aa" * 20, "0x" + "bb" * 20), (1, 2))
GIVEN = abi.SettleEvidence(b"statement", b"\x03" * 32, b"\x04" * 32, b"leaf", (b"\x05" * 32,), 1)
SOURCE = b"\x06" * 32


@given(WORDS, EVIDENCE, CONFIGS)
def test_settle_round_trip(source_id: bytes, evidence: abi.SettleEvidence, config: abi.ShareConfig) -> None:
    data = abi.encode_settle(source_id, evidence, config)
    assert abi.decode_settle(data) == (source_id, evidence, config)
    preview = abi.encode_preview_settle(source_id, evidence, config)
    assert preview[4:] == data[4:]
    assert preview[:4] != data[:4]


@given(st.lists(st.tuples(WORDS, EVIDENCE, CONFIGS), max_size=3))
def test_settle_many_round_trip(entries: list[tuple[bytes, abi.SettleEvidence, abi.ShareConfig]]) -> None:
    assert abi.decode_settle_many(abi.encode_settle_many(entries)) == tuple(entries)


@given(WORDS, st.integers(0, 2**64 - 1), st.integers(0, 2**40 - 1), WORDS, CONFIGS)
def test_settle_attested_round_trip(
    one: bytes, register: int, read_at: int, seen: bytes, config: abi.ShareConfig
) -> None:
    settlement = abi.AttestedSettlement(one, register, read_at, seen, config)
    assert abi.decode_settle_attested(abi.encode_settle_attested(settlement)) == settlement


@given(st.data())
def test_a_changed_call_is_refused_or_means_something_else(data: st.DataObject) -> None:
    call = bytearray(abi.encode_settle(SOURCE, GIVEN, CONFIG))
    position = data.draw(st.integers(0, len(call) - 1))
    call[position] ^= data.draw(st.integers(1, 255))
    try:
        decoded = abi.decode_settle(bytes(call))
    except ValueError:
        return
    assert decoded != (SOURCE, GIVEN, CONFIG)
    assert abi.encode_settle(*decoded) == bytes(call)


@pytest.mark.parametrize("cut", [0, 3, 4, 100, -1])
def test_a_truncated_call_is_refused(cut: int) -> None:
    with pytest.raises(ValueError, match="not a call of settle"):
        abi.decode_settle(abi.encode_settle(SOURCE, GIVEN, CONFIG)[:cut])


def test_bytes_after_a_call_are_refused() -> None:
    with pytest.raises(ValueError, match="canonical"):
        abi.decode_settle(abi.encode_settle(SOURCE, GIVEN, CONFIG) + bytes(32))


def test_another_call_is_refused() -> None:
    with pytest.raises(ValueError, match="not a call of settle"):
        abi.decode_settle(abi.encode_transfer("0x" + "11" * 20, 1))


def test_offsets_out_of_bounds_are_refused() -> None:
    call = bytearray(abi.encode_settle(SOURCE, GIVEN, CONFIG))
    call[4 + 32 : 4 + 64] = b"\xff" * 32
    with pytest.raises(ValueError, match="not a call of settle"):
        abi.decode_settle(bytes(call))


@given(CONFIGS, st.integers(0, 2**64 - 1))
def test_a_split_is_exact(config: abi.ShareConfig, minted_wh: int) -> None:
    parts = config.split(minted_wh)
    assert sum(parts) == minted_wh * abi.UNITS_PER_WH
    assert len(parts) == len(config.holders)
    assert all(part >= 0 for part in parts)


def test_a_config_says_what_is_wrong() -> None:
    for change, words in (
        ({"key_x": b"\x01" * 31}, "key_x must be 32 bytes"),
        ({"holders": ()}, "1 to 500 holders"),
        ({"weights": (1,)}, "as many weights"),
        ({"weights": (1, 0)}, "every weight"),
        ({"weights": (1, 2**64)}, "every weight"),
        ({"holders": ("0x" + "aa" * 20, abi.ZERO_ADDRESS)}, "zero address"),
        ({"holders": ("0x" + "aa" * 20, "aa" * 20)}, "not an address"),
        ({"holders": ("0x" + "aa" * 20,) * 501, "weights": (1,) * 501}, "1 to 500 holders"),
    ):
        with pytest.raises(ValueError, match=words):
            replace(CONFIG, **change)


def test_addresses_take_one_form() -> None:
    mixed = replace(CONFIG, holders=("0x" + "Aa" * 20, "0x" + "BB" * 20))
    assert mixed == CONFIG
    assert mixed.hash() == CONFIG.hash()


def test_the_order_of_shares_is_committed() -> None:
    assert replace(CONFIG, holders=CONFIG.holders[::-1]).hash() != CONFIG.hash()


def test_setup_says_what_is_wrong() -> None:
    setup = abi.SourceSetup(SOURCE, bytes(8), 2, 1, 30_000, 5, 900, abi.MODE_DEVICE, CONFIG)
    assert abi.encode_configure(setup)[4:36] == SOURCE
    for change, words in (
        ({"profile": 1}, "profile 1 has no channel 1"),
        ({"mode": 0}, "mode must be"),
        ({"max_watt": 0}, "nameplate power"),
        ({"max_watt": 2**32}, "max_watt must be"),
        ({"device_id": bytes(7)}, "device_id must be 8 bytes"),
        ({"start_register_wh": -1}, "start_register_wh must be"),
        ({"start_read_at": 2**40}, "start_read_at must be"),
    ):
        with pytest.raises(ValueError, match=words):
            replace(setup, **change)


@given(st.integers(1, 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551 - 1))
def test_low_s(s: int) -> None:
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    low = int.from_bytes(abi.low_s(s.to_bytes(32, "big")), "big")
    assert low <= order // 2
    assert low in (s, order - s)


@pytest.mark.parametrize("s", [bytes(32), b"\xff" * 32, b"\x01" * 31])
def test_no_s_of_a_signature(s: bytes) -> None:
    with pytest.raises(ValueError, match="s "):
        abi.low_s(s)


def test_answers() -> None:
    preview = encode(["uint64", "uint64", "uint40", "uint64", "uint256[]"], [1, 5, 900, 4, [3, 1]])
    assert abi.decode_preview_result(preview) == abi.SettlePreview(1, 5, 900, 4, (3, 1))
    state = encode(["uint64", "uint40", "uint32", "uint32", "uint64", "uint8", "bool"], [1, 2, 3, 4, 5, 1, True])
    assert abi.decode_source(state) == abi.SourceState(1, 2, 3, 4, 5, 1, True)
    assert abi.decode_uint(bytes(31) + b"\x07") == 7
    assert abi.decode_bool(bytes(31) + b"\x01")
    for decoder in (abi.decode_preview_result, abi.decode_source, abi.decode_uint, abi.decode_bool, abi.decode_bytes32):
        for wrong in (b"", b"\xff" * 31, b"\xff" * 320):
            with pytest.raises(ValueError, match=r"^not |must be 32 bytes"):
                decoder(wrong)


def test_deployment_carries_the_arguments() -> None:
    token, admin = "0x" + "cc" * 20, "0x" + "dd" * 20
    assert abi.encode_deploy_token(admin, 86_400).endswith(encode(["uint48", "address"], [86_400, admin]))
    issuer = abi.encode_deploy_issuer(token, admin, 0)
    assert issuer == abi.load("EnergyIssuer").bytecode + encode(
        ["address", "address", "uint48", "address"], [token, abi.ZERO_ADDRESS, 0, admin]
    )
    with pytest.raises(ValueError, match="not an address"):
        abi.encode_deploy_issuer("token", admin, 0)

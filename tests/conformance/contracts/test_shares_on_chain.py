"""Share tokens on a real node: the table follows them at boundaries, and no transfer moves energy earned before it."""

import hashlib
from dataclasses import dataclass, replace

import pytest

from contracts import abi, share_logs, shares
from tests.conformance.contracts.conftest import NOW, Ledger, RefusedError
from tests.conformance.contracts.statements import TestDevice

SOURCE = hashlib.sha256(b"shared roof").digest()
DEVICE = TestDevice.number(11)
START = NOW // 900 - 8
WH = abi.UNITS_PER_WH


@dataclass(frozen=True, slots=True)
class Shared:
    """A ledger whose issuer follows share tokens: account 0 is the treasury, 1 and 2 are members."""

    ledger: Ledger
    shares: str

    def at(self, slot: int) -> None:
        """The next block is of this quarter-hour's first second."""
        self.ledger.rpc("evm_setNextBlockTimestamp", slot * 900)
        self.ledger.rpc("evm_mine")

    def give(self, sender: int, recipient: int, count: int) -> dict[str, object]:
        accounts = self.ledger.accounts
        data = shares.encode_safe_transfer(accounts[sender], accounts[recipient], SOURCE, count)
        return self.ledger.send(self.shares, data, sender)

    def table(self, **held: int) -> abi.ShareConfig:
        """The table of these shares, by number of the account after an underscore."""
        by_address = {self.ledger.accounts[int(name[1:])]: count for name, count in held.items()}
        return shares.share_config(*DEVICE.point, by_address)

    def settle(self, slot: int, register_wh: int, config: abi.ShareConfig) -> None:
        self.ledger.send(self.ledger.issuer, abi.encode_settle(SOURCE, DEVICE.evidence(slot, [register_wh]), config))

    def follow(self, config: abi.ShareConfig, sender: int = 3) -> dict[str, object]:
        """By an account without any role."""
        return self.ledger.send(self.ledger.issuer, shares.encode_follow_shares(SOURCE, config), sender)

    def kwh(self, account: int) -> int:
        return self.ledger.balance(self.ledger.accounts[account])


@pytest.fixture
def shared(ledger: Ledger) -> Shared:
    admin = ledger.accounts[0]
    address = ledger.send(None, shares.encode_deploy_shares("https://example.org/{id}", 900, admin, 0))
    tokens = address["contractAddress"]
    issuer = ledger.send(None, abi.encode_deploy_issuer(ledger.token, admin, 0, tokens))["contractAddress"]
    ledger.send(ledger.token, abi.encode_grant_role(abi.MINTER_ROLE, issuer))
    ledger.send(tokens, abi.encode_grant_role(abi.REGISTRAR_ROLE, admin))
    for role in (abi.SETTLER_ROLE, abi.REGISTRAR_ROLE):
        ledger.send(issuer, abi.encode_grant_role(role, admin))
    world = Shared(replace(ledger, issuer=issuer), tokens)
    receipt = ledger.send(tokens, shares.encode_create(SOURCE, 100, admin))
    created, _ = sorted(receipt["logs"], key=lambda log: log["topics"][0] != share_logs.TOPIC_SHARES_CREATED)
    assert share_logs.decode_shares_created(created["topics"], created["data"]) == share_logs.SharesCreatedLog(
        "0x" + SOURCE.hex(), admin, 100
    )
    setup = abi.SourceSetup(
        source_id=SOURCE,
        device_id=DEVICE.device_id,
        profile=1,
        channel=0,
        max_watt=30_000,
        start_register_wh=1_000,
        start_read_at=START * 900,
        mode=abi.MODE_DEVICE,
        config=world.table(_0=100),
    )
    ledger.send(issuer, abi.encode_configure(setup))
    return world


def refusal(shared: Shared, data: bytes, sender: int = 0, to: str = "") -> str | None:
    with pytest.raises(RefusedError) as caught:
        shared.ledger.send(to or shared.ledger.issuer, data, sender)
    return caught.value.name


def test_the_table_follows_the_tokens_at_the_boundary(shared: Shared) -> None:
    """The treasury sells within a quarter-hour: it keeps all of that one, the buyer has his part of the next."""
    slot = NOW // 900 + 2
    shared.at(slot)
    receipt = shared.give(0, 1, 40)
    [moved] = receipt["logs"]  # type: ignore[misc]
    accounts = shared.ledger.accounts
    assert share_logs.decode_share_transfer(moved["topics"], moved["data"]) == share_logs.ShareTransferLog(  # type: ignore[index]
        accounts[0], accounts[0], accounts[1], (("0x" + SOURCE.hex(), 40),)
    )
    old, new = shared.table(_0=100), shared.table(_0=60, _1=40)
    shared.settle(slot, 2_000, old)
    assert refusal(shared, shares.encode_follow_shares(SOURCE, new)) == "NothingToFollow", "still to come"
    shared.at(slot + 2)
    passing = abi.encode_settle(SOURCE, DEVICE.evidence(slot + 2, [3_000]), old)
    assert refusal(shared, passing) == "SharesChanged", "energy of the buyer is not the seller's"
    shared.settle(slot + 1, 2_500, old)
    assert (shared.kwh(0), shared.kwh(1)) == (1_500 * WH, 0)
    assert refusal(shared, passing) == "SharesChanged"
    assert refusal(shared, shares.encode_follow_shares(SOURCE, shared.table(_0=40, _1=60))) == "WrongShares"
    receipt = shared.follow(new)
    [log] = receipt["logs"]  # type: ignore[misc]
    configured = abi.decode_source_configured(log["topics"], log["data"])  # type: ignore[index]
    assert (configured.closing_wh, configured.opening_wh, configured.read_at) == (2_500, 2_500, (slot + 1) * 900)
    assert configured.config_hash == "0x" + new.hash().hex()
    state = shares.decode_following(shared.ledger.call(shared.ledger.issuer, shares.encode_following(SOURCE)))
    assert state == shares.FollowingState(True, (slot + 1) * 900, 0)
    shared.settle(slot + 2, 3_500, new)
    assert (shared.kwh(0), shared.kwh(1)) == (2_100 * WH, 400 * WH)


def test_a_missing_reading_at_the_change_is_bridged_by_the_registrar(shared: Shared) -> None:
    slot = NOW // 900 + 2
    shared.at(slot)
    shared.give(0, 2, 100)
    old, new = shared.table(_0=100), shared.table(_2=100)
    until = (slot + 3) * 900
    why = hashlib.sha256(b"the meter was off").digest()
    bridge = shares.encode_bridge_shares(SOURCE, until, why)
    assert refusal(shared, bridge) == "FromTheFuture"
    shared.at(slot + 3)
    assert refusal(shared, bridge, sender=1) == "AccessControlUnauthorizedAccount"
    assert refusal(shared, shares.encode_bridge_shares(SOURCE, (slot + 1) * 900, why)) == "NothingToFollow"
    over = abi.encode_settle(SOURCE, DEVICE.evidence(slot + 3, [4_000]), old)
    assert refusal(shared, over) == "SharesChanged"
    [log] = shared.ledger.send(shared.ledger.issuer, bridge)["logs"]
    assert share_logs.decode_shares_bridged(log["topics"], log["data"]) == share_logs.SharesBridgedLog(
        "0x" + SOURCE.hex(), (slot + 1) * 900, until, "0x" + why.hex()
    )
    shared.ledger.send(shared.ledger.issuer, over)
    assert (shared.kwh(0), shared.kwh(2)) == (3_000 * WH, 0)
    shared.at(slot + 4)
    assert refusal(shared, abi.encode_settle(SOURCE, DEVICE.evidence(slot + 4, [5_000]), old)) == "SharesChanged"
    shared.follow(new)
    shared.settle(slot + 4, 5_000, new)
    assert (shared.kwh(0), shared.kwh(2)) == (3_000 * WH, 1_000 * WH)


def test_the_registrar_cannot_prefer_another_table(shared: Shared) -> None:
    setup = abi.SourceSetup(
        SOURCE, DEVICE.device_id, 1, 0, 30_000, 1_000, START * 900, abi.MODE_DEVICE, shared.table(_3=100)
    )
    assert refusal(shared, abi.encode_configure(setup)) == "WrongShares"
    other = TestDevice.number(12)
    exchange = replace(
        setup,
        device_id=other.device_id,
        start_read_at=(START + 1) * 900,
        config=shares.share_config(*other.point, {shared.ledger.accounts[3]: 1}),
    )
    assert refusal(shared, abi.encode_configure(exchange)) == "WrongShares"


def test_shares_are_created_once_and_by_the_registrar(shared: Shared) -> None:
    admin, tokens = shared.ledger.accounts[0], shared.shares
    assert refusal(shared, shares.encode_create(SOURCE, 5, admin), to=tokens) == "SharesExist"
    assert refusal(shared, shares.encode_create(bytes(32), 5, admin), to=tokens) == "NoShares"
    create = shares.encode_create(b"\x01" * 32, 5, admin)
    assert refusal(shared, create, sender=1, to=tokens) == "AccessControlUnauthorizedAccount"
    assert abi.decode_uint(shared.ledger.call(tokens, shares.encode_supply_of(SOURCE))) == 100
    assert abi.decode_uint(shared.ledger.call(tokens, shares.encode_share_balance(admin, SOURCE))) == 100
    before = shares.encode_shares_at(SOURCE, admin, START * 900)
    assert abi.decode_uint(shared.ledger.call(tokens, before)) == 100, "before they existed they were the treasury's"


def test_the_deployed_code_is_the_artifact(shared: Shared) -> None:
    code = bytes.fromhex(shared.ledger.rpc("eth_getCode", shared.shares, "latest")[2:])
    assert abi.load("EnergyShares").matches(code)
    answer = shared.ledger.call(shared.ledger.issuer, shares.encode_shares())
    assert answer == bytes(12) + bytes.fromhex(shared.shares[2:])

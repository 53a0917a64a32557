"""What a contract's refusal means and what to do about it, from the bytes of the revert."""

from collections.abc import Callable
from typing import Any, Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

Sentence = Callable[..., str]

SENTENCES: Final[dict[str, Sentence]] = {
    # EnergyIssuer
    "UnknownSource(bytes32)": lambda source: (
        f"the issuer does not know source {_hex(source)}; have the registrar configure it"
    ),
    "InactiveSource(bytes32)": lambda source: (
        f"source {_hex(source)} is switched off; have the registrar set it active, nothing is lost meanwhile"
    ),
    "WrongMode(uint8)": lambda mode: (
        f"mode {mode} does not allow this; use settle for mode 1 (device), settleAttested for mode 2 (attested)"
    ),
    "WrongConfig(bytes32,bytes32)": lambda committed, given: (
        f"device key, holders or weights are not the committed ones (committed {_hex(committed)}, given {_hex(given)})"
        "; load the configuration of the last SourceConfigured log"
    ),
    "BadSignature()": lambda: (
        "the device's signature does not verify; check the statement's bytes and the key, and that s is the lower one "
        "of s and N - s"
    ),
    "MalformedStatement()": lambda: (
        "the statement is not an ECW1 statement in its one deterministic encoding; "
        "rebuild it from the stored COSE_Sign1"
    ),
    "WrongSource(bytes8,uint64)": lambda device, profile: (
        f"the statement is of device {_hex(device)} with profile {profile}, not of this source; "
        "choose a statement of the source's device"
    ),
    "MalformedLeaf()": lambda: (
        "the leaf has not the length of the source's profile, or its reading is marked as failed; "
        "choose another reading"
    ),
    "NotIncluded()": lambda: (
        "the reading is not in the statement's tree at this index; "
        "recompute leaf, index and path from the statement's leaves"
    ),
    "Stale(uint40,uint64,uint40,uint64)": lambda read_at, register, last_at, last: (
        f"the reading ({register} Wh at {read_at}) is not after the last settled one ({last} Wh at {last_at}); "
        "if it was settled already, nothing is to be done, else settle a newer reading"
    ),
    "FromTheFuture(uint256,uint256)": lambda read_at, chain_time: (
        f"the reading's instant {read_at} is more than 300 s after the chain's clock {chain_time}; "
        "wait, and check the device's clock"
    ),
    "Implausible(uint64,uint256)": lambda energy, ceiling: (
        f"{energy} Wh are more than the {ceiling} Wh that the nameplate power allows in the time; "
        "check the meter and the source's capacity before settling anything"
    ),
    "BadKey()": lambda: "the device key is not a point of P-256; register the key's x and y, 32 bytes each",
    "BadRegister(uint8,uint8)": lambda profile, channel: (
        f"profile {profile} has no channel {channel}; 1 = [1.8.0], 2 = [1.8.0, 2.8.0], 3 = [2.8.0]"
    ),
    "BadShares()": lambda: (
        "the share list is not valid; "
        "give 1 to 500 holders, none the zero address, each with a weight from 1 to 2^64 - 1"
    ),
    "NoCapacity()": lambda: "a source needs a nameplate power; give maxWatt",
    "SameKey(uint64)": lambda register: (
        f"with the same key the device and register stay, and the start may not be below {register} Wh; "
        "settle up to the change first, or register a new key for a new device or meter"
    ),
    "RegisterTaken(bytes32)": lambda source: (
        f"this register of this device key belongs or belonged to source {_hex(source)}; use a new device key"
    ),
    "SettleFirst(uint64,uint40)": lambda register, read_at: (
        f"shares change exactly where the last settlement ended, {register} Wh at {read_at}; "
        "settle up to the change first, then configure from there"
    ),
    "WrongShares(uint40)": lambda instant: (
        f"the source's shares are tokens and this is not their table at {instant}; "
        "give everyone who holds some then, in ascending order of address"
    ),
    "SharesChanged(uint40)": lambda change_at: (
        f"from {change_at} (Unix seconds) on other shares count; settle up to that reading, then call followShares, "
        "or bridgeShares if there is no reading"
    ),
    "NotFollowing(bytes32)": lambda source: (
        f"source {_hex(source)} follows no share tokens; create its shares and configure it again"
    ),
    "NothingToFollow(uint40)": lambda change_at: (
        f"the next change of shares is at {change_at} (0 means none); settle up to it first, or do nothing"
    ),
    "WrongKey()": lambda: "following the shares changes no key; give the committed key, or configure a new epoch",
    "NothingToCorrect()": lambda: "a correction needs an amount above zero Wh",
    # EnergyShares
    "BadPeriod(uint48)": lambda period: (
        f"boundaries cannot be {period} s apart; give a multiple of 900 s, at most 31 days"
    ),
    "NoShares()": lambda: "shares need a source and a positive number; give both",
    "SharesExist(bytes32,uint64)": lambda source, supply: (
        f"source {_hex(source)} has its {supply} shares already, for ever; transfer them instead"
    ),
    "TooManyHolders(bytes32)": lambda source: (
        f"source {_hex(source)} has its 500 holders; buy from one who sells all he has, or give to a holder"
    ),
    "NotYet(uint48,uint256)": lambda instant, chain_time: (
        f"shares of {instant} are known when it has come, the chain's clock is at {chain_time}; wait"
    ),
    # OpenZeppelin
    "EnforcedPause()": lambda: "the issuer is paused; the admin ends a pause with unpause, nothing is lost meanwhile",
    "ExpectedPause()": lambda: "the issuer is not paused; nothing is to be done",
    "AccessControlUnauthorizedAccount(address,bytes32)": lambda account, role: (
        f"account {account} lacks role {_role(role)}; have the admin grant it"
    ),
    "AccessControlBadConfirmation()": lambda: "a role is renounced only by its own holder; send from that account",
    "AccessControlEnforcedDefaultAdminRules()": lambda: (
        "the admin role moves only by beginDefaultAdminTransfer and acceptDefaultAdminTransfer; use these"
    ),
    "AccessControlEnforcedDefaultAdminDelay(uint48)": lambda schedule: (
        f"the admin transfer may be accepted only after {schedule} (Unix seconds); wait"
    ),
    "AccessControlInvalidDefaultAdmin(address)": lambda account: f"account {account} cannot be admin; name another one",
    "SafeCastOverflowedUintDowncast(uint8,uint256)": lambda bits, value: (
        f"{value} does not fit into {bits} bits; give a smaller number"
    ),
    "ERC20InsufficientBalance(address,uint256,uint256)": lambda account, balance, needed: (
        f"account {account} holds {balance} base units, {needed} are needed; reduce the amount"
    ),
    "ERC20InsufficientAllowance(address,uint256,uint256)": lambda account, allowance, needed: (
        f"account {account} may spend {allowance} base units, {needed} are needed; have the owner approve more"
    ),
    "ERC20InvalidSender(address)": lambda account: f"account {account} cannot send tokens; use another account",
    "ERC20InvalidReceiver(address)": lambda account: f"account {account} cannot receive tokens; name another account",
    "ERC20InvalidApprover(address)": lambda account: f"account {account} cannot approve; use another account",
    "ERC20InvalidSpender(address)": lambda account: f"account {account} cannot be approved; name another account",
    "ERC2612ExpiredSignature(uint256)": lambda deadline: (
        f"the permit was valid until {deadline} (Unix seconds); have the owner sign a new one"
    ),
    "ERC2612InvalidSigner(address,address)": lambda signer, owner: (
        f"the permit was signed by {signer}, not by the owner {owner}; have the owner sign it"
    ),
    "InvalidAccountNonce(address,uint256)": lambda account, nonce: (
        f"account {account} is at permit number {nonce}; have a permit with this number signed"
    ),
    "ECDSAInvalidSignature()": lambda: "the permit's signature is not valid; have the owner sign again",
    "ECDSAInvalidSignatureLength(uint256)": lambda length: (
        f"a permit's signature has 65 bytes, not {length}; have the owner sign again"
    ),
    "ECDSAInvalidSignatureS(bytes32)": lambda _s: "the permit's s is the higher one; normalise it to N - s",
    "ERC1155InsufficientBalance(address,uint256,uint256,uint256)": lambda account, balance, needed, source: (
        f"account {account} holds {balance} shares of source 0x{source:064x}, {needed} are needed; reduce the number"
    ),
    "ERC1155MissingApprovalForAll(address,address)": lambda operator, owner: (
        f"account {operator} may not move the shares of {owner}; have the owner approve it or send himself"
    ),
    "ERC1155InvalidApprover(address)": lambda account: f"account {account} cannot approve; use another account",
    "ERC1155InvalidOperator(address)": lambda account: f"account {account} cannot be approved; name another account",
    "ERC1155InvalidSender(address)": lambda account: f"account {account} cannot send shares; use another account",
    "ERC1155InvalidReceiver(address)": lambda account: (
        f"account {account} cannot receive shares; name an account, or a contract that accepts ERC-1155 tokens"
    ),
    "ERC1155InvalidArrayLength(uint256,uint256)": lambda ids, values: (
        f"{ids} sources and {values} numbers of shares do not match; give one number for each source"
    ),
    "CheckpointUnorderedInsertion()": lambda: "the chain's clock went back, which a chain cannot do; ask another node",
    "InvalidShortString()": lambda: "a name stored in the contract is damaged; redeploy from the committed artifact",
    "StringTooLong(string)": lambda _text: "a name is too long for the contract; redeploy from the committed artifact",
    # the language
    "Error(string)": lambda text: f'the contract says "{text}"',
    "Panic(uint256)": lambda code: (
        f"the contract stopped at an internal check (panic 0x{code:02x}, 0x11 means overflow); "
        "give arguments within range"
    ),
}

_ROLES: Final = {
    keccak(text=name): name
    for name in ("MINTER_ROLE", "SETTLER_ROLE", "REGISTRAR_ROLE", "CORRECTOR_ROLE", "PAUSER_ROLE")
}
_BY_SELECTOR: Final = {keccak(text=signature)[:4]: signature for signature in SENTENCES}


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _role(role: bytes) -> str:
    return "DEFAULT_ADMIN_ROLE" if role == bytes(32) else _ROLES.get(role, _hex(role))


def _arguments(signature: str, data: bytes) -> tuple[Any, ...]:
    types = signature[signature.index("(") + 1 : -1]
    return decode(types.split(","), data) if types else ()


def revert_name(data: bytes) -> str | None:
    """Name of the custom error, such as `Stale`; None if the bytes are none that the contracts know."""
    signature = _BY_SELECTOR.get(data[:4])
    return signature.split("(")[0] if signature else None


def decode_revert(data: bytes) -> str:
    """One sentence for a person: the error's name, what it means here, and what to do. Never raises."""
    if not data:
        return "reverted without a reason; check that the address holds the contract and that the gas suffices"
    signature = _BY_SELECTOR.get(data[:4])
    if signature is None:
        return (
            f"reverted with the unknown error 0x{data[:4].hex()}; check that the address holds this contract's version"
        )
    name = signature.split("(")[0]
    try:
        return f"{name}: {SENTENCES[signature](*_arguments(signature, data[4:]))}"
    except (DecodingError, OverflowError, UnicodeDecodeError):
        return f"{name}, with damaged arguments 0x{data[4:].hex()}; ask the node again"

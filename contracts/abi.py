"""Calls to the contracts and their answers as bytes, logs as values, refusals as sentences. Pure: no network, no web3.

Decoders are strict and raise ValueError: what they accept re-encodes to the same bytes. The values stand in `values`,
the logs in `logs`, the sentences in `reverts`; all are exported here. Share tokens have a module of their own, `shares`.
"""

from collections.abc import Sequence
from typing import Any, Final

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from contracts.artifacts import Artifact, load
from contracts.calls import arguments, call, selector, strictly
from contracts.logs import (
    TOPIC_CORRECTED,
    TOPIC_RETIRED,
    TOPIC_SETTLED,
    TOPIC_SOURCE_ACTIVE,
    TOPIC_SOURCE_CONFIGURED,
    TOPIC_TRANSFER,
    CorrectedLog,
    RetiredLog,
    SettledLog,
    SourceActiveLog,
    SourceConfiguredLog,
    TransferLog,
    decode_corrected,
    decode_retired,
    decode_settled,
    decode_source_active,
    decode_source_configured,
    decode_transfer,
)
from contracts.reverts import decode_revert, revert_name
from contracts.values import (
    CONFIG_TYPE,
    EVIDENCE_TYPE,
    HOLDERS_MAX,
    MODE_ATTESTED,
    MODE_DEVICE,
    UNITS_PER_WH,
    ZERO_ADDRESS,
    AttestedSettlement,
    SettleEvidence,
    SettlePreview,
    ShareConfig,
    SourceSetup,
    SourceState,
    address,
    exactly,
    low_s,
    unsigned,
)

__all__ = [
    "CORRECTOR_ROLE",
    "DEFAULT_ADMIN_ROLE",
    "HOLDERS_MAX",
    "MINTER_ROLE",
    "MODE_ATTESTED",
    "MODE_DEVICE",
    "PAUSER_ROLE",
    "REGISTRAR_ROLE",
    "SELECTOR_CORRECT",
    "SELECTOR_SETTLE",
    "SELECTOR_SETTLE_ATTESTED",
    "SELECTOR_SETTLE_MANY",
    "SETTLER_ROLE",
    "TOPIC_CORRECTED",
    "TOPIC_RETIRED",
    "TOPIC_SETTLED",
    "TOPIC_SOURCE_ACTIVE",
    "TOPIC_SOURCE_CONFIGURED",
    "TOPIC_TRANSFER",
    "UNITS_PER_WH",
    "ZERO_ADDRESS",
    "Artifact",
    "AttestedSettlement",
    "CorrectedLog",
    "RetiredLog",
    "SettleEvidence",
    "SettlePreview",
    "SettledLog",
    "ShareConfig",
    "SourceActiveLog",
    "SourceConfiguredLog",
    "SourceSetup",
    "SourceState",
    "TransferLog",
    "address",
    "decode_bool",
    "decode_bytes32",
    "decode_correct",
    "decode_corrected",
    "decode_preview_result",
    "decode_retired",
    "decode_revert",
    "decode_settle",
    "decode_settle_attested",
    "decode_settle_many",
    "decode_settled",
    "decode_source",
    "decode_source_active",
    "decode_source_configured",
    "decode_transfer",
    "decode_uint",
    "encode_balance_of",
    "encode_burn",
    "encode_config_hash",
    "encode_configure",
    "encode_correct",
    "encode_deploy_issuer",
    "encode_deploy_token",
    "encode_grant_role",
    "encode_has_role",
    "encode_pause",
    "encode_preview_settle",
    "encode_preview_settle_attested",
    "encode_set_active",
    "encode_settle",
    "encode_settle_attested",
    "encode_settle_many",
    "encode_source",
    "encode_token",
    "encode_total_supply",
    "encode_transfer",
    "encode_unpause",
    "load",
    "low_s",
    "preview_of",
    "revert_name",
]

DEFAULT_ADMIN_ROLE: Final = bytes(32)
MINTER_ROLE: Final = keccak(text="MINTER_ROLE")
SETTLER_ROLE: Final = keccak(text="SETTLER_ROLE")
REGISTRAR_ROLE: Final = keccak(text="REGISTRAR_ROLE")
CORRECTOR_ROLE: Final = keccak(text="CORRECTOR_ROLE")
PAUSER_ROLE: Final = keccak(text="PAUSER_ROLE")

_SETTLE: Final = ("bytes32", EVIDENCE_TYPE, CONFIG_TYPE)
_SETTLE_MANY: Final = (f"(bytes32,{EVIDENCE_TYPE},{CONFIG_TYPE})[]",)
_ATTESTED: Final = ("bytes32", "uint64", "uint40", "bytes32", CONFIG_TYPE)
_CONFIGURE: Final = (
    "bytes32",
    "bytes8",
    "uint8",
    "uint8",
    "uint32",
    "uint64",
    "uint40",
    "uint8",
    CONFIG_TYPE,
)
_CORRECT: Final = ("bytes32", "uint64", "bytes32")
_PREVIEW: Final = ("uint64", "uint64", "uint40", "uint64", "uint256[]")
_STATE: Final = ("uint64", "uint40", "uint32", "uint32", "uint64", "uint8", "bool")


SELECTOR_SETTLE: Final = selector("settle", _SETTLE)
SELECTOR_PREVIEW_SETTLE: Final = selector("previewSettle", _SETTLE)
SELECTOR_SETTLE_MANY: Final = selector("settleMany", _SETTLE_MANY)
SELECTOR_SETTLE_ATTESTED: Final = selector("settleAttested", _ATTESTED)
SELECTOR_CORRECT: Final = selector("correct", _CORRECT)


# --- issuer: settling


def encode_settle(source_id: bytes, evidence: SettleEvidence, config: ShareConfig) -> bytes:
    """Call data of `settle`. `source_id` is 32 bytes."""
    return call("settle", _SETTLE, (exactly("source_id", source_id, 32), evidence.as_tuple(), config.as_tuple()))


def decode_settle(data: bytes) -> tuple[bytes, SettleEvidence, ShareConfig]:
    """Source id, evidence and configuration of a `settle` call. Raises ValueError for anything else."""
    source_id, evidence, config = arguments("settle", _SETTLE, data)
    return source_id, SettleEvidence(*evidence), ShareConfig(*config)


def encode_settle_many(settlements: Sequence[tuple[bytes, SettleEvidence, ShareConfig]]) -> bytes:
    """Call data of `settleMany`, which settles all or none."""
    entries = [(exactly("source_id", one, 32), two.as_tuple(), three.as_tuple()) for one, two, three in settlements]
    return call("settleMany", _SETTLE_MANY, (entries,))


def decode_settle_many(data: bytes) -> tuple[tuple[bytes, SettleEvidence, ShareConfig], ...]:
    """The settlements of a `settleMany` call. Raises ValueError for anything else."""
    (entries,) = arguments("settleMany", _SETTLE_MANY, data)
    return tuple((one, SettleEvidence(*two), ShareConfig(*three)) for one, two, three in entries)


def encode_settle_attested(settlement: AttestedSettlement) -> bytes:
    """Call data of `settleAttested`, for sources of mode ATTESTED."""
    return call("settleAttested", _ATTESTED, _attested_values(settlement))


def decode_settle_attested(data: bytes) -> AttestedSettlement:
    """The arguments of a `settleAttested` call. Raises ValueError for anything else."""
    source_id, register_wh, read_at, evidence, config = arguments("settleAttested", _ATTESTED, data)
    return AttestedSettlement(source_id, register_wh, read_at, evidence, ShareConfig(*config))


def _attested_values(settlement: AttestedSettlement) -> tuple[Any, ...]:
    return (
        settlement.source_id,
        settlement.register_wh,
        settlement.read_at,
        settlement.evidence,
        settlement.config.as_tuple(),
    )


def encode_preview_settle(source_id: bytes, evidence: SettleEvidence, config: ShareConfig) -> bytes:
    """Call data of `previewSettle`, the dry run of `settle`."""
    return preview_of(encode_settle(source_id, evidence, config))


def preview_of(settle: bytes) -> bytes:
    """The dry run of a call of `settle`: it takes the same arguments."""
    return SELECTOR_PREVIEW_SETTLE + settle[4:]


def encode_preview_settle_attested(settlement: AttestedSettlement) -> bytes:
    """Call data of `previewSettleAttested`, the dry run of `settleAttested`."""
    return call("previewSettleAttested", _ATTESTED, _attested_values(settlement))


def decode_preview_result(data: bytes) -> SettlePreview:
    """The answer to either preview. Raises ValueError if it is something else."""
    from_wh, to_wh, read_at, minted_wh, parts = strictly("a preview", _PREVIEW, data)
    return SettlePreview(from_wh, to_wh, read_at, minted_wh, tuple(parts))


# --- issuer: administration and state


def encode_configure(setup: SourceSetup) -> bytes:
    """Call data of `configure`."""
    values = (
        setup.source_id,
        setup.device_id,
        setup.profile,
        setup.channel,
        setup.max_watt,
        setup.start_register_wh,
        setup.start_read_at,
        setup.mode,
        setup.config.as_tuple(),
    )
    return call("configure", _CONFIGURE, values)


def encode_correct(source_id: bytes, debt_wh: int, evidence: bytes) -> bytes:
    """Call data of `correct`: net `debt_wh` from the next settlements; `evidence` is a 32-byte hash."""
    return call("correct", _CORRECT, (source_id, debt_wh, exactly("evidence", evidence, 32)))


def decode_correct(data: bytes) -> tuple[bytes, int, bytes]:
    """Source id, debt in Wh and hash of the evidence of a `correct` call. Raises ValueError for anything else."""
    source_id, debt_wh, evidence = arguments("correct", _CORRECT, data)
    return source_id, debt_wh, evidence


def encode_set_active(source_id: bytes, active: bool) -> bytes:
    """Call data of `setActive`."""
    return call("setActive", ("bytes32", "bool"), (exactly("source_id", source_id, 32), active))


def encode_pause() -> bytes:
    """Call data of `pause`."""
    return call("pause")


def encode_unpause() -> bytes:
    """Call data of `unpause`."""
    return call("unpause")


def encode_source(source_id: bytes) -> bytes:
    """Call data of `source`; `decode_source` reads the answer."""
    return call("source", ("bytes32",), (exactly("source_id", source_id, 32),))


def decode_source(data: bytes) -> SourceState:
    """The answer to `source`. Raises ValueError if it is something else."""
    return SourceState(*strictly("a source's state", _STATE, data))


def encode_config_hash(source_id: bytes) -> bytes:
    """Call data of `configHash`; `decode_bytes32` reads the answer."""
    return call("configHash", ("bytes32",), (exactly("source_id", source_id, 32),))


def encode_token() -> bytes:
    """Call data of the issuer's `token`; the answer is the token's address, right-aligned in 32 bytes."""
    return call("token")


# --- token


def encode_total_supply() -> bytes:
    """Call data of `totalSupply`; `decode_uint` reads the answer, in base units."""
    return call("totalSupply")


def encode_balance_of(holder: str) -> bytes:
    """Call data of `balanceOf`; `decode_uint` reads the answer, in base units."""
    return call("balanceOf", ("address",), (address(holder),))


def encode_transfer(recipient: str, amount: int) -> bytes:
    """Call data of `transfer` of `amount` base units."""
    return call("transfer", ("address", "uint256"), (address(recipient), unsigned("amount", amount, 256)))


def encode_burn(amount: int) -> bytes:
    """Call data of `burn`, which retires `amount` base units of the caller's."""
    return call("burn", ("uint256",), (unsigned("amount", amount, 256),))


# --- deployment and roles, of both


def encode_deploy_token(admin: str, admin_delay_s: int) -> bytes:
    """Creation code of the token with its constructor's arguments."""
    arguments = encode(["uint48", "address"], [unsigned("admin_delay_s", admin_delay_s, 48), address(admin)])
    return load("KwhToken").bytecode + arguments


def encode_deploy_issuer(token: str, admin: str, admin_delay_s: int, shares: str = ZERO_ADDRESS) -> bytes:
    """Creation code of the issuer with its constructor's arguments. Afterwards grant it the token's MINTER_ROLE.

    `shares` are the share tokens that sources follow (`contracts.shares`), if the community has some.
    """
    values = [address(token), address(shares), unsigned("admin_delay_s", admin_delay_s, 48), address(admin)]
    return load("EnergyIssuer").bytecode + encode(["address", "address", "uint48", "address"], values)


def encode_grant_role(role: bytes, account: str) -> bytes:
    """Call data of `grantRole`, by the admin."""
    return call("grantRole", ("bytes32", "address"), (exactly("role", role, 32), address(account)))


def encode_has_role(role: bytes, account: str) -> bytes:
    """Call data of `hasRole`; `decode_bool` reads the answer."""
    return call("hasRole", ("bytes32", "address"), (exactly("role", role, 32), address(account)))


def decode_uint(data: bytes) -> int:
    """One unsigned integer. Raises ValueError."""
    return int(strictly("an unsigned integer", ("uint256",), data)[0])


def decode_bool(data: bytes) -> bool:
    """One truth value. Raises ValueError."""
    return bool(strictly("a truth value", ("bool",), data)[0])


def decode_bytes32(data: bytes) -> bytes:
    """32 bytes, such as a configuration's hash. Raises ValueError."""
    return exactly("the answer", data, 32)

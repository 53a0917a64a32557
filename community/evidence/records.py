"""What stands in an evidence bundle, record by record (docs/evidence.md). Nothing here is checked but its form.

Bytes are lower-case hex without 0x; hashes and addresses of the chain have their 0x; instants are ISO 8601 in UTC; energy
is whole watt-hours; token amounts are decimal texts of base units, because readers of JSON round large numbers.
"""

import msgspec

FORMAT = "energy-community-evidence/1"


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="record", rename="camel"):
    """One line."""


class Head(_Record, tag="bundle", frozen=True):
    """What the bundle is about. `subject` is `source` (a period of it) or `issuance` (one of it)."""

    format: str
    subject: str
    chain_id: int
    token: str | None
    finalised_block: int
    finalised_hash: str
    since: str
    until: str
    source_id: str
    source_name: str
    source_ref: str
    mode: str
    obis: str
    nameplate_w: int
    opening_register_wh: int
    opening_at: str
    supplements: str | None = None
    """The plant whose documents this source mints, where it is a source of supplements."""


class DeviceKey(_Record, tag="deviceKey", frozen=True):
    """A device's public key (SEC1, 65 bytes) and when what it signed counts."""

    device_eui: str
    number: int
    public_key: str
    valid_from: str
    valid_to: str | None
    revoked_from: str | None
    is_development_key: bool


class Installation(_Record, tag="installation", frozen=True):
    """Which device read which meter at the source's metering point, and when."""

    device_eui: str
    meter_serial: str
    valid_from: str
    valid_to: str | None
    factor: int


class Holding(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A holder's address and his shares; the order of a table is part of it."""

    address: str
    shares: int


class ShareTable(_Record, tag="shareTable", frozen=True):
    """A revision of the source's share register, as addresses: names are nobody's business here."""

    id: str
    revision: int
    share_total: int
    config_hash: str
    valid_from: str
    valid_to: str | None
    holdings: tuple[Holding, ...]


class Configured(_Record, tag="configured", frozen=True):
    """The issuer told that from here on this configuration counts (`SourceConfigured`)."""

    block_number: int
    log_index: int
    tx_hash: str
    config_hash: str
    device_eui: str
    profile: int
    channel: int
    max_watt: int
    closing_wh: int
    opening_wh: int
    read_at: int


class Debt(_Record, tag="debt", frozen=True):
    """The issuer told that so much is netted from the next settlements (`Corrected`)."""

    block_number: int
    log_index: int
    tx_hash: str
    energy_wh: int
    evidence: str


class Correction(_Record, tag="correction", frozen=True):
    """A decision in the books that a source's energy is less or more than its register says, and the document's hash."""

    id: str
    kind: str
    energy_wh: int
    evidence: str
    reason: str
    recorded_at: str


class Statement(_Record, tag="statement", frozen=True):
    """What a device signed, byte for byte, and the hashes of its leaves in their order."""

    digest: str
    device_eui: str
    key_number: int
    format: str
    signed: str
    leaves: tuple[str, ...]


class Reading(_Record, tag="reading", frozen=True):
    """A register at an instant, and the leaf that proves it. Legacy readings have no leaf."""

    id: str
    at: str
    register_wh: int
    statement: str
    leaf_index: int
    leaf: str
    path: tuple[str, ...]
    """The inclusion path, where the statement's leaves are not at hand."""


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What an address gets, in base units."""

    address: str
    amount: str


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    """The issuance: to mint the energy between two register values, to whom, resting on which reading.

    `epoch` counts how often the source's register had begun anew, as another meter's; it stands there from 1 on.
    """

    id: str
    issuer: str
    from_wh: int
    to_wh: int
    period_start: str
    period_end: str
    amount: str
    reading: str
    share_table: str
    state: str
    parts: tuple[Part, ...]
    """In the order of the share table; empty in a member's bundle, whose calldata has every part all the same."""
    epoch: int = 0


class Sent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The transaction as it was sent. `raw` are its signed bytes, where the books have them."""

    tx_hash: str
    to: str
    calldata: str
    raw: str | None


class Mint(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A `Transfer` from the zero address."""

    log_index: int
    recipient: str
    amount: str


class Settled(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The `Settled` of the issuer, where it stands, and the mints behind it."""

    block_number: int
    block_hash: str
    log_index: int
    tx_hash: str
    issuer: str
    seq: int
    from_wh: int
    to_wh: int
    read_at: int
    minted_wh: int
    mode: str
    evidence: str
    mints: tuple[Mint, ...]


class Settlement(_Record, tag="settlement", frozen=True):
    """A decision, the transaction that carried it and what the chain told. What is not there yet is null."""

    decision: Decision | None
    sent: Sent | None
    settled: Settled | None


class End(_Record, tag="end", frozen=True):
    """The last line: how many lines stand before it, and the SHA-256 of their bytes."""

    lines: int
    sha256: str


Body = DeviceKey | Installation | ShareTable | Configured | Debt | Correction | Statement | Reading | Settlement
Record = Head | Body | End

"""What a settlement costs in gas: one leaf of a device's day (96 leaves), settled for 1, 10 and 50 holders.

In the steady state: every holder and the source have settled before. Measured by tracing on a private chain, and
re-priced for Polygon (`repricing`). The baseline are the figures of the first prototype, which settled one signed
register without a tree; the gate is 1.35 times theirs. Gas is exact: the same contracts give the same figures, which
stand in settlement_gas.json. After a change that is meant to change them: `python -m bench.settlement_gas`.
"""

import json
from dataclasses import asdict
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from bench.local_ledger import Cost, Ledger, traced_ledger
from bench.measuring import Figure
from community.attestation.merkle import inclusion_path, leaf_hash
from community.attestation.statement import SlotReading, build_statement, sig_structure
from contracts import abi, shares

NAME = "settlement_gas"
SNAPSHOT = Path(__file__).with_suffix(".json")
PROTOTYPE = {1: Cost(75_855, 96_855), 10: Cost(166_924, 210_604), 50: Cost(571_687, 716_167)}
GATE = 1 / 1.35
SLOT = 1_994_304
LEAVES = 96
NOW = (SLOT + 2 * LEAVES) * 900


def _evidence(number: int, key: ec.EllipticCurvePrivateKey, first_slot: int, leaves: int) -> abi.SettleEvidence:
    """The last reading of a statement over `leaves` quarter-hours. The signature is the same in every run (RFC 6979)."""
    readings = [SlotReading(first_slot + i, 2, 1, (1_000_000 + 250 * (first_slot + i - SLOT),)) for i in range(leaves)]
    statement, inputs = build_statement(
        number.to_bytes(8, "big"), 1, first_slot - SLOT, 1, readings, lambda slot: bytes([slot % 255 + 1]) * 16
    )
    signed = sig_structure(statement.payload())
    r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(SHA256(), deterministic_signing=True)))
    return abi.SettleEvidence(
        statement=signed,
        r=r.to_bytes(32, "big"),
        s=abi.low_s(s.to_bytes(32, "big")),
        leaf=inputs[-1],
        path=inclusion_path([leaf_hash(data) for data in inputs], leaves - 1),
        leaf_index=leaves - 1,
    )


def _name(count: int) -> str:
    return "1 holder" if count == 1 else f"{count} holders"


def _holders(count: int) -> dict[str, int]:
    """Accounts without zero bytes, because these cost more to send."""
    return {"0x" + f"{0x1111 + i:04x}" * 10: 1_000 + i for i in range(count)}


def _settled(ledger: Ledger, number: int, holders: dict[str, int]) -> Cost:
    """Cost of the second settlement of a source with these holders."""
    key = ec.derive_private_key(number, ec.SECP256R1())
    point = key.public_key().public_numbers()
    config = shares.share_config(point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big"), holders)
    source_id = number.to_bytes(32, "big")
    setup = abi.SourceSetup(
        source_id, number.to_bytes(8, "big"), 1, 0, 30_000, 1_000_000, SLOT * 900, abi.MODE_DEVICE, config
    )
    ledger.send(ledger.issuer, abi.encode_configure(setup))
    ledger.send(ledger.issuer, abi.encode_settle(source_id, _evidence(number, key, SLOT + 1, 1), config))
    return ledger.cost(ledger.issuer, abi.encode_settle(source_id, _evidence(number, key, SLOT + 2, LEAVES), config))


def measure() -> dict[str, Cost]:
    """Cost by situation; the same in every run."""
    with traced_ledger(NOW) as ledger:
        found = {_name(count): _settled(ledger, 0x1000 + count, _holders(count)) for count in PROTOTYPE}
        # The same once more with share tokens, all of them the treasury's.
        [treasury] = _holders(1)
        ledger.send(ledger.shares, shares.encode_create((0x2000).to_bytes(32, "big"), 1_000, treasury))
        found["1 holder, share tokens"] = _settled(ledger, 0x2000, {treasury: 1_000})
    return found


def snapshot() -> dict[str, Cost]:
    """The committed figures."""
    return {name: Cost(**cost) for name, cost in json.loads(SNAPSHOT.read_text(encoding="utf-8")).items()}


def figures(found: dict[str, Cost]) -> list[Figure]:
    """The gated figures beside the prototype's."""
    rows = []
    for count, prototype in PROTOTYPE.items():
        cost = found[_name(count)]
        for chain, value, base in (
            ("Ethereum", cost.anvil, prototype.anvil),
            ("Polygon", cost.polygon, prototype.polygon),
        ):
            name = f"settlement, {_name(count)}, {chain}"
            rows.append(Figure(name, value, "gas", "prototype without a tree", base, GATE, less_is_better=True))
    return rows


def run() -> list[Figure]:
    return figures(measure())


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps({name: asdict(cost) for name, cost in measure().items()}, indent=1) + "\n")

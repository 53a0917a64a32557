"""An auditor's look at the running system from outside: own SQL, own JSON-RPC, an independent COSE library.

Nothing of the system's code takes part, so a mistake in it cannot hide itself here.
"""

import hashlib
import itertools
import json
import sqlite3
import urllib.request
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cwt import COSE, COSEKey

_UNITS_PER_WH = 10**15
_TOTAL_SUPPLY = "0x18160ddd"
_BALANCE_OF = "0x70a08231"


@dataclass(slots=True)
class Findings:
    """What was compared, and every disagreement in words."""

    figures: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def expect(self, holds: bool, problem: str) -> None:
        """Note `problem` unless `holds`."""
        if not holds:
            self.problems.append(problem)


@dataclass(frozen=True, slots=True)
class SettledLog:
    """One settlement as it stands in the chain's logs."""

    from_wh: int
    to_wh: int
    minted_wh: int
    evidence: str
    tx_hash: str


class ChainReader:
    """Plain JSON-RPC over HTTP."""

    def __init__(self, url: str, token: str, issuer: str) -> None:
        self._url = url
        self.token = token
        self.issuer = issuer
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def rpc(self, method: str, *params: Any) -> Any:
        """The result of one call. Raises RuntimeError if the node refuses it."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self._url, body, {"content-type": "application/json"})  # noqa: S310
        with self._opener.open(request, timeout=20) as response:
            answer = json.load(response)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def finalised_block(self) -> int:
        """The number of the finalised block."""
        return int(self.rpc("eth_getBlockByNumber", "finalized", False)["number"], 16)

    def _word(self, data: str, block: int) -> int:
        return int(self.rpc("eth_call", {"to": self.token, "data": data}, hex(block)), 16)

    def supply(self, block: int) -> int:
        """totalSupply of the token at `block`, in base units."""
        return self._word(_TOTAL_SUPPLY, block)

    def balance(self, address: str, block: int) -> int:
        """balanceOf at `block`, in base units."""
        return self._word(_BALANCE_OF + address.removeprefix("0x").rjust(64, "0"), block)

    def settlements(self, topic: str, block: int) -> list[SettledLog]:
        """Every Settled log of the issuer up to `block`, in order. Data: from, to, readAt, minted, mode, evidence."""
        logs = self.rpc(
            "eth_getLogs", {"address": self.issuer, "fromBlock": "0x0", "toBlock": hex(block), "topics": [topic]}
        )
        found = []
        for log in logs:
            words = [log["data"][2 + 64 * index : 66 + 64 * index] for index in range(6)]
            found.append(
                SettledLog(int(words[0], 16), int(words[1], 16), int(words[3], 16), words[5], log["transactionHash"])
            )
        return found


class Books:
    """The system's database, read with our own SQL."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows of one query."""
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=30)) as connection:
            return connection.execute(sql, parameters).fetchall()

    def number(self, sql: str, *parameters: object) -> int:
        """The single number that a query gives."""
        return int(self.rows(sql, *parameters)[0][0] or 0)


def audit(chain: ChainReader, books: Books, settled_topic: str) -> Findings:
    """Compare chain, books and signatures at the finalised block that the index has reached."""
    findings = Findings()
    block = books.number("SELECT finalised_number FROM index_checkpoint")
    findings.expect(block <= chain.finalised_block(), "the index calls a block final that the node does not")
    settlements = chain.settlements(settled_topic, block)
    _check_supply(findings, chain, settlements, block)
    _check_balances(findings, chain, books, block)
    _check_statements(findings, books, settlements)
    _check_reconciliation(findings, books, settlements)
    findings.figures["finalised_block"] = block
    return findings


def _check_supply(findings: Findings, chain: ChainReader, settlements: Sequence[SettledLog], block: int) -> None:
    energy_wh = sum(settled.to_wh - settled.from_wh for settled in settlements)
    supply = chain.supply(block)
    findings.expect(bool(settlements), "nothing was settled")
    findings.expect(
        supply == energy_wh * _UNITS_PER_WH, f"supply {supply} is not the settled {energy_wh} Wh x {_UNITS_PER_WH}"
    )
    for before, after in itertools.pairwise(settlements):
        findings.expect(before.to_wh == after.from_wh, f"the register chain breaks between {before} and {after}")
    findings.figures |= {"settlements": len(settlements), "energy_wh": energy_wh, "supply_base_units": supply}


def _check_balances(findings: Findings, chain: ChainReader, books: Books, block: int) -> None:
    balances = books.rows("SELECT address, final_amount FROM balance WHERE token = ?", chain.token)
    for address, amount in balances:
        on_chain = chain.balance(address, block)
        findings.expect(int(amount) == on_chain, f"{address}: books say {amount}, the chain {on_chain}")
    total = sum(int(amount) for _, amount in balances)
    findings.expect(total == chain.supply(block), "the balances do not add up to the supply")
    findings.figures["balances"] = len(balances)


def _check_statements(findings: Findings, books: Books, settlements: Sequence[SettledLog]) -> None:
    rows = books.rows(
        "SELECT i.tx_hash, i.to_wh, m.register_wh, m.leaf_input, s.signed, k.public_key FROM issuance i "
        "JOIN measurement m ON m.id = i.measurement_id JOIN statement s ON s.digest = m.statement_digest "
        "JOIN device_key k ON k.id = s.device_key_id WHERE i.state = 'final'"
    )
    by_hash = {row[0]: row[1:] for row in rows}
    findings.expect(len(by_hash) == len(rows), "two issuances name one transaction")
    for settled in settlements:
        row = by_hash.get(settled.tx_hash)
        if row is None:
            findings.problems.append(f"the settlement {settled.tx_hash} has no final issuance")
            continue
        to_wh, register_wh, leaf_input, signed, public_key = row
        findings.expect(to_wh == register_wh == settled.to_wh, f"{settled.tx_hash}: register values differ")
        findings.expect(
            settled.to_wh.to_bytes(8, "big") in leaf_input, f"{settled.tx_hash}: the leaf has no such value"
        )
        problem = _signature_problem(signed, public_key, settled.evidence)
        findings.expect(problem is None, f"{settled.tx_hash}: {problem}")
    findings.figures["statements_verified"] = len(settlements)


def _signature_problem(signed: bytes, public_key: bytes, evidence: str) -> str | None:
    """Why the COSE_Sign1 does not verify with python-cwt, or is not what the chain recorded; None if all is well."""
    loaded = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
    kid = hashlib.sha256(loaded.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()[:8]
    point = loaded.public_numbers()
    x, y = point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big")
    try:
        COSE.new().decode(signed, COSEKey.new({1: 2, 2: kid, 3: -7, 4: [2], -1: 1, -2: x, -3: y}))
    except Exception as error:  # noqa: BLE001 - whatever the library objects to is the finding
        return f"python-cwt refuses the statement: {error}"
    if hashlib.sha256(_sig_structure(signed)).hexdigest() != evidence:
        return "the chain recorded another statement"
    return None


def _sig_structure(signed: bytes) -> bytes:
    """CBOR ["Signature1", protected, h'', payload] of a COSE_Sign1, built with cbor2 (RFC 9052, 4.4)."""
    protected, _, payload, _ = cbor2.loads(signed).value
    return cbor2.dumps(["Signature1", protected, b"", payload])


def _check_reconciliation(findings: Findings, books: Books, settlements: Sequence[SettledLog]) -> None:
    open_breaks = books.rows("SELECT kind, subject, detail FROM reconciliation_break WHERE closed_at IS NULL")
    for kind, subject, detail in open_breaks:
        findings.problems.append(f"open break {kind} on {subject}: {detail}")
    matches = books.number("SELECT count(*) FROM reconciliation_match")
    findings.expect(matches == len(settlements), f"{matches} matches for {len(settlements)} settlements")
    doubled = books.number(
        "SELECT count(*) FROM (SELECT 1 FROM issuance GROUP BY source_id, from_wh HAVING count(*) > 1) AS doubled"
    )
    findings.expect(doubled == 0, f"{doubled} register values were issued twice")
    findings.figures |= {"matches": matches, "breaks": len(open_breaks)}

"""All checks of one bundle, one after the other."""

from community.evidence.bundle_lines import Bundle
from verifier.findings import Check, Report
from verifier.node import Node
from verifier.on_chain import check_on_chain
from verifier.settlements import check_settlements, minted_units
from verifier.statements import Evidence, check_evidence

NO_NODE = "the chain itself: events, mints and commitments are those that the file tells of. Ask a node of your choice with --rpc"


def check_bundle(bundle: Bundle, node: Node | None = None, *, issuer: str | None = None, ask_from: int = 0) -> Report:
    """What agrees and what does not. `issuer` is the issuer's address where the reader knows it from elsewhere."""
    head = bundle.head
    report = Report(f"Evidence of {head.source_name} ({head.source_ref}) from {head.since} to {head.until}")
    try:
        evidence, checks = check_evidence(bundle)
        report.checks += checks
        report.checks += check_settlements(bundle, evidence)
    except ValueError as error:
        report.checks.append(Check("every record can be read", 1, [f"a record cannot be read: {error}"]))
        return report
    report.checks += _identity(bundle, issuer)
    if node is None:
        report.checks.append(Check("the chain agrees", unchecked=[NO_NODE]))
    else:
        report.checks += check_on_chain(bundle, node, ask_from)
    report.figures = _figures(bundle, evidence)
    report.believed = _believed(bundle, issuer)
    return report


def _identity(bundle: Bundle, issuer: str | None) -> list[Check]:
    """All settlements are of one issuer, and of the one that the reader named."""
    check = Check("all was minted by one issuer contract")
    found = {one.decision.issuer for one in bundle.settlements if one.decision}
    found |= {one.settled.issuer for one in bundle.settlements if one.settled}
    check.count = len(bundle.settlements)
    check.expect(len(found) <= 1, f"there are {len(found)} issuers: {', '.join(sorted(found))}")
    if issuer is not None:
        check.expect(found <= {issuer.lower()}, f"the issuer is {', '.join(sorted(found))}, not {issuer}")
    return [check]


def _figures(bundle: Bundle, evidence: Evidence) -> dict[str, str]:
    settled = [one.settled for one in bundle.settlements if one.settled]
    return {
        "statements verified": str(len(evidence.statements)),
        "readings proven": str(len(evidence.readings)),
        "settlements": str(len(settled)),
        "energy settled": f"{sum(one.to_wh - one.from_wh for one in settled)} Wh",
        "energy minted": f"{sum(one.minted_wh for one in settled)} Wh",
        "base units minted": str(minted_units(bundle)),
    }


def _believed(bundle: Bundle, issuer: str | None) -> list[str]:
    sentences = [
        "that the device's key never leaves its secure element, and that the meter measures what the plant makes",
        "that the same energy is certified nowhere else",
    ]
    if issuer is None:
        sentences.append(
            "that the issuer is the community's own: compare its address with what the community publishes"
        )
    if any(key.is_development_key for key in bundle.keys.values()):
        sentences.append("a key that is held in a file, not in a secure element")
    return sentences

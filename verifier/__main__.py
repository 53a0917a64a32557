"""The command line: `python -m verifier check FILE [--rpc URL]`.

Exit code 0: everything agrees. 1: something does not. 2: what could be looked at agrees, but not everything could be.
3: there is no such bundle, or it was asked wrongly.
"""

import argparse
import json
import sys
from pathlib import Path

from community.evidence.bundle_lines import MalformedBundle, read_bundle
from verifier.checking import check_bundle
from verifier.findings import Verdict
from verifier.node import Node

EXIT_CODES = {Verdict.AGREES: 0, Verdict.DIFFERS: 1, Verdict.NOT_CHECKED: 2}
UNUSABLE = 3


class _Parser(argparse.ArgumentParser):
    def exit(self, status: int = 0, message: str | None = None) -> None:  # type: ignore[override]
        super().exit(UNUSABLE if status else 0, message)


def parser() -> argparse.ArgumentParser:
    """Everything that can be asked."""
    root = _Parser(prog="python -m verifier", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = root.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="recompute everything from the devices' signatures to the minted amounts")
    check.add_argument("file", type=Path, help="an evidence bundle, as the API's /evidence gives it")
    check.add_argument("--rpc", metavar="URL", help="a chain node of your choice; without one the chain is not asked")
    check.add_argument("--issuer", metavar="ADDRESS", help="the issuer contract, as the community publishes it")
    check.add_argument("--from-block", type=int, default=0, help="where the source's events begin on the chain; 0")
    check.add_argument("--json", action="store_true", help="for programs")
    return root


def main(arguments: list[str] | None = None) -> int:
    """Check one bundle; returns the exit code."""
    options = parser().parse_args(arguments)
    try:
        with options.file.open("rb") as lines:
            bundle = read_bundle(lines)
    except (OSError, MalformedBundle) as error:
        sys.stderr.write(f"{options.file}: {error}.\n")
        return UNUSABLE
    node = Node(options.rpc) if options.rpc else None
    report = check_bundle(bundle, node, issuer=options.issuer, ask_from=options.from_block)
    if options.json:
        sys.stdout.write(json.dumps(report.as_json()) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in report.lines())
    return EXIT_CODES[report.verdict]


if __name__ == "__main__":
    sys.exit(main())

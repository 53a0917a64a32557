"""Runs import-linter over a tree, as a child process: the packages of this process must not stand in its way.

``python -m tests.architecture.import_linting TREE`` reads cases from standard input (a JSON list of
``{name, rule, path, line}``), adds each one's line to the end of that file in TREE, asks which contracts are broken, takes
the line out again and prints a JSON object: name of the case -> identifiers of broken contracts, of a case only its own
rule's. The unchanged tree is reported under the empty name, with every rule.
"""

import importlib
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

DRIVER = Path(__file__)
CONFIGURATION = ".importlinter"


@dataclass(frozen=True, slots=True)
class Violation:
    """One line that breaks a rule, and the file it is added to."""

    rule: str
    path: str
    line: str

    @property
    def name(self) -> str:
        return f"{self.rule}: {self.path}: {self.line}"


def broken_contracts(tree: Path, violations: list[Violation]) -> dict[str, set[str]]:
    """Name of each violation (and "" for the unchanged tree) -> identifiers of the contracts it breaks."""
    cases = json.dumps([{**asdict(violation), "name": violation.name} for violation in violations])
    command = [sys.executable, "-P", str(DRIVER), str(tree)]
    answer = subprocess.run(command, input=cases, capture_output=True, text=True, check=False, cwd=tree, timeout=110)
    if answer.returncode != 0:
        raise RuntimeError(f"import-linter could not run:\n{answer.stdout}\n{answer.stderr}")
    return {name: set(broken) for name, broken in json.loads(answer.stdout.splitlines()[-1]).items()}


def _report(configuration: Path, parsed: str, *only: str) -> list[str]:
    from importlinter.application import use_cases
    from importlinter.configuration import configure

    configure()
    importlib.invalidate_caches()
    options = use_cases.read_user_options(config_filename=str(configuration))
    use_cases._register_contract_types(options)
    report = use_cases.create_report(options, limit_to_contracts=only, cache_dir=parsed)
    if report.could_not_run:
        raise SystemExit(f"contracts cannot be read: {report.invalid_contract_options}")
    identifiers = {options_["name"]: options_["id"] for options_ in options.contracts_options}
    return [identifiers[contract.name] for contract, check in report.get_contracts_and_checks() if not check.kept]


def main(tree: Path) -> None:
    sys.path.insert(0, str(tree))
    configuration = tree / CONFIGURATION
    with tempfile.TemporaryDirectory() as parsed:  # of a file that is the same as in the case before
        print(json.dumps(_judge(tree, configuration, parsed)))


def _judge(tree: Path, configuration: Path, parsed: str) -> dict[str, list[str]]:
    found = {"": _report(configuration, parsed)}
    for case in json.load(sys.stdin):
        path = tree / case["path"]
        before = path.read_bytes() if path.exists() else None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((before or b"") + f"\n{case['line']}\n".encode())
        try:
            found[case["name"]] = _report(configuration, parsed, case["rule"])
        finally:
            path.unlink() if before is None else path.write_bytes(before)
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))

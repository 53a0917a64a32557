"""A process that signs one request (JSON on its standard input) and kills itself at a step: `python -m tests.support.signing_child`."""

import os
import signal
import sys
from datetime import datetime
from pathlib import Path

from eth_account import Account

from community.chain.signature_requests import parse_request
from signer.journal import Journal
from signer.pinning import follow
from signer.settler import KeystoreAccount
from signer.signing import Signer


def main() -> None:
    """Sign the request in the folder with the key, at the instant, and die at the step."""
    folder, key, now, step = sys.argv[1:]

    def failpoint(name: str) -> None:
        if name == step:
            os.kill(os.getpid(), signal.SIGKILL)

    journal = Journal(Path(folder))
    signer = Signer(KeystoreAccount(Account.from_key(key)), journal, follow(journal), failpoint)
    signer.answer(parse_request(sys.stdin.buffer.read()).request, datetime.fromisoformat(now))


if __name__ == "__main__":
    main()

"""Start settlement or signer as `python -m` does, but end it by kill -9 at the n-th passing of one named place.

`python -m tests.support.mortal settlement|signer`, with MORTAL_AT=name and MORTAL_HIT=n in the environment. A failpoint
is a call inside the process, so nothing after it happens: no handler, no flush, no answer.
"""

import os
import signal
import sys
from collections.abc import Callable
from functools import partial

import settlement.app
import signer.app
import signer.signing
from community.runtime.lifecycle import run_until_stopped
from community.runtime.logs import configure_logging
from settlement.settings import read_settings as read_settlement
from signer.settings import read_settings as read_signer


def mortal(place: str, hit: int) -> Callable[[str], None]:
    """A failpoint that ends this process."""
    passed = 0

    def failpoint(name: str) -> None:
        nonlocal passed
        if name == place:
            passed += 1
            if passed == hit:
                os.kill(os.getpid(), signal.SIGKILL)

    return failpoint


def main(process: str) -> int:
    """Run the process until it dies or is stopped."""
    failpoint = mortal(os.environ.pop("MORTAL_AT", ""), int(os.environ.pop("MORTAL_HIT", "1")))
    configure_logging(process)
    settlement.app.RETRY_S = 0.1  # a node that fails at every third call passes no gate in the first try
    if process == "settlement":
        return run_until_stopped(lambda: settlement.app.build(read_settlement(os.environ), failpoint=failpoint))
    setattr(signer.app, "Signer", partial(signer.signing.Signer, failpoint=failpoint))  # noqa: B010 - mypy knows it as a class
    return run_until_stopped(lambda: signer.app.build(read_signer(os.environ)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

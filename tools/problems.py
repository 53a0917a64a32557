"""What can go wrong while preparing, each said in one sentence that tells what to do."""

import re


class CannotPrepare(Exception):
    """The text is for the person at the keyboard."""


NO_VENV_MODULE = (
    "This Python cannot make virtual environments: install its venv module "
    "(Debian and Ubuntu: sudo apt-get install python3-venv) and try again."
)
NO_COMPILER = (
    "Two small libraries have to be compiled and no C compiler with Python's headers was found: install them "
    "(Debian and Ubuntu: sudo apt-get install gcc python3-dev) and try again."
)
NO_NODE = (
    "Node.js 18 or newer with npm is needed for the local chain and was not found: install it "
    "(Debian and Ubuntu: sudo apt-get install nodejs npm) and try again."
)
NO_SPACE = "The disk is full: free some space and try again."
NO_REGISTRY = (
    "The {registry} cannot be reached: check the network (or the index or proxy that {client} is set up with) "
    "and try again."
)
PYTHON_REGISTRY = NO_REGISTRY.format(registry="Python package index", client="pip")
NPM_REGISTRY = NO_REGISTRY.format(registry="npm registry", client="npm")
APT_REGISTRY = NO_REGISTRY.format(registry="system's package archive", client="apt")
WRONG_HASH = "A downloaded package is not the one that is locked: do not use it, and report where it came from."
LOCK_DISAGREES = "package.json and package-lock.json disagree: run npm install and commit the lock."

_UNREACHABLE = (
    r"Temporary failure in name resolution|Name or service not known|Network is unreachable|ConnectTimeoutError|"
    r"NewConnectionError|Connection refused|Connection reset|No matching distribution found|Read timed out|"
    r"ProxyError|SSLError|ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|Could not resolve|Failed to fetch"
)
_SIGNS = (
    (r"No space left on device|ENOSPC|Disk quota exceeded", lambda _registry: NO_SPACE),
    (r"THESE PACKAGES DO NOT MATCH THE HASHES|EINTEGRITY", lambda _registry: WRONG_HASH),
    (r"npm ci. can only install|EUSAGE", lambda _registry: LOCK_DISAGREES),
    (r"ensurepip is not available|No module named '?(?:venv|ensurepip)", lambda _registry: NO_VENV_MODULE),
    (_UNREACHABLE, lambda registry: registry),
    (r"Python\.h: No such file|command '?\S*(?:cc|clang)\S* failed|unable to execute '?\S*(?:cc|clang)",
     lambda _registry: NO_COMPILER),
)  # fmt: skip


def sentence_for(output: str, registry: str) -> str | None:
    """The sentence for what a package client printed; None when it is something else. Looks for causes, first wins."""
    for pattern, sentence in _SIGNS:
        if re.search(pattern, output):
            return sentence(registry)
    return None

"""The passphrase of the keys: from a file or from an open descriptor, never from the environment or the command line.

A file may be a credential that the service manager lends (systemd's LoadCredential) or a mounted secret; a descriptor serves
a pipe from a password manager, which leaves nothing on the disk.
"""

import os
from pathlib import Path

from community.errors import FatalError

SIZE_MAX = 4096


def passphrase_from(file: Path | None, descriptor: int | None) -> str:
    """The passphrase, without the line end. Raises FatalError unless exactly one place is named and holds one."""
    if (file is None) == (descriptor is None):
        raise FatalError(
            "Say where the passphrase is: either in a file, or behind a descriptor (3 for `3< <(pass show signer)`)."
        )
    try:
        content = file.read_bytes() if file is not None else _from_descriptor(descriptor)
        text = content.decode().strip()
    except OSError as error:
        where = file if file is not None else f"Descriptor {descriptor}"
        raise FatalError(f"{where} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise FatalError("The passphrase is no text in UTF-8.") from error
    if not text or len(content) > SIZE_MAX or "\n" in text:
        raise FatalError(f"The passphrase must be one line that is not empty, of at most {SIZE_MAX} bytes.")
    return text


def _from_descriptor(descriptor: int | None) -> bytes:
    assert descriptor is not None
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read(SIZE_MAX + 1)

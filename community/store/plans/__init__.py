"""Compiled plans: a selection of the API as one SQL statement whose only value is the answer's JSON.

`shapes` is what the API asks for, `sources` how each object's rows and relations are declared, `compiler` makes the
statement, `running` runs it, `marks` finishes what SQL cannot. Importing this package declares all sources.
"""

from community.store.plans import (
    balance_sources,
    book_sources,
    identity_sources,
    metering_sources,
    roots,
    streams,
    token_sources,
)

__all__ = [
    "balance_sources",
    "book_sources",
    "identity_sources",
    "metering_sources",
    "roots",
    "streams",
    "token_sources",
]

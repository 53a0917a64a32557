"""The SQL tables, one module per slice. Private to the store: rows leave it as values."""

from sqlmodel import SQLModel

from community.store.tables import (
    access,
    addresses,
    chain,
    deciding,
    identity,
    measuring,
    metering,
    minting,
    onboarding,
    radio,
    reconciling,
    repairing,
    telling,
)

metadata = SQLModel.metadata
# Index and constraint names are part of the schema: migrations name them.
__all__ = [
    "access",
    "addresses",
    "chain",
    "deciding",
    "identity",
    "measuring",
    "metadata",
    "metering",
    "minting",
    "onboarding",
    "radio",
    "reconciling",
    "repairing",
    "telling",
]

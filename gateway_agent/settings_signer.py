"""The [signer] part of the configuration: what holds the device's private key."""

from dataclasses import dataclass, field
from pathlib import Path

from gateway_agent.secure_element.atecc import DEFAULT_ADDRESS
from gateway_agent.secure_element.tpm2 import DEFAULT_HANDLE, DEFAULT_TCTI
from gateway_agent.settings_table import Table

BACKENDS = ("pkcs11", "development", "atecc", "tpm2")


@dataclass(frozen=True, slots=True)
class Pkcs11Settings:
    """A key in a token."""

    module: Path
    token: str
    key: str
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AteccSettings:
    """A key in a slot of an ATECC608 on the I2C bus."""

    bus: int
    address: int
    slot: int


@dataclass(frozen=True, slots=True)
class Tpm2Settings:
    """A key at a persistent handle of a TPM 2.0."""

    tcti: str
    handle: int
    auth: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DevelopmentKeySettings:
    """A key in a file."""

    key_file: Path


SignerSettings = Pkcs11Settings | AteccSettings | Tpm2Settings | DevelopmentKeySettings


def read_signer(signer: Table) -> SignerSettings | None:
    """What [signer] says; None if the backend is not known, which was noted."""
    match signer.choice("backend", "pkcs11", BACKENDS):
        case "development":
            return DevelopmentKeySettings(signer.path("key_file"))
        case "pkcs11":
            module = signer.path("module")
            token, key = signer.text("token", example="gateway"), signer.text("key", example="p256-0")
            return Pkcs11Settings(module, token, key, signer.secret_text("pin_file"))
        case "atecc":
            bus = signer.integer("bus", 1, low=0, high=255)
            address = signer.integer("address", DEFAULT_ADDRESS, low=0, high=255)
            return AteccSettings(bus, address, signer.integer("slot", 0, low=0, high=15))
        case "tpm2":
            handle = signer.integer("handle", DEFAULT_HANDLE, low=0x81000000, high=0x817FFFFF)
            auth = signer.secret_text("auth_file") if signer.has("auth_file") else ""
            return Tpm2Settings(signer.text("tcti", DEFAULT_TCTI), handle, auth)
        case _:
            signer.tolerate_all()
            return None

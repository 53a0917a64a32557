"""A private key in a slot of an ATECC608 on the I2C bus, through Microchip's cryptoauthlib (the extra `atecc`).

The chip signs only digests from outside. Its configuration must have been locked before: until then a slot can be read.
"""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from community.attestation.signatures import check_public_key, normalise_low_s
from gateway_agent.secure_element.optional_driver import load_driver
from gateway_agent.secure_element.signer import SignerAttributes, SignerUnavailable, SignerUnusable, checked_digest

T = TypeVar("T")
SLOTS = range(16)
DEFAULT_ADDRESS = 0xC0
"""The chip's I2C address in the eight-bit form its configuration has; 0x60 in seven bits."""
_NEEDS = "enable the I2C bus of the board (/dev/i2c-1 must be there and open to this user)"
_CONFIG_SIZE = 128
_SLOT_CONFIG_AT, _KEY_CONFIG_AT, _LOCK_VALUE_AT, _LOCK_CONFIG_AT = 20, 96, 86, 87
_UNLOCKED = 0x55
_IS_SECRET, _PRIV_WRITE = 0x0080, 0x4000
_PRIVATE = 0x0001
"""Of SlotConfig, SlotConfig and KeyConfig (ATECC608 data sheet, section 2.2)."""
_NO_ANSWER = {0xD0, 0xE6, 0xE7, 0xEA, 0xEB, 0xF0, 0xF1, 0xF7, 0xF9}
"""ATCA_WAKE_FAILED, RX_FAIL, RX_NO_RESPONSE, TX_TIMEOUT, RX_TIMEOUT, COMM_FAIL, TIMEOUT, TX_FAIL, NO_DEVICES."""


class AteccSigner:
    """Signs with the key in `slot` of the chip at `address` of I2C bus `bus`."""

    def __init__(self, bus: int = 1, address: int = DEFAULT_ADDRESS, slot: int = 0) -> None:
        if slot not in SLOTS:
            raise SignerUnusable(f"signer.slot {slot} is none of the sixteen of an ATECC608 (0 to 15).")
        self._driver = load_driver("cryptoauthlib", "atecc", _NEEDS)
        self._bus = bus
        self._address = address
        self._slot = slot
        self._lock = threading.Lock()

    def public_key(self) -> bytes:
        """The 65-byte point. Raises SignerUnavailable, SignerUnusable."""
        point = self._do(self._read_point)
        if point is None:
            raise SignerUnusable(f"Slot {self._slot} of the ATECC608 holds no key; make it with `key init`.")
        return check_public_key(b"\x04" + point)

    def sign_digest(self, digest: bytes) -> bytes:
        """r | s with a low s over `digest`. Raises SignerUnavailable, SignerUnusable."""
        checked_digest(digest)

        def sign() -> bytes:
            signature = bytearray(64)
            self._check(self._driver.atcab_sign(self._slot, digest, signature), "sign")
            return bytes(signature)

        return normalise_low_s(self._do(sign))

    def attributes(self) -> SignerAttributes:
        """What the chip's configuration says of the slot. Raises SignerUnavailable, SignerUnusable."""

        def look() -> SignerAttributes:
            config, serial = bytearray(_CONFIG_SIZE), bytearray(9)
            self._check(self._driver.atcab_read_config_zone(config), "read its configuration")
            self._check(self._driver.atcab_read_serial_number(serial), "tell its serial number")
            slot_config = int.from_bytes(config[_SLOT_CONFIG_AT + 2 * self._slot :][:2], "little")
            key_config = int.from_bytes(config[_KEY_CONFIG_AT + 2 * self._slot :][:2], "little")
            locked = _UNLOCKED not in (config[_LOCK_VALUE_AT], config[_LOCK_CONFIG_AT])
            stays = locked and bool(slot_config & _IS_SECRET) and bool(key_config & _PRIVATE)
            # A key that can be written from outside may have been known outside.
            made_inside = stays and not slot_config & _PRIV_WRITE
            return SignerAttributes("atecc", f"slot {self._slot}", not stays, made_inside, serial.hex())

        return self._do(look)

    def create_key(self) -> bytes:
        """Make the key inside the chip. Raises SignerUnusable if the slot holds one."""

        def create() -> None:
            if self._read_point() is not None:
                raise SignerUnusable(f"Slot {self._slot} of the ATECC608 already holds a key; it is never overwritten.")
            self._check(self._driver.atcab_genkey(self._slot, bytearray(64)), "make a key")

        self._do(create)
        return self.public_key()

    def _read_point(self) -> bytes | None:
        """x | y of the slot's key; None if there is none."""
        point = bytearray(64)
        status = int(self._driver.atcab_get_pubkey(self._slot, point)) & 0xFF
        if status in _NO_ANSWER:
            self._check(status, "give its public key")
        return bytes(point) if status == 0 and any(point) else None

    def _do(self, work: Callable[[], T]) -> T:
        """`work` with the chip awake. It is begun anew each time, so that one that was taken out is found again."""
        with self._lock:
            config = self._driver.cfg_ateccx08a_i2c_default()
            config.cfg.atcai2c.bus = self._bus
            config.cfg.atcai2c.address = self._address
            self._check(self._driver.atcab_init(config), "be woken")
            try:
                return work()
            finally:
                self._driver.atcab_release()

    def _check(self, status: Any, what: str) -> None:
        code = int(status) & 0xFF
        if code == 0:
            return
        where = f"The ATECC608 at address {self._address:#x} of I2C bus {self._bus}"
        if code in _NO_ANSWER or what == "be woken":
            raise SignerUnavailable(f"{where} does not answer ({code:#04x}). Is it connected, and is the bus enabled?")
        raise SignerUnusable(
            f"{where} does not {what} with slot {self._slot} ({code:#04x}). Is the chip configured and locked for it?"
        )

"""A private key in a TPM 2.0, at a persistent handle: fixed to the TPM and to its parent, never outside it.

Through the extended system API of tpm2-pytss (the extra `tpm2`). One context per signature: a TPM that was reset, or
a resource manager that was restarted, is simply there again.
"""

import secrets
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from community.attestation.signatures import check_public_key, normalise_low_s
from gateway_agent.secure_element.optional_driver import load_driver
from gateway_agent.secure_element.signer import SignerAttributes, SignerUnavailable, SignerUnusable, checked_digest

T = TypeVar("T")
DEFAULT_TCTI = "device:/dev/tpmrm0"
DEFAULT_HANDLE = 0x81010001
PERSISTENT_HANDLES = range(0x81000000, 0x81800000)
"""Those of the owner (TPM 2.0 Part 2, 7.4)."""
_NEEDS = "the TPM2 software stack of the system (Debian: libtss2-esys-3.0.2-0 and libtss2-tcti-device0)"
_ATTRIBUTES = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign"
_HANDLE_MISSING = 0x018B
"""TPM_RC_HANDLE for the first handle: nothing is there."""
_BAD_AUTH = (0x098E, 0x09A2)
"""TPM_RC_AUTH_FAIL and TPM_RC_BAD_AUTH for the first session."""
_LOCKOUT = 0x0921
_LAYER = 0xFFFF0000
"""Where an error comes from; zero is the TPM itself."""


class Tpm2Signer:
    """Signs with the P-256 key at `handle` of the TPM behind `tcti` (device:/dev/tpmrm0, swtpm:host=...,port=...)."""

    def __init__(self, tcti: str = DEFAULT_TCTI, handle: int = DEFAULT_HANDLE, auth: str = "") -> None:
        if handle not in PERSISTENT_HANDLES:
            raise SignerUnusable(
                f"signer.handle {handle:#x} is no persistent handle; use one such as {DEFAULT_HANDLE:#x}."
            )
        self._driver = load_driver("tpm2_pytss", "tpm2", _NEEDS)
        self._tcti = tcti
        self._handle = handle
        self._auth = auth
        self._lock = threading.Lock()

    def public_key(self) -> bytes:
        """The 65-byte point. Raises SignerUnavailable, SignerUnusable."""
        return self._do(lambda esapi, key: _point_of(esapi.read_public(key)[0]))

    def sign_digest(self, digest: bytes) -> bytes:
        """r | s with a low s over `digest`. Raises SignerUnavailable, SignerUnusable."""
        checked_digest(digest)
        driver = self._driver

        def sign(esapi: Any, key: Any) -> bytes:
            scheme = driver.TPMT_SIG_SCHEME(scheme=driver.TPM2_ALG.ECDSA)
            scheme.details.any.hashAlg = driver.TPM2_ALG.SHA256
            ticket = driver.TPMT_TK_HASHCHECK(tag=driver.TPM2_ST.HASHCHECK, hierarchy=driver.TPM2_RH.NULL)
            whole = esapi.sign(key, digest, scheme, ticket)  # its parts live as long as it does
            parts = whole.signature.ecdsa
            return bytes(parts.signatureR).rjust(32, b"\0") + bytes(parts.signatureS).rjust(32, b"\0")

        return normalise_low_s(self._do(sign))

    def attributes(self) -> SignerAttributes:
        """What the TPM says of the key. Raises SignerUnavailable, SignerUnusable."""

        def look(esapi: Any, key: Any) -> SignerAttributes:
            attributes = int(esapi.read_public(key)[0].publicArea.objectAttributes)
            bits = self._driver.TPMA_OBJECT
            stays = bool(attributes & int(bits.FIXEDTPM)) and bool(attributes & int(bits.FIXEDPARENT))
            made_inside = bool(attributes & int(bits.SENSITIVEDATAORIGIN))
            return SignerAttributes("tpm2", f"{self._handle:#x}", not stays, stays and made_inside, "")

        return self._do(look)

    def create_key(self) -> bytes:
        """Make the key inside the TPM and keep it at the handle. Raises SignerUnusable if one is there."""
        driver = self._driver

        def create(esapi: Any) -> None:
            sensitive = driver.TPM2B_SENSITIVE_CREATE(
                driver.TPMS_SENSITIVE_CREATE(userAuth=driver.TPM2B_AUTH(self._auth.encode()))
            )
            template = driver.TPM2B_PUBLIC.parse("ecc256:ecdsa-sha256:null", _ATTRIBUTES)
            # A primary key comes from the TPM's seed and the template: this makes each one another.
            template.publicArea.unique.ecc.x = secrets.token_bytes(32)
            key = esapi.create_primary(sensitive, template)[0]
            try:
                esapi.evict_control(driver.ESYS_TR.OWNER, key, self._handle)
            finally:
                esapi.flush_context(key)

        with self._lock:
            if self._is_taken():
                raise SignerUnusable(f"The TPM already holds a key at {self._handle:#x}; a key is never overwritten.")
            self._translated(create)
        return self.public_key()

    def _is_taken(self) -> bool:
        def look(esapi: Any) -> bool:
            try:
                esapi.tr_from_tpmpublic(self._handle)
            except self._driver.TSS2_Exception as error:
                if error.rc & 0xFFFF == _HANDLE_MISSING:
                    return False
                raise
            return True

        return self._translated(look)

    def _do(self, work: Callable[[Any, Any], T]) -> T:
        """`work` with an open context and the key."""

        def with_key(esapi: Any) -> T:
            key = esapi.tr_from_tpmpublic(self._handle)
            if self._auth:
                esapi.tr_set_auth(key, self._auth)
            return work(esapi, key)

        with self._lock:
            return self._translated(with_key)

    def _translated(self, work: Callable[[Any], T]) -> T:
        try:
            with self._driver.ESAPI(self._tcti) as esapi:
                return work(esapi)
        except self._driver.TSS2_Exception as error:
            raise self._as_signer_error(error) from error

    def _as_signer_error(self, error: Any) -> SignerUnavailable | SignerUnusable:
        code = int(error.rc)
        if not code & _LAYER:  # the TPM itself answers
            if code & 0xFFFF == _HANDLE_MISSING:
                return SignerUnusable(f"The TPM holds no key at {self._handle:#x}; make it with `key init`.")
            if code in _BAD_AUTH:
                return SignerUnusable(
                    "The TPM refuses the password of the key. It is not tried again: a TPM locks itself."
                )
            if code == _LOCKOUT:
                return SignerUnusable(
                    "The TPM is locked after wrong passwords. Wait for its recovery time or clear the lockout"
                    " (tpm2_dictionarylockout -c), then correct the file that signer.auth_file names."
                )
            return SignerUnusable(f"The TPM refuses the key at {self._handle:#x} ({error}).")
        return SignerUnavailable(
            f"The TPM behind {self._tcti} does not answer ({error}). Is it switched on, and may this user open it?"
        )


def _point_of(public: Any) -> bytes:
    point = public.publicArea.unique.ecc
    return check_public_key(b"\x04" + bytes(point.x).rjust(32, b"\0") + bytes(point.y).rjust(32, b"\0"))

"""`key init|show|csr|prove`: make the device's signing key where the settings say, show its public half, prove to have it."""

from typing import Any

from community.errors import FatalError
from gateway_agent.app import open_signer
from gateway_agent.cli_text import Terminal, Write
from gateway_agent.secure_element.atecc import AteccSigner
from gateway_agent.secure_element.development_key import DevelopmentKeySigner
from gateway_agent.secure_element.onboarding import certificate_request, prove_possession
from gateway_agent.secure_element.pkcs11 import Pkcs11Signer
from gateway_agent.secure_element.signer import Signer, SignerUnusable, key_id_of
from gateway_agent.secure_element.tpm2 import Tpm2Signer
from gateway_agent.settings import AgentSettings, DevelopmentKeySettings


def create_key(settings: AgentSettings, write: Write) -> None:
    """Make the device's key where the settings say. Raises SignerUnusable if there is one."""
    _tell(_created(settings), write)


def show_key(settings: AgentSettings, write: Write) -> None:
    """The public key that the registry needs. Raises SignerUnusable."""
    _tell(open_signer(settings), write)


def _created(settings: AgentSettings) -> Signer:
    match settings.signer:
        case DevelopmentKeySettings(key_file):
            if not settings.allow_insecure_key:
                raise SignerUnusable("A key in a file needs gateway.allow_insecure_key = true.")
            return DevelopmentKeySigner.create(key_file)
        case _:
            signer = open_signer(settings)
            assert isinstance(signer, Pkcs11Signer | AteccSigner | Tpm2Signer)
            signer.create_key()
            return signer


def request_certificate(settings: AgentSettings, write: Write) -> None:
    """A certificate request (PKCS#10) for the device's key, to be signed by the broker's authority. Raises as the signer."""
    out, signer = Terminal.around(write), open_signer(settings)
    request = certificate_request(signer, settings.identity.eui_text)
    out.line(request.rstrip())
    out.document({"device": settings.identity.eui_text, "certificate_request": request})


def prove_key(settings: AgentSettings, nonce_hex: str, hardware: str, write: Write) -> None:
    """The answer to the backend's nonce: this device holds its key. Raises FatalError, as the signer."""
    out = Terminal.around(write)
    try:
        nonce = bytes.fromhex(nonce_hex)
        proof = prove_possession(open_signer(settings), nonce, settings.identity.eui, hardware)
    except ValueError as error:
        raise FatalError(f"This is no nonce or name that can be proved with: {error}") from error
    out.line(proof.hex())
    out.document({"device": settings.identity.eui_text, "proof": proof.hex()})


def key_facts(signer: Signer) -> dict[str, Any]:
    """What may be known of the key. Raises SignerUnavailable, SignerUnusable."""
    attributes, public_key = signer.attributes(), signer.public_key()
    return {
        "key_id": key_id_of(public_key),
        "public_key": public_key.hex(),
        "backend": attributes.backend,
        "label": attributes.label,
        "serial": attributes.serial,
        "development_key": attributes.development_key,
    }


def key_rows(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """The same for people."""
    kept_in = " ".join(filter(None, (facts["backend"], facts["label"], facts["serial"])))
    rows = [("key id", facts["key_id"]), ("public key", facts["public_key"]), ("kept in", kept_in)]
    if facts["development_key"]:
        rows.append(("warning", "this key can be copied: a development key, every record made with it is marked"))
    return rows


def _tell(signer: Signer, write: Write) -> None:
    out, facts = Terminal.around(write), key_facts(signer)
    out.rows(key_rows(facts))
    out.document(facts)

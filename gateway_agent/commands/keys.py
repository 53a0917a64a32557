"""`key init|show`: make the device's signing key where the settings say, and show its public half."""

from typing import Any

from gateway_agent.app import open_signer
from gateway_agent.cli_text import Terminal, Write
from gateway_agent.secure_element.development_key import DevelopmentKeySigner
from gateway_agent.secure_element.pkcs11 import Pkcs11Signer
from gateway_agent.secure_element.signer import Signer, SignerUnusable, key_id_of
from gateway_agent.settings import AgentSettings, DevelopmentKeySettings, Pkcs11Settings


def create_key(settings: AgentSettings, write: Write) -> None:
    """Make the device's key where the settings say. Raises SignerUnusable if there is one."""
    _tell(_created(settings), write)


def show_key(settings: AgentSettings, write: Write) -> None:
    """The public key that the registry needs. Raises SignerUnusable."""
    _tell(open_signer(settings), write)


def _created(settings: AgentSettings) -> Signer:
    match settings.signer:
        case Pkcs11Settings(module, token, key, pin):
            signer = Pkcs11Signer(module, token, key, pin)
            signer.create_key()
            return signer
        case DevelopmentKeySettings(key_file):
            if not settings.allow_insecure_key:
                raise SignerUnusable("A key in a file needs gateway.allow_insecure_key = true.")
            return DevelopmentKeySigner.create(key_file)


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

"""`key register|rotate`: bring the key to the backend over the broker, and change it there, signed by both."""

from dataclasses import replace
from pathlib import Path

from community.attestation.key_rotation import KeyRotation, verify_rotation
from community.clock import Clock, slot_at, slot_start
from community.errors import FatalError
from gateway_agent.app import open_signer
from gateway_agent.cli_text import Terminal
from gateway_agent.provisioning import Conversation, change_key, register_key, signed_rotation
from gateway_agent.secure_element.signer import Signer, key_id_of
from gateway_agent.settings import (
    AgentSettings,
    AteccSettings,
    DevelopmentKeySettings,
    LorawanEcw1SinkSettings,
    MqttSinkSettings,
    Pkcs11Settings,
    Tpm2Settings,
)
from gateway_agent.settings_signer import SignerSettings
from gateway_agent.spool import Spool
from gateway_agent.uplinks.lorawan_key import send_key


async def register(settings: AgentSettings, out: Terminal, clock: Clock, hardware: str) -> None:
    """Bring the device's key to the backend, and prove to have it. Raises FatalError, RetryableError, as the signer."""
    signer = open_signer(settings)
    spool = Spool(settings.spool, settings.identity.eui_text)
    try:
        if isinstance(settings.sink, LorawanEcw1SinkSettings):
            await send_key(settings.sink, settings.identity, signer, spool, clock)
            said = "sent by radio; the first statement that verifies proves it"
            _registered(out, settings, signer, said)
            return
        sink = _broker(settings)
        async with Conversation(sink.address, settings.identity, spool) as talk:
            said = await register_key(talk, settings.identity, signer, hardware)
    finally:
        spool.close()
    _registered(out, settings, signer, said)


def _registered(out: Terminal, settings: AgentSettings, signer: Signer, said: str) -> None:
    key_id = key_id_of(signer.public_key())
    out.line(f"key {key_id}: {said}")
    out.document({"device": settings.identity.eui_text, "key_id": key_id, "backend": said})


async def rotate(settings: AgentSettings, out: Terminal, clock: Clock, to: str, *, only_print: bool) -> None:
    """Change to the key that `to` names, behind all that is spooled. Raises FatalError, RetryableError, as the signers."""
    named, line = successor(settings.signer, to)
    old, new = open_signer(settings), open_signer(replace(settings, signer=named))
    if old.public_key() == new.public_key():
        raise FatalError(f"{to} is the key that signs now. Make another one first, with `key init` and its name.")
    spool = Spool(settings.spool, settings.identity.eui_text)
    try:
        content = signed_rotation(settings.identity, spool, old, new, slot_at(clock.now()))
        said = None
        if not only_print:
            async with Conversation(_broker(settings).address, settings.identity, spool) as talk:
                said = await change_key(talk, content, insecure=new.attributes().development_key)
    finally:
        spool.close()
    _tell(out, settings, (old, new), content, said, line)


def successor(signer: SignerSettings, to: str) -> tuple[SignerSettings, str]:
    """The settings of the key that `to` names, and the line of agent.toml that names it. Raises FatalError."""
    match signer:
        case DevelopmentKeySettings(key_file):
            return DevelopmentKeySettings(key_file.parent / Path(to)), f'key_file = "{to}"'
        case Pkcs11Settings():
            return replace(signer, key=to), f'key = "{to}"'
        case AteccSettings():
            return replace(signer, slot=_number(to, 15)), f"slot = {to}"
        case Tpm2Settings():
            return replace(signer, handle=_number(to, 0x817FFFFF)), f"handle = {to}"


def _number(text: str, high: int) -> int:
    try:
        number = int(text, 0)
    except ValueError:
        number = -1
    if not 0 <= number <= high:
        raise FatalError(f"{text!r} names no key there: give a number, such as 1 or 0x81000002.")
    return number


def _broker(settings: AgentSettings) -> MqttSinkSettings:
    if not isinstance(settings.sink, MqttSinkSettings):
        raise FatalError(
            "This needs a broker. Over LoRaWAN use `key prove` and `key rotate --print`, and give what they show to the "
            "operator."
        )
    return settings.sink


def _tell(
    out: Terminal,
    settings: AgentSettings,
    signers: tuple[Signer, Signer],
    content: bytes,
    said: str | None,
    line: str,
) -> None:
    old, new = signers
    rotation = verify_rotation(content, old.public_key(), device_id=settings.identity.eui)
    assert isinstance(rotation, KeyRotation)
    begins = f"{slot_start(rotation.valid_from_slot):%Y-%m-%d %H:%M} UTC"
    if said is None:
        out.line(content.hex())
        out.line(f"For the operator: python -m ingest device rotate-key {settings.identity.eui_text} <this>")
    else:
        out.line(f"key {key_id_of(new.public_key())} follows {key_id_of(old.public_key())} at {begins}: {said}")
    out.line("Now change agent.toml, then start the agent:")
    out.line(f"  [device]  keyno = {rotation.new_keyno}")
    out.line(f"  [signer]  {line}")
    out.document(
        {
            "device": settings.identity.eui_text,
            "rotation": content.hex(),
            "accepted": said is not None,
            "keyno": rotation.new_keyno,
            "key_id": key_id_of(new.public_key()),
            "valid_from": slot_start(rotation.valid_from_slot).isoformat(),
            "first_ctr": rotation.first_ctr,
            "signer": line,
        }
    )

"""A device's key by radio (FPort 13): bound where none is yet; its first verified statement is the proof of possession."""

from community.attestation.lora_key_registration import MalformedRegistration, parse_registration
from community.attestation.reasons import Reason
from community.store.decisions import Decided, NotFound, NotPossible
from community.store.devices import DeviceFile
from community.store.onboarding import Told, bind_key
from ingest.cases import Case
from ingest.outcomes import Outcome

_WHY = "by radio, sealed with the device's secret"


async def register_key(case: Case, device: DeviceFile, plaintext: bytes) -> Outcome | None:
    """Bind the key in `plaintext`, in the case's unit of work; the refusal if it cannot be. The same key again is no change."""
    try:
        key, insecure = parse_registration(plaintext)
    except MalformedRegistration as error:
        return await case.refuse("quarantined", Reason.MALFORMED, str(error))
    told = Told(f"device {device.eui}", _WHY, "")
    match await bind_key(case.work, device.id, key, told, case.now, development_key=insecure):
        case Decided():
            return None
        case NotPossible(sentence):
            return await case.refuse("quarantined", Reason.UNKNOWN_KEY, sentence)
        case NotFound():
            raise AssertionError("the device was loaded in this unit of work")

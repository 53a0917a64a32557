"""Why something was not taken in: one closed list of codes, each with what it means and what can be done."""

from enum import StrEnum


class Reason(StrEnum):
    """Code of a rejection or quarantine, as stored and shown."""

    UNDECRYPTABLE = "undecryptable"
    BAD_SIGNATURE = "bad_signature"
    UNKNOWN_DEVICE = "unknown_device"
    UNKNOWN_KEY = "unknown_key"
    KEY_NOT_VALID = "key_not_valid"
    REPEATED_COUNTER = "repeated_counter"
    EQUIVOCATION = "equivocation"
    WRONG_ROOT = "wrong_root"
    MALFORMED = "malformed"
    FROM_THE_FUTURE = "from_the_future"
    TOO_OLD = "too_old"
    REGISTER_REGRESSION = "register_regression"
    RESET_SUSPECTED = "reset_suspected"
    BEYOND_NAMEPLATE = "beyond_nameplate"
    CONFLICTING_READING = "conflicting_reading"
    DEVICE_NOT_ACTIVE = "device_not_active"
    METER_FRAME_UNREADABLE = "meter_frame_unreadable"
    NOT_AT_A_BOUNDARY = "not_at_a_boundary"
    NOT_INSTALLED = "not_installed"
    UNKNOWN_REGISTER = "unknown_register"
    READING_FAILED = "reading_failed"
    SIMULATED = "simulated"
    INTAKE_FAILED = "intake_failed"

    @property
    def sentence(self) -> str:
        """What it means and what the operator can do, for people."""
        return _SENTENCES[self]


_SENTENCES = {
    Reason.UNDECRYPTABLE: "The device's secret does not open the message: check that the registered secret is the "
    "device's own; if it is, the message was altered on its way.",
    Reason.BAD_SIGNATURE: "The signature is not by the registered key: check the device's public key; if it is right, "
    "the content was altered or signed by someone else.",
    Reason.UNKNOWN_DEVICE: "No device with this identifier is registered: register it, or find out who sends in its name.",
    Reason.UNKNOWN_KEY: "The device signs with a key that is not registered: register the new key after checking the "
    "device's proof of possession.",
    Reason.KEY_NOT_VALID: "The key was not valid for all the quarter-hours it signed: check the key's validity; "
    "after a rotation the device must sign with the new key.",
    Reason.REPEATED_COUNTER: "A counter that must only rise was used again for other content: a replay, or a device "
    "that lost its memory; look at the device before trusting what it sends.",
    Reason.EQUIVOCATION: "The device signed two different statements with one counter: both are kept as proof; "
    "take the device out of service until it is explained.",
    Reason.WRONG_ROOT: "The readings are not those under the signature: the device's software or its secret is wrong; "
    "ask the device to send them again.",
    Reason.MALFORMED: "The content does not follow the format: check the device's software version and its profile.",
    Reason.FROM_THE_FUTURE: "Readings are dated after their arrival: set the device's clock. The frame is kept; its "
    "energy is in the next register value that is taken in.",
    Reason.TOO_OLD: "Readings are older than 40 days: check the device's clock. The frame is kept as evidence; its energy "
    "is in the later register values.",
    Reason.REGISTER_REGRESSION: "The register stands a little lower than before: nothing is booked and the last value "
    "stays; watch whether the meter recovers.",
    Reason.RESET_SUSPECTED: "The register fell as if the meter was reset or exchanged: record the meter exchange, or "
    "have the meter examined; nothing is booked until then.",
    Reason.BEYOND_NAMEPLATE: "More energy than the installation can move in that time: check the registered power, "
    "the transformer factor and the meter.",
    Reason.CONFLICTING_READING: "Another value is already admitted for this quarter-hour: the first stays; compare "
    "both with the meter.",
    Reason.DEVICE_NOT_ACTIVE: "The device is registered, but not in service: confirm its installation, or find out why "
    "it still sends.",
    Reason.METER_FRAME_UNREADABLE: "The meter's own frame gives no reading: compare the meter key and the time zone "
    "with the grid operator's data; the frame is kept and can be read again.",
    Reason.NOT_AT_A_BOUNDARY: "The meter's own time is too far from a quarter-hour to stand for it: let the gateway read "
    "on the quarter-hour, or check the meter's clock.",
    Reason.NOT_INSTALLED: "No installation is recorded for the device at that time: record which meter it reads at which "
    "metering point, then admit the reading by hand.",
    Reason.UNKNOWN_REGISTER: "The meter on file has no such register, or the value does not fit into it: correct the "
    "meter's registers or the device's profile.",
    Reason.READING_FAILED: "The device could not read its meter at that instant and says so: nothing is booked; look at the "
    "line between device and meter if it goes on.",
    Reason.SIMULATED: "The network server made this uplink up on someone's request: nothing to do.",
    Reason.INTAKE_FAILED: "The intake itself failed on this frame: report it with the detail; the bytes are kept.",
}

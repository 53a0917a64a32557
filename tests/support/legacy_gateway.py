"""A trusted gateway of the first generation: a meter's own telegram, its digest and a signature; and its entry in the books."""

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from community.metering.dlms.encode import MeterModel, PushMeter, encode_push_frame
from community.store.unit_of_work import Store
from tests.support.sending_device import SendingDevice, register

IMPORT = "1-0:1.8.0"
METER_KEY = bytes(range(16))
METER = PushMeter(MeterModel.E450, b"LGZgr\x00\x00\x01", METER_KEY)
GATEWAY = SendingDevice(eui="70b3d57ed0000042")
QUARTER = timedelta(minutes=15)


def legacy_payload(
    invocation: int,
    at: datetime,
    wh: int,
    key: ec.EllipticCurvePrivateKey = GATEWAY.key,
    meter_key: bytes = METER_KEY,
) -> bytes:
    """The meter's telegram of `at` with its register, as the gateway sends it."""
    frame = encode_push_frame(replace(METER, key=meter_key), invocation, at, {IMPORT: wh, "1-0:2.8.0": 5})
    r, s = decode_dss_signature(key.sign(frame, ec.ECDSA(SHA256())))
    return frame + hashlib.sha256(frame).digest() + r.to_bytes(32, "big") + s.to_bytes(32, "big")


async def books(store: Store) -> None:
    """The gateway and its meter, on the books as "flat"."""
    await register(
        store, GATEWAY, name="flat", payload_format="legacy", meter_key=METER_KEY, settled_obis=IMPORT,
        registers={IMPORT: 10**9},
    )  # fmt: skip

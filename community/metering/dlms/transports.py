"""The transports of push telegrams by name, all fed the same way."""

from enum import StrEnum

from community.metering.dlms.hdlc_telegrams import HdlcTelegrams
from community.metering.dlms.mbus_telegrams import MbusTelegrams
from community.metering.dlms.raw_telegrams import RawTelegrams
from community.metering.dlms.received import TelegramDeframer


class Transport(StrEnum):
    """What stands around a telegram on the line."""

    HDLC = "hdlc"
    MBUS = "mbus"
    RAW = "raw"


def telegram_deframer(transport: Transport) -> TelegramDeframer:
    """A fresh deframer."""
    match transport:
        case Transport.HDLC:
            return HdlcTelegrams()
        case Transport.MBUS:
            return MbusTelegrams()
        case Transport.RAW:
            return RawTelegrams()

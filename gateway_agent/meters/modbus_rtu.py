"""A meter that answers on Modbus RTU over a serial line, read by its profile."""

from gateway_agent.meters.modbus import ModbusMeter
from gateway_agent.meters.modbus_link import rtu_link
from gateway_agent.profiles import ModbusProfile


class ModbusRtuMeter(ModbusMeter):
    """One unit on a serial line. Without `baud` or `bits_format` the profile's line settings hold."""

    def __init__(
        self,
        profile: ModbusProfile,
        port: str,
        unit: int,
        baud: int | None = None,
        bits_format: str | None = None,
        timeout_s: float = 1.0,
        *,
        echo: bool = False,
    ) -> None:
        line = profile.line
        link = rtu_link(port, unit, baud or line.baud, bits_format or line.format, timeout_s, echo=echo)
        super().__init__(profile, link)

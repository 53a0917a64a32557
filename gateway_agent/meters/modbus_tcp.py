"""A meter that answers on Modbus TCP, read by its profile."""

from gateway_agent.meters.modbus import ModbusMeter
from gateway_agent.meters.modbus_link import tcp_link
from gateway_agent.meters.unreachable import MeterUnreachable
from gateway_agent.profiles import ModbusProfile

__all__ = ["MeterUnreachable", "ModbusTcpMeter"]


class ModbusTcpMeter(ModbusMeter):
    """One unit behind one address."""

    def __init__(self, profile: ModbusProfile, host: str, port: int, unit: int, timeout_s: float = 2.0) -> None:
        super().__init__(profile, tcp_link(host, port, unit, timeout_s))

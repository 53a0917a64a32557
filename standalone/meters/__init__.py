"""Simulated meters that speak the real protocols: Modbus TCP, and encrypted DLMS telegrams on a serial line."""

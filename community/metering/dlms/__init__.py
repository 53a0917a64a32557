"""DLMS/COSEM push telegrams of Austrian meters: framing, deciphering, layouts, clock. Sans-I/O: bytes in, values out."""

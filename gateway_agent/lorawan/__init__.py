"""LoRaWAN within its limits: how long a frame is on the air, which frame goes next, which counter it carries. No I/O."""

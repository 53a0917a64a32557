"""ECW1 over LoRaWAN: frames put together to statements, and what is told to the devices."""

"""The LoRaWAN side of the gateway agent: airtime, counters, schedule."""

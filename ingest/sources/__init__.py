"""Where uplinks come from: the device broker and LoRaWAN network servers."""

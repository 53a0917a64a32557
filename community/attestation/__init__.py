"""Signed evidence over register readings: building it, sealing it, judging it. Pure: no clock, no network, no store."""

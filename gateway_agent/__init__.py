"""The program in the box at the meter: reads it on the quarter-hour, signs, keeps on disk, sends until acknowledged."""

FIRMWARE_VERSION = "0.1.0"

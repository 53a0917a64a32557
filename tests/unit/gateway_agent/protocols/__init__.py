"""The protocols of meters, byte by byte."""

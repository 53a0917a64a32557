"""Comparing a meter's serial number as a person read it off the meter with the one on file."""


def same_serial(read_off: str, on_file: str) -> bool:
    """Whether both name the same meter; blanks, dashes, dots and case make no difference."""
    return _plain(read_off) == _plain(on_file) != ""


def _plain(serial: str) -> str:
    return "".join(char for char in serial.casefold() if char.isalnum())

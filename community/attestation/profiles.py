"""Which registers a statement's readings hold: the profile number of wire-format 2, as OBIS codes.

All values are register counts in Wh. A number, once given out, never changes its meaning: old evidence must stay readable.
"""

IMPORT_ENERGY = "1-0:1.8.0"
EXPORT_ENERGY = "1-0:2.8.0"

PROFILES: dict[int, tuple[str, ...]] = {
    1: (IMPORT_ENERGY,),
    2: (IMPORT_ENERGY, EXPORT_ENERGY),
    3: (EXPORT_ENERGY,),
}


class UnknownProfile(ValueError):
    """A profile number this version does not know. Update the backend, or correct the device's configuration."""


def registers_of(profile: int) -> tuple[str, ...]:
    """The OBIS codes of `profile`, in the order in which readings hold them. Raises UnknownProfile."""
    try:
        return PROFILES[profile]
    except KeyError:
        known = ", ".join(map(str, PROFILES))
        raise UnknownProfile(f"profile {profile} is not known here; the known ones are {known}") from None

"""What a viewer is here for."""

from enum import StrEnum


class Role(StrEnum):
    """The roles. Each field of the schema names those that may use it."""

    MEMBER = "member"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    DEVICE = "device"
    PUBLIC = "public"
    """Whoever is not signed in. No key and no token bears it."""


SIGNED_IN = tuple(role for role in Role if role is not Role.PUBLIC)

"""What a viewer is here for."""

from enum import StrEnum


class Role(StrEnum):
    """The roles. Each field of the schema names those that may use it."""

    MEMBER = "member"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    DEVICE = "device"

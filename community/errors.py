"""The two roots of every exception that is not a bug: try again, or stop and tell a person.

Expected outcomes (a rejected frame, a register that falls) are values, never exceptions.
"""


class CommunityError(Exception):
    """Root of all errors raised on purpose. Its text is written for the person who reads it."""


class RetryableError(CommunityError):
    """The outside failed in a way that may pass: a node that does not answer, a broker that is away."""


class FatalError(CommunityError):
    """Going on would be wrong: a wrong chain, a missing file, a broken invariant. A person must act."""

"""What a polled meter raises when it gives no reading."""

from community.errors import RetryableError


class MeterUnreachable(RetryableError):
    """The meter does not answer, refuses to, or gives a value that is none."""

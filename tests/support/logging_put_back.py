"""A command line sets up logging for its process; a test that calls it in its own process puts everything back."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import structlog


@contextmanager
def logging_put_back() -> Iterator[None]:
    """Handlers, level and structlog's settings are as before afterwards, and no logger keeps what was set meanwhile."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = list(root.handlers), root.level
    configure = structlog.configure

    def without_cache(**settings: object) -> None:
        configure(**{**settings, "cache_logger_on_first_use": False})  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", without_cache)
        try:
            yield
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
            configure(**before)
            structlog.contextvars.clear_contextvars()

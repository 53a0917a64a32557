"""Structured logs: one event a line with fixed snake_case names; for people in a terminal, JSON otherwise."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from community.runtime.figures import log_events

_SECRET_WORDS = (
    "secret",
    "passphrase",
    "password",
    "mnemonic",
    "private",
    "seed",
    "api_key",
    "token_text",
    "authorization",
)

_COUNTED = {"warning": "warning", "error": "error", "exception": "error", "critical": "critical"}


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the values of keys that name a secret. Secrets must not be logged at all; this is the net below."""
    for key in event:
        if any(word in key.lower() for word in _SECRET_WORDS):
            event[key] = "<redacted>"
    return event


def count_event(_logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Count warnings and errors by their event name, for `/metrics`. Only our own: other libraries log free text."""
    if method in _COUNTED:
        log_events[_COUNTED[method], str(event.get("event", ""))] += 1
    return event


class _PresentStderr(logging.StreamHandler[TextIO]):
    """Writes to what is standard error when it writes, not to what it was when the handler was made."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        """Standard error at this moment."""
        return sys.stderr


def configure_logging(process: str, *, as_json: bool | None = None, level: str = "INFO") -> None:
    """Send structlog and the standard library's logging to stderr as one stream, with `process` on every line."""
    as_json = not sys.stderr.isatty() if as_json is None else as_json
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, count_event, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level)),
        cache_logger_on_first_use=True,
    )
    handler = _PresentStderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ]
            if as_json
            else [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("httpx", "httpcore", "gmqtt", "pymodbus", "amqtt", "transitions", "asyncio", "aiosqlite"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(process=process)

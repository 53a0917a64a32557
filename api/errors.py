"""Errors as they reach a client: a code, and a sentence that says what to do. Anything unexpected is masked."""

import secrets

import structlog
from graphql import GraphQLError, GraphQLSyntaxError

from community.errors import CommunityError
from community.metering.calendar import SpanTooLong, ZoneUnknown
from community.store.unit_of_work import StoreUnavailable
from community.store.views.keyset import CursorInvalid
from community.store.views.measurements import SeriesTooLong

_log = structlog.get_logger()

UNAUTHENTICATED = "UNAUTHENTICATED"
FORBIDDEN = "FORBIDDEN"
BAD_REQUEST = "BAD_REQUEST"
TOO_COSTLY = "TOO_COSTLY"
UNAVAILABLE = "UNAVAILABLE"
INTERNAL = "INTERNAL"
MESSAGE_MAX = 300
"""Characters of a sentence: what was sent may stand in it, however long it is."""
SIGN_IN = "Send a valid API key or access token: Authorization: Bearer …"


class Refused(GraphQLError):
    """An answer that was refused on purpose."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence, extensions={"code": code})


class BadValue(ValueError):
    """A value from outside that its scalar does not take; the text says what it takes."""


def forbidden(what: str) -> Refused:
    """Not his to see. The same words whether the thing exists or not."""
    return Refused(FORBIDDEN, f"You may not see this {what}, or it does not exist.")


def shown(error: GraphQLError) -> GraphQLError:
    """`error` as the client may see it. Unexpected ones become an id that stands in the log beside the cause."""
    cause = error.original_error
    refused = error if isinstance(error, Refused) else cause if isinstance(cause, Refused) else None
    if refused is not None:
        return _like(error, refused.message, dict(refused.extensions or {}))
    if isinstance(cause, RecursionError):
        return _like(error, "The operation is nested too deeply. Ask for less at once.", {"code": TOO_COSTLY})
    if isinstance(error, GraphQLSyntaxError) and "Parsing aborted" in error.message:
        return _like(
            error, "The operation is too long or nested too deeply. Ask for less at once.", {"code": TOO_COSTLY}
        )
    if isinstance(cause, BadValue):
        return _like(error, error.message, {"code": BAD_REQUEST})
    if isinstance(cause, CursorInvalid | SeriesTooLong | SpanTooLong | ZoneUnknown):
        return _like(error, str(cause), {"code": BAD_REQUEST})
    if isinstance(cause, StoreUnavailable):
        _log.warning("database_unavailable", reason=str(cause))
        return _like(
            error, "The books cannot be read at this moment. Try again in a few seconds.", {"code": UNAVAILABLE}
        )
    if cause is None or isinstance(cause, GraphQLError):
        return _like(error, error.message, dict(error.extensions or {"code": BAD_REQUEST}))
    number = secrets.token_hex(6)
    words = str(cause) if isinstance(cause, CommunityError) else type(cause).__name__
    _log.error("request_failed", error_id=number, reason=words, exc_info=(type(cause), cause, cause.__traceback__))
    sentence = f"Something went wrong here, not with your request. Tell the operator this id: {number}."
    return _like(error, sentence, {"code": INTERNAL, "id": number})


def _like(error: GraphQLError, message: str, extensions: dict[str, object]) -> GraphQLError:
    return GraphQLError(
        message if len(message) <= MESSAGE_MAX else message[:MESSAGE_MAX] + " …",
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=dict(extensions),
    )

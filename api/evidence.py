"""Evidence bundles over HTTP: streamed out of one snapshot, for whoever may see the issuances in them."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from api.auth import EVERYBODY, Authenticator, NotBound, Viewer, bearer
from api.errors import BAD_REQUEST, FORBIDDEN, SIGN_IN, TOO_COSTLY, UNAUTHENTICATED, UNAVAILABLE, BadValue
from api.http import error_response
from api.role_sets import PEOPLE, STAFF, Roles
from api.scalars import instant_in
from community.errors import CommunityError, RetryableError
from community.evidence.bundle_lines import LineWriter
from community.store.evidence import bundles, subjects
from community.store.evidence.subjects import PERIOD_MAX, Subject
from community.store.unit_of_work import Store, Work

PATH = "/evidence"
MEDIA_TYPE = "application/x-ndjson"
DOWNLOADS_MAX = 4
"""At once: each holds a snapshot of the books for as long as its reader takes."""
DOWNLOAD_S_MAX = 900
CHUNK_BYTES = 65_536
NOT_THERE = "You may not see the evidence of this, or there is no such thing."

_log = structlog.get_logger()
_HASH = re.compile(r"0x[0-9a-f]{64}")
_NAME = re.compile(r"[0-9A-Za-z_.-]{1,100}")
_UNSAFE = re.compile(r"[^0-9A-Za-z_-]")


@dataclass(frozen=True, slots=True)
class Evidence:
    """The routes and what they need."""

    store: Store
    authenticator: Authenticator
    token: str | None
    places: asyncio.Semaphore

    def routes(self) -> Sequence[BaseRoute]:
        """A period of a source; an issuance; the issuance that a mint belongs to."""
        return (
            Route(f"{PATH}/sources/{{source_id}}", self._source, methods=["GET"]),
            Route(f"{PATH}/issuances/{{issuance_id}}", self._issuance, methods=["GET"]),
            Route(f"{PATH}/transfers/{{tx_hash}}/{{log_index:int}}", self._transfer, methods=["GET"]),
        )

    async def _source(self, request: Request) -> Response:
        try:
            since, until = (_instant(request, name) for name in ("since", "until"))
        except BadValue as error:
            return error_response(400, BAD_REQUEST, str(error))
        if not since < until <= since + PERIOD_MAX:
            return error_response(400, BAD_REQUEST, f"Ask for more than nothing and at most {PERIOD_MAX.days} days.")
        source_id = request.path_params["source_id"]
        if not _NAME.fullmatch(source_id):
            return error_response(404, FORBIDDEN, NOT_THERE)
        name = f"{source_id}-{since:%Y%m%dT%H%M}-{until:%Y%m%dT%H%M}"
        return await self._answer(
            request, STAFF, name, lambda work, _: subjects.of_source(work, source_id, since, until)
        )

    async def _issuance(self, request: Request) -> Response:
        issuance_id = request.path_params["issuance_id"].lower()
        if not _HASH.fullmatch(issuance_id):
            return error_response(404, FORBIDDEN, NOT_THERE)
        return await self._answer(
            request,
            PEOPLE,
            issuance_id[:18],
            lambda work, viewer: subjects.of_issuance(work, viewer.scope, issuance_id),
        )

    async def _transfer(self, request: Request) -> Response:
        tx_hash, index = request.path_params["tx_hash"].lower(), request.path_params["log_index"]
        if index >= 1 << 31 or not _HASH.fullmatch(tx_hash):
            return error_response(404, FORBIDDEN, NOT_THERE)
        return await self._answer(
            request, PEOPLE, f"{tx_hash[:18]}-{index}",
            lambda work, viewer: subjects.of_transfer(work, viewer.scope, tx_hash, index),
        )  # fmt: skip

    async def _answer(
        self, request: Request, roles: Roles, name: str, find: Callable[[Work, Viewer], Awaitable[Subject | None]]
    ) -> Response:
        try:
            header = request.headers.get("authorization")
            viewer = EVERYBODY if header is None else await self.authenticator.viewer_of(bearer(header))
            if viewer is None or viewer.is_public:
                return error_response(401, UNAUTHENTICATED, SIGN_IN)
            if viewer.role not in roles:
                return error_response(403, FORBIDDEN, f"A key of the role {viewer.role} may not have this evidence.")
            async with self.store.read() as work:
                subject = await find(work, viewer)
        except NotBound as unbound:
            return error_response(403, FORBIDDEN, str(unbound))
        except RetryableError:
            return error_response(503, UNAVAILABLE, "The books cannot be read at this moment. Try again soon.")
        if subject is None:
            return error_response(404, FORBIDDEN, NOT_THERE)
        if self.places.locked():
            busy = error_response(429, TOO_COSTLY, "Several bundles are being downloaded. Try again in a minute.")
            busy.headers["Retry-After"] = "60"
            return busy
        filename = _UNSAFE.sub("_", name)
        headers = {
            "Content-Disposition": f'attachment; filename="evidence-{filename}.jsonl"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        return StreamingResponse(self._lines(subject), headers=headers, media_type=MEDIA_TYPE)

    async def _lines(self, subject: Subject) -> AsyncIterator[bytes]:
        """The lines in larger pieces. Where it breaks off, the last line is missing, and the checker says so."""
        writer, waiting, size = LineWriter(), list[bytes](), 0
        try:
            async with self.places, asyncio.timeout(DOWNLOAD_S_MAX), self.store.read() as work:
                async for record in bundles.stream(work, subject, self.token):
                    waiting.append(writer.line(record))
                    size += len(waiting[-1])
                    if size >= CHUNK_BYTES:
                        yield b"".join(waiting)
                        waiting, size = [], 0
        except (CommunityError, TimeoutError) as error:
            _log.warning("evidence_broke_off", source_id=subject.source_id, reason=str(error) or type(error).__name__)
            return
        yield b"".join([*waiting, writer.end()])


def _instant(request: Request, name: str) -> datetime:
    """The instant in the query; a plus sign of a zone may have become a blank on the way. Raises BadValue."""
    return instant_in(request.query_params.get(name, "").replace(" ", "+"))

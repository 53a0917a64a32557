"""The web page: three kinds of static files from beside this module, under a policy that allows nothing from elsewhere."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FOLDER = Path(__file__).parent / "page"
SCHEMA = Path(__file__).parent / "schema.graphql"
CONSOLE = "console"
_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".graphql": "text/plain",
}

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def _route(file: Path) -> Route:
    content, media_type = file.read_bytes(), f"{_TYPES[file.suffix]}; charset=utf-8"

    async def answer(_request: Request) -> Response:
        return Response(content, headers=HEADERS, media_type=media_type)

    path = {"index.html": "/", SCHEMA.name: f"/{SCHEMA.name}"}.get(file.name, f"/page/{file.name}")
    return Route(path, answer, methods=["GET"])


def page_routes(*, development: bool = False) -> list[Route]:
    """A route for each file of the page; they are read once. The console and the schema are for developers."""
    files = [file for file in sorted(FOLDER.iterdir()) if file.suffix in _TYPES]
    if development:
        return [*map(_route, files), _route(SCHEMA)]
    return [_route(file) for file in files if file.stem != CONSOLE]

"""The web page: three kinds of static files from beside this module, under a policy that allows nothing from elsewhere."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FOLDER = Path(__file__).parent / "page"
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

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

    return Route("/" if file.name == "index.html" else f"/page/{file.name}", answer, methods=["GET"])


def page_routes() -> list[Route]:
    """A route for each file of the page; they are read once."""
    return [_route(file) for file in sorted(FOLDER.iterdir()) if file.suffix in _TYPES]

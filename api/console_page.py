"""A console for developers: one GraphQL operation at a time in a browser, with the schema beside it. Never in production."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.web_page import TYPES, headers

PATH = "/console/"
FOLDER = Path(__file__).parent / "console"
SCHEMA = Path(__file__).parent / "schema.graphql"


def _route(path: str, file: Path) -> Route:
    content, media_type = file.read_bytes(), TYPES.get(file.suffix, "text/plain; charset=utf-8")

    async def answer(_request: Request) -> Response:
        return Response(content, headers={**headers(), "Cache-Control": "no-cache"}, media_type=media_type)

    return Route(path, answer, methods=["GET"])


def console_routes() -> list[Route]:
    """The console's files and the schema; they are read once."""
    files = {file: f"{PATH}{file.name}" for file in sorted(FOLDER.iterdir()) if file.suffix in TYPES}
    files[FOLDER / "index.html"] = PATH
    return [*(_route(path, file) for file, path in files.items()), _route(f"/{SCHEMA.name}", SCHEMA)]

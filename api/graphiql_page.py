"""GraphiQL for developers: its built files and the schema, from this address alone. Never in production."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.web_page import FIRST, headers, read_files

PATH = "/graphiql/"
SCHEMA = Path(__file__).parent / "schema.graphql"
HOW_TO_BUILD = (
    "GraphiQL is not built here. Build it (npm --prefix frontend run build:graphiql; `make demo` does), and set "
    "API_GRAPHIQL_FOLDER to frontend/dist-graphiql.\n"
)


def graphiql_routes(folder: Path | None) -> list[Route]:
    """GraphiQL's files, which are read once, and the schema. Without a folder it is told how to get one."""
    files = {} if folder is None else read_files(folder)
    own = headers()
    # its style sheet brings its fonts along
    own["Content-Security-Policy"] = own["Content-Security-Policy"].replace("font-src 'self'", "font-src 'self' data:")

    async def answer(request: Request) -> Response:
        if not files:
            return Response(HOW_TO_BUILD, 404, own, "text/plain")
        file = files.get(request.path_params["name"] or FIRST)
        if file is None:
            return Response("There is nothing at this address.", 404, own, "text/plain")
        return Response(file.content, headers={**own, "Cache-Control": "no-cache"}, media_type=file.media_type)

    async def schema(_request: Request) -> Response:
        return Response(
            SCHEMA.read_bytes(), headers={**own, "Cache-Control": "no-cache"}, media_type="text/plain; charset=utf-8"
        )

    return [
        Route(PATH + "{name:path}", answer, methods=["GET"]),
        Route(f"/{SCHEMA.name}", schema, methods=["GET"]),
    ]

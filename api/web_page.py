"""The web application's built files, from a folder of the settings, under a policy that lets no script come from elsewhere.

In production nginx serves the folder; here it is for one machine. The application finds its own way in its addresses, so
every address that names no file and that a browser asks for is answered with its first page.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from community.errors import FatalError

FIRST = "index.html"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
    ".json": "application/json",
    ".woff2": "font/woff2",
    ".png": "image/png",
}
ASSETS = "assets/"
"""The build names these files by their content: whoever has one need never ask again."""


def policy(issuers: tuple[str, ...] = ()) -> str:
    """The Content-Security-Policy. Components write styles into elements; scripts come from here alone.

    `issuers` are the origins that the page talks to when somebody signs in.
    """
    connect = " ".join(("'self'", *issuers))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
        f"connect-src {connect}; frame-src {connect}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def headers(issuers: tuple[str, ...] = ()) -> dict[str, str]:
    """What goes with every file."""
    return {
        "Content-Security-Policy": policy(issuers),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


@dataclass(frozen=True, slots=True)
class PublicConfig:
    """What the page is told before anybody is signed in. `oidc` are issuer, client and scope of the sign-in."""

    community: str
    zone: str
    explorer: str | None = None
    oidc: tuple[str, str, str] | None = None
    wallet: bool = False

    def as_json(self) -> dict[str, object]:
        oidc = None
        if self.oidc is not None:
            authority, client, scope = self.oidc
            oidc = {"authority": authority, "clientId": client, "scope": scope}
        return {
            "community": self.community,
            "zone": self.zone,
            "explorer": self.explorer,
            "oidc": oidc,
            "wallet": self.wallet,
        }


@dataclass(frozen=True, slots=True)
class BuiltFile:
    """A file of a build. `lasting`: its name says its content."""

    content: bytes
    media_type: str
    tag: str
    lasting: bool


def read_files(folder: Path) -> dict[str, BuiltFile]:
    """Every file of a build that may be served, by its path in it."""
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in TYPES and not path.name.startswith("."):
            name, content = path.relative_to(folder).as_posix(), path.read_bytes()
            tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            files[name] = BuiltFile(content, TYPES[path.suffix], tag, name.startswith(ASSETS))
    return files


def config_route(config: PublicConfig) -> Route:
    """`/config.json`, which stands before every sign-in."""

    async def answer(_request: Request) -> Response:
        return JSONResponse(
            config.as_json(), headers={"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        )

    return Route("/config.json", answer, methods=["GET"])


def page_route(folder: Path, issuers: tuple[str, ...] = ()) -> Route:
    """Answers every other address from the files of `folder`, which are read once. Raises FatalError where there are none."""
    files = read_files(folder)
    if FIRST not in files:
        raise FatalError(
            f"There is no web application in {folder}. Build it (`make demo` does), or leave API_WEB_FOLDER unset."
        )
    with_every = headers(issuers)

    async def answer(request: Request) -> Response:
        name = request.path_params["name"]
        file = files.get(name or FIRST)
        if file is None:
            if "." in name.rsplit("/", 1)[-1] or "text/html" not in request.headers.get("accept", ""):
                return Response("There is nothing at this address.", 404, with_every, "text/plain")
            file = files[FIRST]
        cache = "public, max-age=31536000, immutable" if file.lasting else "no-cache"
        own = {**with_every, "Cache-Control": cache, "ETag": file.tag}
        if request.headers.get("if-none-match") == file.tag:
            return Response(status_code=304, headers=own)
        return Response(file.content, headers=own, media_type=file.media_type)

    return Route("/{name:path}", answer, methods=["GET", "HEAD"])

"""The site from a server: the same files, made when they are asked for, and the catalog as JSON for programs."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from pathlib import PurePosixPath

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from bestiary import __version__
from bestiary.atlas.site.api import router
from bestiary.atlas.site.collection import Collection
from bestiary.atlas.site.files import KINDS, files
from bestiary.atlas.site.pages import POLICY, not_found
from bestiary.errors import BestiaryError, UnknownModel

HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
"""What every answer says: load nothing from elsewhere, be framed by nobody, tell nobody where a reader came from."""

Next = Callable[[Request], Awaitable[Response]]


def application(collection: Collection | None = None) -> FastAPI:
    """Return the application that answers with the site and with JSON."""
    collection = collection or Collection()
    made, kept = files(collection), dict[str, bytes]()
    # FastAPI's own pages about the API load their script from elsewhere, which the policy forbids.
    app = FastAPI(title="Bestiary", version=__version__, docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    app.include_router(router(collection), prefix="/api")

    @app.middleware("http")
    async def secure(request: Request, answer: Next) -> Response:
        response = await answer(request)
        response.headers.update(HEADERS)
        return response

    @app.exception_handler(BestiaryError)
    async def refuse(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, status_code=404 if isinstance(error, UnknownModel) else 400)

    @app.api_route("/{path:path}", methods=["GET", "HEAD"], include_in_schema=False)
    def file(path: str) -> Response:
        path = path or "index.html"
        if path.startswith("api/"):
            return JSONResponse({"error": f"there is no /{path}; /openapi.json says what there is"}, status_code=404)
        if path not in made:
            return Response(not_found(collection), status_code=404, media_type=KINDS[".html"])
        if path not in kept:
            kept[path] = made[path]()
        return Response(kept[path], media_type=KINDS[PurePosixPath(path).suffix])

    return app


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes any that is free. Raises ``BestiaryError`` where it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise BestiaryError(
            f"cannot listen on {host} port {port} ({error.strerror}); --port 0 takes one that is free"
        ) from None
    return listening


def address(listening: socket.socket) -> str:
    """Return the address that a browser opens."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def serve(listening: socket.socket, collection: Collection | None = None) -> None:
    """Answer until interrupted."""
    config = uvicorn.Config(application(collection), log_level="warning", server_header=False)
    uvicorn.Server(config).run(sockets=[listening])

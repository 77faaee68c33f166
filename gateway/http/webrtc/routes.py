"""Adds everything about browser calls to the HTTP application."""

from collections.abc import Mapping

from aiohttp import web

from gateway.http.webrtc import calls, page, settings, token_api
from gateway.http.webrtc.desk import Desk
from gateway.http.webrtc.page import StaticFile

PREFIX = "/webrtc/"


def add_routes(app: web.Application, desk: Desk, files: Mapping[str, StaticFile]) -> None:
    """Add page, settings, signalling and tokens; every answer below `/webrtc/` gets its CORS headers."""

    async def put_cors(request: web.BaseRequest, response: web.StreamResponse) -> None:
        if not request.path.startswith(PREFIX) or request.path.startswith(page.STATIC_PATH):
            return
        headers = desk.origins.headers(request.headers.get("Origin"), desk.peers.host(request))
        response.headers.update(headers)

    async def close(_app: web.Application) -> None:
        await desk.close()

    app.on_response_prepare.append(put_cors)
    app.on_cleanup.append(close)
    page.add_routes(app, files)
    settings.add_routes(app, desk)
    calls.add_routes(app, desk)
    token_api.add_routes(app, desk)

"""Tells a page what it needs before it calls: `GET /webrtc/config`."""

import time

from aiohttp import web

from gateway.http.webrtc.desk import Desk


def add_routes(app: web.Application, desk: Desk) -> None:
    """Add `/webrtc/config`."""

    async def settings(request: web.Request) -> web.Response:
        desk.check_origin(request)
        desk.count_request(request)
        now_s = time.time()
        claims = desk.admission.claims(request, now_s)
        agents = desk.admission.agents(claims, request, await desk.guest_of(claims))
        may_call = bool(agents)
        # Accounts of our TURN servers are for those who may call.
        servers = (
            desk.ice_servers.for_call("page", now_s)
            if may_call
            else desk.ice_servers.without_accounts()
        )
        section = desk.section
        return web.json_response(
            {
                "agents": list(agents),
                "token_needed": not may_call,
                "ice_servers": [server.as_json() for server in servers],
                "relay_only": section.relay_only,
                "early_audio": section.early_audio,
                "grace_s": section.grace_s,
                "ready": desk.calls.is_ready,
            }
        )

    async def options(request: web.Request) -> web.Response:
        desk.check_origin(request)
        return web.Response(status=204, headers=desk.preflight(request))

    app.router.add_get("/webrtc/config", settings)
    app.router.add_options("/webrtc/config", options)

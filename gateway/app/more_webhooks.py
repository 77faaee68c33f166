"""Joins the HTTP side of channels that need more than a secret: Microsoft Teams, conversations by WebSocket."""

from collections.abc import Callable, Collection
from contextlib import AsyncExitStack

from aiohttp import web

from gateway import webrtc_secret
from gateway.app.transports import ReplyRoutes
from gateway.channels.openid_keys import OpenIdKeys
from gateway.channels.reception import Reception
from gateway.channels.teams_token import TeamsTokenCheck
from gateway.channels.websocket import WebSocketHub
from gateway.config import Config
from gateway.http.teams import TeamsHook
from gateway.http.webrtc.tokens import TokenSigner
from gateway.http.websocket import WebSocketDoor
from gateway.sessions.routing import route
from gateway.store.transactor import Transactor


def add_teams(
    app: web.Application,
    config: Config,
    database: Transactor,
    reception: Reception,
    stack: AsyncExitStack,
) -> None:
    """Add the route if there is a bot; what it opens is closed by the stack."""
    section = config.channels.teams
    if not section.app_id:
        return
    keys = OpenIdKeys(section.openid_url, timeout_s=section.timeout_s)
    stack.push_async_callback(keys.close)
    check = TeamsTokenCheck(keys, app_id=section.app_id, issuer=section.issuer)
    TeamsHook(reception, check, ReplyRoutes(database).remember_teams).add_routes(app)


def add_websocket(
    app: web.Application,
    config: Config,
    reception: Reception,
    hub: WebSocketHub,
    agents: Callable[[], Collection[str]],
) -> None:
    """Add the route. Raises `ConfigError` if the secret for tokens cannot be had."""
    WebSocketDoor(
        hub,
        reception,
        TokenSigner(webrtc_secret.of(config).ensure()),
        agents=agents,
        default_agent=lambda: route(config.numbers, "") or "",
        idle_s=config.channels.websocket.idle_s,
    ).add_routes(app)

"""Runs the gateway as a service: from its start through signals and drain to its end."""

import asyncio
import logging
import signal

from aiohttp import web

from gateway import api_token, webrtc_secret
from gateway.app.gateway import Gateway
from gateway.config import Config
from gateway.endpoints.browser import BrowserEndpoint
from gateway.errors import ConfigError
from gateway.http import dialling
from gateway.http.server import HttpServer, build_app

log = logging.getLogger(__name__)


async def serve(config: Config) -> None:
    """Run the gateway until SIGTERM or SIGINT, then drain; a second signal ends it at once.

    Raises `GatewayError` when it cannot start.
    """
    loop = asyncio.get_running_loop()
    first, second = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (second if first.is_set() else first).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    gateway = Gateway(config)
    http = build_app(
        token=api_token.ensure(config),
        live=gateway,
        readiness=gateway,
        archive=gateway.store,
        registry=gateway.metrics.registry,
    )
    gateway.texting.add_routes(http)
    gateway.rooms.add_routes(http)
    dialling.add_routes(http, gateway.dialler)
    if gateway.browser is not None:
        serve_browsers(http, config, gateway, gateway.browser)
    server = HttpServer(config.http, http)
    try:
        await server.start()
        starting = asyncio.create_task(gateway.start())
        signalled = asyncio.create_task(first.wait())
        await asyncio.wait({starting, signalled}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        if not starting.cancelled():
            starting.result()
            await signalled
            log.info("draining", extra={"calls": gateway.registry.statistics().live})
            draining = asyncio.create_task(gateway.drain())
            hurry = asyncio.create_task(second.wait())
            await asyncio.wait({draining, hurry}, return_when=asyncio.FIRST_COMPLETED)
            for task in (draining, hurry):
                task.cancel()
    finally:
        await gateway.stop()
        await server.stop()
        log.info("stopped")


def serve_browsers(
    http: web.Application, config: Config, gateway: Gateway, browser: BrowserEndpoint
) -> None:
    """Add page and signalling of browser calls; made before anything starts, so that mistakes show at once.

    Raises `ConfigError` or `AssetError`.
    """
    try:
        # The library for tokens comes with the extra `webrtc`, which a gateway for telephones need not have.
        from gateway.http.webrtc import page, routes
        from gateway.http.webrtc.desk import Desk
        from gateway.http.webrtc.tokens import TokenSigner
    except ImportError as error:
        raise ConfigError(
            f"webrtc.enabled: {error.name} is not installed; run `make setup`, "
            "or set webrtc.enabled = false"
        ) from error
    desk = Desk(config, TokenSigner(webrtc_secret.of(config).ensure()), browser, gateway)
    desk.load()
    routes.add_routes(http, desk, page.read_files(page.folder()))

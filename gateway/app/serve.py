"""Runs the gateway as a service: from its start through signals and drain to its end."""

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from aiohttp import web

from gateway import api_token, webrtc_secret
from gateway.access.token_table import TokenTable
from gateway.access.verifier import Verifier
from gateway.app import console
from gateway.app.call_links import RoomGuests
from gateway.app.gateway import Gateway
from gateway.app.manager import ServiceManager
from gateway.app.operations import Operations
from gateway.app.reload import Reload
from gateway.app.signals import Signals
from gateway.config import Config
from gateway.config import file as config_file
from gateway.endpoints.browser import BrowserEndpoint
from gateway.errors import ConfigError
from gateway.http import access, dialling, service
from gateway.http.server import HttpServer, build_app
from gateway.service.notify import Notifier

log = logging.getLogger(__name__)


async def serve(config: Config, path: Path | None = None) -> None:
    """Run the gateway until SIGTERM or SIGINT, then drain; a second signal ends it at once.

    `path` is where the configuration is read again on SIGHUP. Raises `GatewayError` when it cannot start.
    """
    signals = Signals()
    gateway = Gateway(config)
    manager = ServiceManager(Notifier.of_environment(), gateway)
    reload = Reload(
        read=lambda: config_file.load(path)[0],
        running=lambda: gateway.config,
        prepare=gateway.changeover.prepare,
        swap=gateway.changeover.swap,
        tell=manager.reloading,
    )
    tokens = TokenTable(config.gateway.data_dir)
    tokens.load()
    http = build_app(
        token=Verifier(api_token.ensure(config), tokens),
        live=gateway,
        readiness=gateway,
        archive=gateway.store,
        registry=gateway.metrics.registry,
        section=config.http,
    )
    access.keep_use(http, tokens)
    gateway.texting.add_routes(http)
    gateway.rooms.add_routes(http)
    gateway.observing.add_routes(http)
    dialling.add_routes(http, gateway.dialler)
    service.add_routes(http, Operations(gateway, reload))
    console.add_routes(http, config, gateway)
    if gateway.browser is not None:
        serve_browsers(http, config, gateway, gateway.browser)
    server = HttpServer(config.http, http)
    try:
        manager.starting()
        await server.start()
        if await _start(gateway, signals):
            manager.ready()
            signals.on_reload(reload.on_signal)
            await signals.stop.wait()
            manager.stopping(gateway.config.gateway.drain_s)
            gateway.draining.begin()
            await _either(gateway.draining.wait(), signals.hurry.wait())
    finally:
        manager.stopping(0)
        await reload.close()
        await gateway.stop()
        await server.stop()
        await manager.close()
        signals.close()
        log.info("stopped")


async def _start(gateway: Gateway, signals: Signals) -> bool:
    """Start, and return whether that was done before a signal asked for the end. Raises `GatewayError`."""
    starting = asyncio.create_task(gateway.start(), name="start")
    await _either(asyncio.shield(starting), signals.stop.wait())
    if not starting.done():
        starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    if starting.cancelled():
        return False
    starting.result()
    return True


async def _either(*work: Coroutine[Any, Any, object] | asyncio.Future[None]) -> None:
    """Return when the first is done, whatever came of it; the others are cancelled."""
    tasks = [asyncio.ensure_future(item) for item in work]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


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
    signer = TokenSigner(webrtc_secret.of(config).ensure())
    guests = RoomGuests(gateway.store, gateway.registry.agent_for)
    desk = Desk(config, signer, browser, gateway, guests)
    desk.load()
    gateway.desk = desk
    routes.add_routes(http, desk, page.read_files(page.folder()))

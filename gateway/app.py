"""The composition root: builds the gateway from its configuration, starts it in order, stops it in reverse.

The only module of this package that knows `agents`, and the name of the telephony worker's program.
"""

import asyncio
import logging
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from aiohttp import web

from agents.build import build_agents, close_agents
from agents.caller_voice import CallerVoice
from agents.hearing.hub import HearingHub
from agents.local.assets import silero_vad_model
from agents.speech.pool import SpeechPool
from agents.speech.wire import JobKind
from agents.voices import EspeakVoice, LocalVoice
from gateway import api_token, clips, webrtc_secret
from gateway.config import Config
from gateway.endpoints.browser import BrowserEndpoint
from gateway.endpoints.worker import WorkerEndpoint
from gateway.errors import ConfigError
from gateway.http.ports import Check
from gateway.http.server import HttpServer, build_app
from gateway.link.supervisor import ArgvFactory
from gateway.media import echo, wav
from gateway.media.speech_cache import CachedVoice, SpeechCache
from gateway.media.voice_ladder import LadderVoice
from gateway.metrics import Metrics
from gateway.model.endpoint import OfferListener
from gateway.model.events import EndpointKind
from gateway.model.line import Agent
from gateway.model.speech import Voice
from gateway.progress import ProgressBar
from gateway.rehearsal.perform import Plan, Rehearsed, caller_config, perform
from gateway.sessions.echo_check import EchoCheck
from gateway.sessions.greeting_audio import FixedPhrases
from gateway.sessions.registry import SessionRegistry
from gateway.sessions.surroundings import Surroundings
from gateway.store.store import Store

log = logging.getLogger(__name__)

DRAIN_S = 30.0
"""How long running calls may go on after SIGTERM; then a goodbye, then the end."""


class Gateway:
    """Everything that runs in the gateway process. Made and used on the event loop."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.metrics = Metrics()
        self.store = Store(
            config.gateway.data_dir, on_backlog=lambda n: self.metrics.store_backlog.set(n)
        )
        self.hearing = HearingHub(silero_vad_model())
        self.speech = SpeechPool(config.speech)
        cache = SpeechCache(config.gateway.cache_dir / "speech")
        voices = [CachedVoice(_voice(config.speech.voice, self.speech), cache)]
        if config.speech.second_voice not in ("none", config.speech.voice):
            voices.append(CachedVoice(_voice(config.speech.second_voice, self.speech), cache))
        self._voices = voices
        self.phrases = FixedPhrases(
            voices[0], voices[1] if len(voices) > 1 else None, clips.load, wav.read_wav
        )
        self.agents: dict[str, Agent] = build_agents(config, self.speech, LadderVoice(voices))
        self.registry = SessionRegistry(
            numbers=config.numbers,
            agents=self.agents,
            settings=config.agents,
            around=Surroundings(
                greeting=config.greeting,
                turns=config.turns,
                max_call_s=config.gateway.max_call_s,
                retry_after_s=config.sip.retry_after_s,
                recorder=self.store,
                metrics=self.metrics,
                hearing=self.hearing,
                phrases=self.phrases,
                is_echo=EchoCheck(echo.is_echo),
            ),
        )
        self.sip: WorkerEndpoint | None = None
        self.browser: BrowserEndpoint | None = None
        if config.webrtc.enabled:
            argv = webrtc_argv(config, config.gateway.data_dir / "webrtc.json")
            self.browser = BrowserEndpoint(
                [argv] * config.webrtc.workers,
                offers=self.registry,
                ticks=self.hearing,
                metrics=self.metrics,
            )
        self._stack = AsyncExitStack()
        self._ahead: asyncio.Task[None] | None = None
        self._started = False

    async def start(self) -> None:
        """Start everything; returns when calls are answered. Raises `GatewayError`.

        What was started is stopped again by `stop`, also when this raises.
        """
        stack = self._stack
        await self.store.start()
        stack.push_async_callback(self.store.close)
        await self.hearing.start()
        stack.push_async_callback(self.hearing.stop)
        log.info("loading speech models")
        await self.speech.start()
        stack.push_async_callback(self.speech.stop)
        for voice in self._voices:
            stack.push_async_callback(voice.close)
        stack.push_async_callback(self.phrases.close)
        await self._prepare_phrases()
        stack.push_async_callback(close_agents, self.agents)
        for agent in self.agents.values():
            await agent.start()
        stack.push_async_callback(self.registry.stop)
        if self.config.sip.enabled:
            self.sip = WorkerEndpoint(
                EndpointKind.SIP,
                telephony_argv(self.config, self.config.gateway.data_dir / "telephony.json"),
                offers=self.registry,
                ticks=self.hearing,
                metrics=self.metrics,
            )
            stack.push_async_callback(self.sip.stop)
            await self.sip.start()
        if self.browser is not None:
            stack.push_async_callback(self.browser.stop)
            await self.browser.start()
        self._started = True
        self._ahead = asyncio.create_task(self._render_rest(), name="render ahead")
        sip, http = self.config.sip, self.config.http
        log.info(
            "ready",
            extra={
                "sip": f"{sip.host}:{sip.port}" if self.sip is not None else "off",
                "page": f"http://{http.host}:{http.port}/" if self.browser is not None else "off",
            },
        )

    async def drain(self) -> None:
        """Refuse new calls, let the running ones end, bounded by `DRAIN_S` and a goodbye."""
        if self.sip is not None:
            self.sip.drain()
        if self.browser is not None:
            self.browser.drain()
        await self.registry.drain(DRAIN_S)

    async def stop(self) -> None:
        """Stop everything now, in reverse order; may be called twice."""
        if self._ahead is not None:
            self._ahead.cancel()
            await asyncio.gather(self._ahead, return_exceptions=True)
        await self._stack.aclose()

    # What the HTTP server asks (gateway.http.ports) ----------------------------------------------

    def checks(self) -> Sequence[Check]:
        """Return for each part whether it can do its work; returns at once."""
        live = self.registry.statistics()
        speech = self.speech.statistics()
        sip = self.sip is not None and self.sip.is_ready
        browser = self.browser is None or self.browser.is_ready
        return (
            Check(name="store", ok=not self.store.trouble(), detail=self.store.trouble()),
            Check(name="hearing", ok=self.hearing.is_running),
            Check(name="speech", ok=speech.ready > 0, detail=f"{speech.ready} workers"),
            Check(name="sip", ok=sip or not self.config.sip.enabled, detail=self._sip_detail()),
            Check(name="webrtc", ok=browser, detail=self._webrtc_detail()),
            Check(
                name="accepting",
                ok=self._started and not live.is_draining,
                detail=f"{live.live} calls",
            ),
        )

    def states(self) -> Mapping[str, str]:
        """Return the state of every live call."""
        return {item.offered.call_id: item.state.value for item in self.registry.sessions()}

    def hang_up(self, call_id: str) -> None:
        """Begin to end a call. Raises `CallNotFound`."""
        self.registry.hang_up(call_id)

    def _sip_detail(self) -> str:
        if self.sip is None:
            return "" if self.config.sip.enabled else "off"
        return str(self.sip.facts.get("listeners", "")) if self.sip.is_ready else "worker is down"

    def _webrtc_detail(self) -> str:
        if self.browser is None:
            return "off"
        up = sum(worker.is_ready for worker in self.browser.workers)
        return f"{up} of {len(self.browser.workers)} workers"

    # Inside -----------------------------------------------------------------------------------

    async def _prepare_phrases(self) -> None:
        """Load clips and files, and render what a call may need at once."""
        await self.phrases.load_clips()
        texts: list[str] = []
        for section in self.config.agents.values():
            if section.greeting_file is not None:
                await self.phrases.load_file(section.greeting_file)
            else:
                texts.append(section.greeting)
            texts += [section.goodbye, section.apology]
        with ProgressBar("greetings") as bar:
            await self.phrases.render_ahead(texts, bar.update)

    async def _render_rest(self) -> None:
        texts = [text for agent in self.agents.values() for text in agent.phrases()]
        with ProgressBar("phrases") as bar:
            await self.phrases.render_ahead(texts, bar.update)


def telephony_argv(config: Config, path: Path) -> ArgvFactory:
    """Return how to start a telephony worker; its configuration is written to `path`."""
    # A file, not a descriptor: the worker may be started again at any time.
    path.touch(mode=0o600)
    path.write_text(config.model_dump_json())

    def argv(link_fd: int) -> Sequence[str]:
        worker = (sys.executable, "-m", "telephony")
        return (*worker, "--link-fd", str(link_fd), "--config-json", str(path))

    return argv


def webrtc_argv(config: Config, path: Path) -> ArgvFactory:
    """Return how to start a worker for browser calls; its configuration is written to `path` each time."""

    def argv(link_fd: int) -> Sequence[str]:
        path.touch(mode=0o600)
        path.write_text(config.model_dump_json())
        worker = (sys.executable, "-m", "webrtc")
        return (*worker, "--link-fd", str(link_fd), "--config-json", str(path))

    return argv


def web_caller_argv(config: Config, path: Path) -> ArgvFactory:
    """Return how to start a caller over WebRTC; its configuration is written to `path`."""
    path.touch(mode=0o600)
    path.write_text(config.model_dump_json())

    def argv(link_fd: int) -> Sequence[str]:
        worker = (sys.executable, "-m", "webrtc.caller")
        return (*worker, "--link-fd", str(link_fd), "--config-json", str(path))

    return argv


def _voice(name: str, speech: SpeechPool) -> Voice:
    match name:
        case "joe":
            return LocalVoice(speech)
        case "espeak":
            return EspeakVoice()
        case _:
            raise ConfigError(f"speech.voice: {name!r} is not a voice; voices are: joe, espeak")


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


async def rehearse(config: Config, plan: Plan) -> Rehearsed:
    """Have a bundled caller phone a gateway, with a SIP or WebRTC worker and speech models of its own.

    Raises `GatewayError` when the caller itself cannot work; what the gateway does wrong is in the report.
    """
    metrics = Metrics()
    hearing = HearingHub(silero_vad_model())
    pool = SpeechPool(
        config.speech.model_copy(update={"workers": 1}), kinds=(JobKind.TRANSCRIBE, JobKind.SPEAK)
    )

    async def words(pcm: bytes) -> str:
        return (await pool.transcribe(pcm)).text

    async with AsyncExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory(prefix="offhook-rehearse-")))
        await hearing.start()
        stack.push_async_callback(hearing.stop)
        await pool.start()
        stack.push_async_callback(pool.stop)
        caller = caller_config(config, plan, scratch)

        def endpoint(offers: OfferListener) -> WorkerEndpoint:
            kind, argv = EndpointKind.SIP, telephony_argv
            if plan.is_webrtc:
                kind, argv = EndpointKind.WEBRTC, web_caller_argv
            return WorkerEndpoint(
                kind,
                argv(caller, scratch / "caller.json"),
                offers=offers,
                ticks=hearing,
                metrics=metrics,
            )

        return await perform(
            plan,
            endpoint=endpoint,
            hearing=hearing,
            voice=CallerVoice(LocalVoice(pool)),
            transcribe=words,
        )

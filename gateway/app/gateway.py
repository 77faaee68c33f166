"""Builds the gateway from its configuration, starts it in order, stops it in reverse."""

import asyncio
import gc
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from agents.build import build_agents, close_agents
from agents.hearing.hub import HearingHub
from agents.local.assets import silero_vad_model
from agents.speech.pool import SpeechPool
from agents.voices import EspeakVoice, LocalVoice
from gateway import clips
from gateway.app.call_links import build_links
from gateway.app.changeover import Changeover
from gateway.app.console import ConsoleSide
from gateway.app.drain import Drain
from gateway.app.observing import Observing
from gateway.app.processes import telephony_argv, webrtc_argv
from gateway.app.rooms import RoomSide
from gateway.app.running_calls import RunningCalls
from gateway.app.texting import TextSide
from gateway.config import AgentSection, Config
from gateway.console.announcer import MessageAnnouncer
from gateway.console.bus import EventBus
from gateway.dialling.dialler import Dialler
from gateway.endpoints.browser import BrowserEndpoint
from gateway.endpoints.worker import WorkerEndpoint
from gateway.errors import ConfigError
from gateway.http.ports import Check
from gateway.load.watch import LoadWatch
from gateway.media import echo, wav
from gateway.media.speech_cache import CachedVoice, SpeechCache
from gateway.media.voice_ladder import LadderVoice
from gateway.metrics import Metrics
from gateway.model.events import EndpointKind
from gateway.model.line import Agent
from gateway.model.speech import Urgency, Voice
from gateway.progress import ProgressBar
from gateway.rooms.watched_recorder import WatchedRecorder
from gateway.sessions.echo_check import EchoCheck
from gateway.sessions.greeting_audio import FixedPhrases
from gateway.sessions.placed import PlacedCalls
from gateway.sessions.registry import SessionRegistry
from gateway.sessions.routing import route
from gateway.sessions.surroundings import Surroundings
from gateway.store.store import Store

if TYPE_CHECKING:
    from gateway.http.webrtc.desk import Desk

log = logging.getLogger(__name__)


class Gateway:
    """Everything that runs in the gateway process. Made and used on the event loop."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.metrics = Metrics()
        self.store = Store(
            config.gateway.data_dir,
            on_backlog=lambda n: self.metrics.store_backlog.set(n),
            country=config.fallback.country,
        )
        self.hearing = HearingHub(silero_vad_model())
        self.speech = SpeechPool(config.speech)
        cache = SpeechCache(config.gateway.cache_dir / "speech")
        names = dict.fromkeys((config.speech.voice, config.speech.second_voice))
        made = [_voice(name, self.speech) for name in names if name != "none"]
        voices = [CachedVoice(voice, cache) for voice in made]
        # What agents say to one caller only, such as a number read back, does not stay on the disk.
        self._lasting: set[str] = set()
        self._agents_voices = [
            CachedVoice(voice, cache, lasts=self._lasting.__contains__) for voice in made
        ]
        self._voices = [*voices, *self._agents_voices]
        self.phrases = FixedPhrases(
            voices[0],
            voices[1] if len(voices) > 1 else None,
            clips.load,
            wav.read_wav,
            self._agents_voices,
        )
        self.observing = Observing(config, self.metrics, self.store)
        self.running = RunningCalls()
        self.agents = self.make_agents(config)
        placed = PlacedCalls()
        self.dialler = Dialler(
            self.store,
            config.dialling,
            config.trunks,
            agents=lambda: self.agents,
            agent_for=lambda number: route(self.config.numbers, number),
            placed=placed,
            clock=time.time,
            on_refused=lambda rule: self.metrics.dials_refused.labels(rule).inc(),
        )
        self.events = EventBus()
        self.texting = TextSide(
            config,
            self.store,
            self.agents,
            self.metrics,
            self.dialler,
            build_links(config),
            [*self.observing.text_watchers(), MessageAnnouncer(self.events)],
            in_call=self.running.answers,
            on_taken=lambda room_id: self.rooms.taken.look(room_id),
        )
        self.rooms = RoomSide(config, self.store, self.texting, self.running)
        self.load = LoadWatch(
            config.overload,
            ticks=self.metrics.recent_ticks,
            speech_queue=self._turns_per_speech_worker,
            speech_room=config.speech.queue_limit / config.speech.workers,
            registry=self.metrics.registry,
        )
        self.recorder = WatchedRecorder(
            self.store,
            [
                self.texting.after_calls,
                self.texting.call_hooks,
                self.rooms.taken,
                *self.observing.watchers(),
            ],
        )
        self.registry = SessionRegistry(
            rules=self.texting.call_rules,
            numbers=config.numbers,
            agents=self.agents,
            settings=config.agents,
            around=Surroundings(
                greeting=config.greeting,
                turns=config.turns,
                max_call_s=config.gateway.max_call_s,
                retry_after_s=config.sip.retry_after_s,
                recorder=self.recorder,
                metrics=self.metrics,
                hearing=self.hearing,
                phrases=self.phrases,
                is_echo=EchoCheck(echo.is_echo),
                tapes=self.observing.recordings,
            ),
            load=self.load,
            placed=placed,
        )
        self.console = ConsoleSide(self.events, self.registry, self.hearing)
        self.recorder.watch(self.console.announcer)
        self.running.join(self.registry, lambda: self.texting.agents)
        self.recorder.watch(self.dialler)
        self.telephony_file = config.gateway.data_dir / "telephony.json"
        self.sip: WorkerEndpoint | None = None
        self.desk: Desk | None = None
        """What HTTP knows of browser calls, where they are served."""
        self.browser: BrowserEndpoint | None = None
        if config.webrtc.enabled:
            argv = webrtc_argv(config, config.gateway.data_dir / "webrtc.json")
            self.browser = BrowserEndpoint(
                [argv] * config.webrtc.workers,
                offers=self.console.watch,
                ticks=self.console.watch,
                metrics=self.metrics,
            )
        self.changeover = Changeover(self)
        self.draining = Drain(
            self.registry,
            endpoints=lambda: [each for each in (self.sip, self.browser) if each is not None],
            withdraw=self.withdraw_registrations,
            settle=self.texting.settle,
            default_s=lambda: self.config.gateway.drain_s,
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
        await self.phrases.load_clips()
        await self.prepare_phrases(self.config, self.config.agents)
        stack.push_async_callback(self._close_agents)
        for agent in self.agents.values():
            await agent.start()
        stack.push_async_callback(self.texting.close)
        await self.texting.start()
        stack.push_async_callback(self.rooms.close)
        self.rooms.start()
        stack.push_async_callback(self.observing.close)
        await self.observing.start()
        self.observing.watch_speech(self.speech)
        self.observing.watch_outbox(self.texting.outbox)
        self.observing.vitals.parts = self.checks
        # What is there now stays: the collector would walk all of it in mid-call, for tens of milliseconds.
        gc.collect()
        gc.freeze()
        stack.push_async_callback(self.registry.stop)
        stack.push_async_callback(self.console.stop)
        self.console.start()
        if self.config.sip.enabled:
            self.sip = WorkerEndpoint(
                EndpointKind.SIP,
                telephony_argv(self.config, self.telephony_file),
                offers=self.console.watch,
                ticks=self.console.watch,
                metrics=self.metrics,
            )
            stack.push_async_callback(self.sip.stop)
            await self.sip.start()
        stack.push_async_callback(self.dialler.close)
        await self.dialler.start(self.sip)
        if self.browser is not None:
            stack.push_async_callback(self.browser.stop)
            await self.browser.start()
        self.load.start()
        stack.push_async_callback(self.load.stop)
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

    def withdraw_registrations(self) -> None:
        """Place no more calls; the worker takes registrations with trunks back when it drains."""
        self.dialler.refuse_new()

    async def stop(self) -> None:
        """Stop everything now, in reverse order; may be called twice."""
        await self.draining.close()
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
            Check(name="trunks", ok=True, detail=self._trunks_detail()),
            Check(name="outbox", ok=True, detail=f"{self.texting.outbox.pending} waiting"),
            *self.texting.mail_checks(),
            Check(name="load", ok=not self.load.is_shedding, detail=self.load.told()),
            Check(
                name="accepting",
                ok=self._started and not live.is_draining,
                detail=f"{live.live} calls",
            ),
        )

    @property
    def is_started(self) -> bool:
        return self._started

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

    def _turns_per_speech_worker(self) -> float:
        speech = self.speech.statistics()
        return speech.queued.get(Urgency.TURN, 0) / max(1, speech.ready)

    def _trunks_detail(self) -> str:
        """A trunk that refuses us does not keep callers of others from being answered."""
        counters = {} if self.sip is None else self.sip.counters
        prefix = "trunk_registered."
        return ", ".join(
            f"{name.removeprefix(prefix)} {'registered' if value else 'not registered'}"
            for name, value in sorted(counters.items())
            if name.startswith(prefix)
        )

    def _webrtc_detail(self) -> str:
        if self.browser is None:
            return "off"
        up = sum(worker.is_ready for worker in self.browser.workers)
        return f"{up} of {len(self.browser.workers)} workers"

    # Inside -----------------------------------------------------------------------------------

    def make_agents(self, config: Config) -> dict[str, Agent]:
        """Return the agents of a configuration, not started. Raises `ConfigError`."""
        capabilities = {
            **self.observing.capabilities(),
            "send_message": lambda *of_call: self.rooms.call_texts.send_message(*of_call),
        }
        agents = build_agents(config, self.speech, LadderVoice(self._agents_voices), capabilities)
        self._lasting.update(text for agent in agents.values() for text in agent.phrases())
        return agents

    async def _close_agents(self) -> None:
        await self.changeover.close()
        await close_agents(self.agents)

    async def prepare_phrases(self, config: Config, sections: Mapping[str, AgentSection]) -> None:
        """Load files, and render what calls of these agents may need at once. Raises `AssetError`."""
        texts: list[str] = []
        for section in sections.values():
            if section.greeting_file is not None:
                await self.phrases.load_file(section.greeting_file)
            else:
                texts.append(section.greeting)
            texts += [section.goodbye, section.apology]
        texts += self.observing.recordings.phrases(config)
        with ProgressBar("greetings") as bar:
            await self.phrases.render_ahead(texts, bar.update)

    async def _render_rest(self) -> None:
        texts = [text for agent in self.agents.values() for text in agent.phrases()]
        with ProgressBar("phrases") as bar:
            await self.phrases.render_ahead(texts, bar.update)


def _voice(name: str, speech: SpeechPool) -> Voice:
    match name:
        case "joe":
            return LocalVoice(speech)
        case "espeak":
            return EspeakVoice()
        case _:
            raise ConfigError(f"speech.voice: {name!r} is not a voice; voices are: joe, espeak")

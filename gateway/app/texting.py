"""Joins all that is written: transports, outbox, letters, fallback, conversations in writing and their webhooks."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack

from aiohttp import web

from agents.texting import build_text_agents
from gateway.app.call_links import no_link
from gateway.app.incoming_files import build_media_intake
from gateway.app.mail import MIB, build_mail_intake, build_mailbox
from gateway.app.more_webhooks import add_teams, add_websocket
from gateway.app.transports import (
    TypingSigns,
    build_transports,
    program_key,
    read_secret,
    telegram_token,
)
from gateway.channels.durable_reception import DurableReception
from gateway.channels.fallback.after_calls import AfterCalls
from gateway.channels.fallback.engine import Fallback
from gateway.channels.media_folder import MediaFolder
from gateway.channels.outbox.outbox import Outbox
from gateway.channels.outbox.recipient_limit import RecipientLimit
from gateway.channels.outbox.retry import RetryPolicy
from gateway.channels.tally import Tally
from gateway.channels.text_parts import split, utf16_length
from gateway.channels.text_watchers import TextWatcher, TextWatchers
from gateway.channels.websocket import WebSocketHub
from gateway.config import Config
from gateway.dialling.dialler import Dialler
from gateway.dialling.voice_transport import VoiceTransport
from gateway.http import media as media_routes
from gateway.http import outbox as outbox_routes
from gateway.http import room_rules as room_rules_routes
from gateway.http.hooks import ProgramHooks, TelegramHook
from gateway.http.peer import Peers
from gateway.http.ports import Check
from gateway.http.twilio.public_url import PublicUrl
from gateway.http.twilio.webhooks import TwilioWebhooks
from gateway.metrics import Metrics
from gateway.model.line import Agent
from gateway.model.messages import Channel, InboundMessage
from gateway.model.text_agent import TextAgent
from gateway.model.text_stream import TextStream
from gateway.rooms.call_hooks import CallHooks
from gateway.rooms.call_rules import CallRules
from gateway.rooms.hooks import Hooks, Point, load_hook
from gateway.rooms.identities import link_all
from gateway.rooms.keyword_answers import KeywordAnswers
from gateway.rooms.letters import Letters
from gateway.rooms.pruner import Pruner
from gateway.rooms.reply_pace import ReplyPace
from gateway.rooms.text_desk import InCall, TextDesk
from gateway.rooms.text_gate import Greeting, GreetingMode
from gateway.sessions.routing import route
from gateway.store.message_records import MessageRecord
from gateway.store.store import Store

log = logging.getLogger(__name__)

SETTLE_LOOK_S = 0.1
AFTER_CALLS_S = 5.0
"""How long the end waits for the fallback to look at the last calls."""


class TextSide:
    """Made before anything starts, so that mistakes in the configuration show at once; `start`, `close`."""

    def __init__(
        self,
        config: Config,
        store: Store,
        agents: Mapping[str, Agent],
        metrics: Metrics,
        dialler: Dialler | None = None,
        call_link: Callable[[str], str] = no_link,
        watchers: Sequence[TextWatcher] = (),
        *,
        in_call: InCall,
        on_taken: Callable[[str], None],
    ) -> None:
        """`in_call` and `on_taken` are the desk's. Raises `ConfigError`."""
        self._config = config
        self._store = store
        rooms = config.rooms
        self.agents: dict[str, TextAgent] = build_text_agents(
            config, agents, greeting=rooms.greeting, greetings=rooms.greetings
        )
        hooks = {point: [load_hook(name) for name in names] for point, names in rooms.hooks.items()}
        if most := rooms.answers_an_hour:
            pace = ReplyPace(store, most_an_hour=most, clock=time.time)
            hooks.setdefault(Point.BEFORE_INBOUND, []).append(pace)
        self.hooks = Hooks(hooks)
        self.call_hooks = CallHooks(self.hooks)
        self.call_rules = CallRules(store, config.fallback.country)
        self._voice = None if dialler is None else VoiceTransport(dialler, store)
        self._transports = build_transports(config, store)
        if self._voice is not None:
            self._transports.append(self._voice)
        hubs = [one for one in self._transports if isinstance(one, WebSocketHub)]
        self._hub = hubs[0] if hubs else None
        tally = Tally(
            lambda channel, status: metrics.messages.labels(channel, status).inc(),
            lambda reason, channel: metrics.fallbacks.labels(reason, channel).inc(),
        )
        witnesses = TextWatchers([tally, *watchers])
        self.outbox = Outbox(
            store,
            self._transports,
            policy=RetryPolicy(
                tries_most=config.outbox.tries,
                first_s=config.outbox.first_retry_s,
                most_s=config.outbox.longest_retry_s,
                settle_s=config.outbox.settle_s,
            ),
            limit=RecipientLimit(burst=config.outbox.burst, interval_s=config.outbox.interval_s),
            on_change=witnesses.changed,
            on_failed=self._message_failed,
            pending_most=config.outbox.waiting_most,
        )
        self.letters = Letters(
            store,
            self.outbox,
            self._split,
            clock=time.time,
            has_buttons=self._has_buttons,
            capabilities=self.outbox.capabilities,
        )
        self.fallback = Fallback(
            store,
            self.letters,
            config.fallback,
            capabilities=self.outbox.capabilities,
            clock=time.time,
            link=call_link,
            on_decided=tally.decided,
        )
        self.after_calls = AfterCalls(store, self.fallback)
        self._folder = MediaFolder(config.gateway.data_dir)
        self._pruner = Pruner(
            store,
            store,
            self._folder,
            clock=time.time,
            rooms_days=rooms.keep_days,
            files_days=rooms.media.keep_days,
        )
        self._files = build_media_intake(config, store, self._folder)
        self.desk = TextDesk(
            store,
            self.letters,
            self._agent_for,
            clock=time.time,
            mode=rooms.text_greeting,
            history_lines=rooms.history_lines,
            history_chars=rooms.history_chars,
            hooks=self.hooks,
            in_call=in_call,
            on_taken=on_taken,
            on_media=self._files.look if rooms.media.enabled else None,
            agent_named=lambda name: self.agents.get(name),
            call_link=call_link,
            stream_for=self._stream_for,
            capabilities=self.outbox.capabilities,
            show_typing=TypingSigns(self._transports),
        )
        answers = KeywordAnswers(
            store,
            self.letters,
            help_text=rooms.help_text,
            start_text=rooms.start_text,
            clock=time.time,
            greeting_for=self._greeting_for,
        )
        self.reception = DurableReception(
            store,
            on_message=self.desk.look,
            on_receipt=self.outbox.receive,
            on_keyword=answers.answer,
            on_new=witnesses.received,
        )
        self._mail = build_mail_intake(config, self.reception, self._folder)
        self.mailbox = build_mailbox(config, self._mail)
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        """Take up what an earlier life left, and go on. The store has started. Raises `GatewayError`."""
        stack = self._stack
        for transport in self._transports:
            stack.push_async_callback(transport.close)
        identities = self._config.rooms.identities
        if identities:
            at, country = time.time(), self._config.fallback.country
            await self._store.transact(
                lambda connection: link_all(connection, identities, at=at, country=country)
            )
        await self.call_rules.refresh()
        stack.push_async_callback(self.outbox.close)
        await self.outbox.start()
        if self._voice is not None:
            await self._voice.start(self.outbox.receive)
        desk = asyncio.create_task(self.desk.run(), name="text desk")
        stack.push_async_callback(_end, desk)
        files = asyncio.create_task(self._files.run(), name="files")
        stack.push_async_callback(_end, files)
        pruning = asyncio.create_task(self._pruner.run(), name="pruning")
        stack.push_async_callback(_end, pruning)
        if self.mailbox is not None:
            mailbox = asyncio.create_task(self.mailbox.run(), name="mailbox")
            stack.push_async_callback(_end, mailbox)
        stack.push_async_callback(self.call_hooks.close)
        stack.push_async_callback(self.after_calls.close, AFTER_CALLS_S)
        self.after_calls.start()

    async def close(self) -> None:
        """Stop; what waits is on disk. May be called twice."""
        await self._stack.aclose()

    def add_routes(self, app: web.Application) -> None:
        """Add what providers call, and the API of the outbox. Raises `ConfigError`."""
        config = self._config
        outbox_routes.add_routes(app, self.outbox)
        media_routes.add_routes(app, self._store, self._folder)
        room_rules_routes.add_routes(
            app, self._store, agents=lambda: self._config.agents, on_change=self.call_rules.refresh
        )
        if config.twilio.is_on:
            TwilioWebhooks(
                self.reception,
                PublicUrl(config.twilio.public_url, Peers(config.http.trusted_proxies)),
                account_sid=config.twilio.account_sid,
                auth_tokens=[read_secret(config.twilio.auth_token_file, "twilio.auth_token_file")],
                twilio_answers_keywords=config.twilio.answers_keywords,
            ).add_routes(app)
        if config.channels.webhook.secret_file is not None:
            ProgramHooks(
                self.reception,
                [program_key(config)],
                mail=self._mail,
                mail_most=config.channels.email.imap.size_mb * MIB,
            ).add_routes(app)
        telegram = config.channels.telegram
        if telegram.webhook_secret_file is not None and telegram.bot_token_file is not None:
            secret = read_secret(
                telegram.webhook_secret_file, "channels.telegram.webhook_secret_file"
            )
            # A token begins with the bot's id, which is the bot's address: it never changes.
            bot_id = telegram_token(config).partition(":")[0]
            TelegramHook(self.reception, secret, bot_id).add_routes(app)
        if self._hub is not None:
            add_websocket(app, config, self.reception, self._hub, lambda: self.agents)
        add_teams(app, config, self._store, self.reception, self._stack)

    def replace(
        self, config: Config, old: Mapping[str, Agent], agents: Mapping[str, Agent]
    ) -> None:
        """Answer by these agents and routes from now on; unchanged ones remember their dialogues."""
        before, rooms = self._config.rooms, config.rooms
        made = build_text_agents(config, agents, greeting=rooms.greeting, greetings=rooms.greetings)
        if (before.greeting, before.greetings) == (rooms.greeting, rooms.greetings):
            made |= {
                name: known
                for name, known in self.agents.items()
                if name in made and old.get(name) is agents.get(name)
            }
        self.agents = made
        self._config = config

    def mail_checks(self) -> tuple[Check, ...]:
        """Return how the mailbox is, if there is one; calls can be served without it."""
        if self.mailbox is None:
            return ()
        return (Check(name="mailbox", ok=True, detail=self.mailbox.trouble or "read"),)

    async def settle(self, bound_s: float) -> None:
        """Wait until ended calls were looked at and no message waits, for `bound_s` at most."""
        deadline_s = time.monotonic() + bound_s
        while not self.after_calls.is_idle or self.outbox.pending:
            if time.monotonic() >= deadline_s:
                log.info(
                    "messages wait for the next start", extra={"messages": self.outbox.pending}
                )
                return
            await asyncio.sleep(SETTLE_LOOK_S)

    # Inside -----------------------------------------------------------------------------------------

    async def _message_failed(self, record: MessageRecord) -> None:
        await self.fallback.message_failed(record)

    def _stream_for(self, message: InboundMessage, message_id: str) -> TextStream | None:
        return None if self._hub is None else self._hub.stream_for(message, message_id)

    def _has_buttons(self, channel: Channel) -> bool:
        found = self.outbox.capabilities(channel)
        return found is not None and found.buttons

    def _agent_for(self, number: str, channel: Channel) -> TextAgent | None:
        """Return who writes back: the agent of the number, if it can write; from a web page it is named itself."""
        if channel is Channel.WEBSOCKET and number in self.agents:
            return self.agents[number]
        name = route(self._config.numbers, number)
        return None if name is None else self.agents.get(name)

    def _greeting_for(self, number: str, channel: Channel) -> Greeting | None:
        agent = self._agent_for(number, channel)
        if agent is None or self._config.rooms.text_greeting is GreetingMode.CONTEXT:
            return None
        return Greeting(agent.name, agent.greeting.strip()) if agent.greeting.strip() else None

    def _split(self, channel: Channel, text: str) -> tuple[str, ...]:
        capabilities = self.outbox.capabilities(channel)
        if capabilities is None or channel is Channel.VOICE:  # in two parts it would be two calls
            return (text,)
        if channel is Channel.SMS:
            return split(text, capabilities.text_limit)
        return split(text, capabilities.text_limit, length=utf16_length)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

"""Joins rooms with what operators and running calls write into them, and adds their API."""

import asyncio
import time

from aiohttp import web

from gateway.app.running_calls import RunningCalls
from gateway.app.texting import TextSide
from gateway.app.transports import telegram_token
from gateway.config import Config, ReceptionistAgent
from gateway.http.consents import ConsentsApi
from gateway.http.messages import MessagesApi
from gateway.http.people import PeopleApi
from gateway.http.rooms import RoomsApi
from gateway.model.messages import Channel
from gateway.rooms.call_texts import CallTexts
from gateway.rooms.operator import Operator
from gateway.rooms.reach import Reach
from gateway.rooms.taken_messages import TakenMessages
from gateway.store.store import Store

TWILIO = frozenset({Channel.SMS, Channel.WHATSAPP, Channel.RCS, Channel.MESSENGER})


class RoomSide:
    """Made before anything starts; `start` after the written side, `close` when the calls are over."""

    def __init__(
        self, config: Config, store: Store, texting: TextSide, calls: RunningCalls
    ) -> None:
        """Raises `ConfigError`."""
        self._config = config
        self._store = store
        self._texting = texting
        self._calls = calls
        self._reach = reach = Reach(
            store,
            config.fallback,
            capabilities=texting.outbox.capabilities,
            clock=time.time,
            own_addresses=_own_addresses(config),
        )
        self.operator = Operator(store, texting.letters, reach, calls, clock=time.time)
        self.call_texts = CallTexts(store, texting.letters, reach, calls)
        self.taken = TakenMessages(
            store,
            texting.outbox,
            reach,
            _deliver_to(config),
            clock=time.time,
        )
        self._deliveries: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to deliver what agents take for others."""
        self._deliveries = asyncio.create_task(self.taken.run(), name="taken messages")

    async def close(self) -> None:
        """Write what the ended calls did not say, and stop; may be called twice."""
        await self.operator.close()
        task, self._deliveries = self._deliveries, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def replace(self, config: Config) -> None:
        """Go by another configuration; providers' addresses stay as they were at the start."""
        self._reach.replace(config.fallback)
        self.taken.replace(_deliver_to(config))

    def add_routes(self, app: web.Application) -> None:
        """Add the API of messages, rooms and people."""
        config = self._config
        has_service = bool(config.twilio.messaging_service_sid)
        MessagesApi(
            self._texting.outbox,
            self._store,
            self.operator,
            capabilities=self._texting.outbox.capabilities,
            sender_on=self._reach.sender_on,
            # A messaging service chooses a sender by itself.
            may_lack_sender=TWILIO if has_service else frozenset(),
            clock=time.time,
        ).add_routes(app)
        RoomsApi(self._store, self.operator, self._calls).add_routes(app)
        country = self._config.fallback.country
        # A room's rules for calls hold for every address of its person.
        refresh = self._texting.call_rules.refresh
        PeopleApi(self._store, self._store, country=country, on_change=refresh).add_routes(app)
        ConsentsApi(self._store).add_routes(app)


def _deliver_to(config: Config) -> dict[str, tuple[str, ...]]:
    return {
        name: section.deliver_to
        for name, section in config.agents.items()
        if isinstance(section, ReceptionistAgent)
    }


def _own_addresses(config: Config) -> dict[Channel, str]:
    """Return our address on each channel where the provider's configuration tells it."""
    channels = config.channels
    found = {
        Channel.EMAIL: channels.email.from_address if channels.email.host else "",
        Channel.TEAMS: channels.teams.app_id,
        Channel.WEBHOOK: "offhook" if channels.webhook.url else "",
    }
    if channels.telegram.bot_token_file is not None:
        found[Channel.TELEGRAM] = telegram_token(config).partition(":")[0]
    return {channel: address for channel, address in found.items() if address}

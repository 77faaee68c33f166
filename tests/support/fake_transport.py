"""Transports that do as they are told and remember what reached the provider."""

import asyncio
from collections import deque
from collections.abc import Iterable

from gateway.model.messages import (
    Accepted,
    CanFind,
    Channel,
    ChannelCapabilities,
    OutboundMessage,
    SendFailed,
    TakesKey,
    Transport,
)

Step = Accepted | Exception | str | None
"""An answer; an exception; `lost`: taken, but the answer is lost; `hang`: no answer; None: taken."""

LATER = SendFailed("20429", "too many requests", may_retry=True)
REFUSED = SendFailed("21211", "no such number", may_retry=False)


class FakeTransport:
    """A provider that cannot be asked what became of a message."""

    def __init__(
        self,
        steps: Iterable[Step] = (),
        *,
        provider: str = "fake",
        channels: Iterable[Channel] = tuple(Channel),
        takes_s: float = 0.1,
    ) -> None:
        self.provider_name = provider
        self.steps: deque[Step] = deque(steps)
        """What happens to the next requests; then all are taken."""
        self.always: Step = None
        self.taken: list[OutboundMessage] = []
        self.asked: list[tuple[float, str]] = []
        """When each request came, and the message's id."""
        self.under_way = 0
        self.under_way_most = 0
        self._channels = set(channels)
        self._takes_s = takes_s

    @property
    def provider(self) -> str:
        return self.provider_name

    def capabilities(self, channel: Channel) -> ChannelCapabilities | None:
        if channel not in self._channels:
            return None
        return ChannelCapabilities(text_limit=1600, receipts=True)

    async def send(self, message: OutboundMessage) -> Accepted:
        self.asked.append((asyncio.get_running_loop().time(), message.message_id))
        self.under_way += 1
        self.under_way_most = max(self.under_way_most, self.under_way)
        try:
            return await self._answer(message)
        finally:
            self.under_way -= 1

    async def _answer(self, message: OutboundMessage) -> Accepted:
        step = self.steps.popleft() if self.steps else self.always
        if isinstance(step, Exception):
            await asyncio.sleep(self._takes_s)
            raise step
        self._take(message)
        await asyncio.sleep(self._takes_s)
        if step == "hang":
            await asyncio.sleep(1e6)
        if step == "lost":
            raise SendFailed("broken", "connection reset", may_retry=True, is_unknown=True)
        return step if isinstance(step, Accepted) else Accepted(provider_id=self.id_of(message))

    def _take(self, message: OutboundMessage) -> None:
        self.taken.append(message)

    def id_of(self, message: OutboundMessage) -> str:
        """Return the id that the provider gives a message."""
        return f"SM-{message.message_id}-{len(self.taken)}"

    @property
    def taken_ids(self) -> list[str]:
        return [message.message_id for message in self.taken]

    async def close(self) -> None:
        """Nothing is open."""


class FindingTransport(FakeTransport):
    """A provider that can be asked."""

    def __init__(self, *arguments, **more) -> None:
        super().__init__(*arguments, **more)
        self.find_steps: deque[SendFailed] = deque()
        """Why it cannot tell, the next times; then it can."""
        self.find_always: SendFailed | None = None
        self.sinces: list[float] = []

    async def find(self, message: OutboundMessage, *, since: float) -> Accepted | None:
        self.sinces.append(since)
        await asyncio.sleep(self._takes_s)
        if self.find_steps:
            raise self.find_steps.popleft()
        if self.find_always is not None:
            raise self.find_always
        if message.message_id in self.taken_ids:
            return Accepted(provider_id=self.id_of(message))
        return None


class KeyTransport(FakeTransport):
    """A provider that takes each message id once."""

    @property
    def key_holds_s(self) -> float:
        return 86_400.0

    def _take(self, message: OutboundMessage) -> None:
        if message.message_id not in self.taken_ids:
            super()._take(message)


_: tuple[type[Transport], ...] = (FakeTransport, FindingTransport, KeyTransport)
__: type[CanFind] = FindingTransport
___: type[TakesKey] = KeyTransport

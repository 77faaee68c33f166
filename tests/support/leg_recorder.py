"""Listens to an endpoint like a session would, and keeps what it was told, for tests to wait on."""

import asyncio
from typing import TypeVar

from gateway.media.tick import AudioTick
from gateway.model.endpoint import Leg, LegListener
from gateway.model.events import Ended, LegEvent, Marked, Offered
from gateway.model.hangup import HangupCause

WAIT_S = 5.0
"""Longest wait for an event; much more than any of them needs."""

_Event = TypeVar("_Event", bound=LegEvent)


class RecordedLeg:
    """One leg and the events it had so far."""

    def __init__(self, leg: Leg, offered: Offered) -> None:
        self.leg = leg
        self.offered = offered
        self.events: list[LegEvent] = []
        self._more = asyncio.Event()

    def on_leg_event(self, event: LegEvent) -> None:
        self.events.append(event)
        self._more.set()

    def of(self, kind: type[_Event]) -> list[_Event]:
        """Return the events of a kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    async def wait_for(self, kind: type[_Event], count: int = 1) -> _Event:
        """Wait until there are `count` events of a kind; returns the last of these."""
        async with asyncio.timeout(WAIT_S):
            while len(self.of(kind)) < count:
                self._more.clear()
                await self._more.wait()
        return self.of(kind)[count - 1]

    async def wait_mark(self, name: str) -> Marked:
        """Wait until a mark has come back, reached or cleared."""
        async with asyncio.timeout(WAIT_S):
            while True:
                for event in self.of(Marked):
                    if event.name == name:
                        return event
                self._more.clear()
                await self._more.wait()

    async def wait_ended(self) -> Ended:
        return await self.wait_for(Ended)


class LegRecorder:
    """An `OfferListener` and `TickListener` that takes every call and decides nothing."""

    def __init__(self) -> None:
        self.legs: list[RecordedLeg] = []
        self.refused: list[tuple[Offered, HangupCause]] = []
        self.audio: dict[int, bytearray] = {}
        """What was heard, by ear number."""
        self._more = asyncio.Event()

    def on_offered(self, leg: Leg, offered: Offered) -> LegListener:
        recorded = RecordedLeg(leg, offered)
        self.legs.append(recorded)
        self._more.set()
        return recorded

    def on_refused(self, offered: Offered, cause: HangupCause) -> None:
        self.refused.append((offered, cause))

    def on_tick(self, tick: AudioTick) -> None:
        for ear, row in zip(tick.ears, tick.pcm, strict=True):
            self.audio.setdefault(int(ear), bytearray()).extend(row.tobytes())

    async def wait_offer(self, count: int = 1) -> RecordedLeg:
        """Wait until `count` calls have been offered; returns the last of these."""
        async with asyncio.timeout(WAIT_S):
            while len(self.legs) < count:
                self._more.clear()
                await self._more.wait()
        return self.legs[count - 1]

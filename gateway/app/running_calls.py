"""The calls that go on, as those who write see them: who answers a message now, who says a line."""

import asyncio
from collections.abc import Callable, Collection, Sequence

from gateway.errors import CallNotFound
from gateway.model.messages import InboundMessage
from gateway.rooms import text_lines
from gateway.sessions.registry import SessionRegistry
from gateway.sessions.session import Session


class RunningCall:
    """One live call."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def call_id(self) -> str:
        return self._session.offered.call_id

    @property
    def room_id(self) -> str | None:
        return self._session.room_id

    @property
    def agent_name(self) -> str:
        return self._session.agent.name

    def say(self, parts: Sequence[str], *, by: str) -> asyncio.Future[bool]:
        """Have the agent say something; False in the end if nobody heard any of it."""
        return self._session.crossing.say(parts, by=by)


class RunningCalls:
    """Made before the registry, which it is joined with; until then there are no calls."""

    def __init__(self) -> None:
        self._registry: SessionRegistry | None = None
        self._can_write: Callable[[], Collection[str]] = tuple

    def join(self, registry: SessionRegistry, can_write: Callable[[], Collection[str]]) -> None:
        """Use this registry; `can_write` names the agents that answer what is written."""
        self._registry = registry
        self._can_write = can_write

    async def answers(self, room_id: str, message: InboundMessage) -> bool:
        """Give a message to the call of its room; whether it was answered there."""
        session = self._session_in(room_id)
        if session is None or session.agent.name not in self._can_write():
            return False
        _, line = text_lines.received(room_id, message)
        facts = {
            "channel": message.channel.value,
            "provider": message.provider,
            "provider_id": message.provider_id,
        }
        return await session.crossing.hand_over(line.text, facts)

    def in_room(self, room_id: str) -> RunningCall | None:
        """Return the call of a room that takes lines now."""
        session = self._session_in(room_id)
        return None if session is None else RunningCall(session)

    def calls_in_room(self, room_id: str) -> Sequence[str]:
        """Return the ids of a room's live calls."""
        sessions = self._registry.sessions() if self._registry is not None else ()
        return [item.offered.call_id for item in sessions if item.room_id == room_id]

    def call(self, call_id: str) -> RunningCall:
        """Return a live call; raises `CallNotFound`."""
        if self._registry is None:
            raise CallNotFound(call_id)
        return RunningCall(self._registry.session(call_id))

    def _session_in(self, room_id: str) -> Session | None:
        return None if self._registry is None else self._registry.in_room(room_id)

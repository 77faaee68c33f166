"""All live sessions: takes offers from every endpoint, finds who answers them, drains, counts."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.config import AgentBase, NumberSection
from gateway.errors import CallNotFound, HearingFull
from gateway.model.endpoint import Leg, LegListener
from gateway.model.events import Direction, EndpointKind, LegEvent, Offered
from gateway.model.hangup import HangupCause
from gateway.model.line import Agent
from gateway.rejections import By, rejections
from gateway.rooms.access import ChannelAccess
from gateway.rooms.timeline import Kind, RoomView
from gateway.sessions.chronicle import Chronicle
from gateway.sessions.placed import PlacedCalls
from gateway.sessions.preparation import find_room, fresh_room, our_number, person_of
from gateway.sessions.routing import route
from gateway.sessions.session import Session
from gateway.sessions.state import SessionState
from gateway.sessions.surroundings import Surroundings

logger = logging.getLogger(__name__)

LOOKUPS_LIMIT = 64
"""Refused calls whose room is looked up at a time; more are written into rooms of their own."""

GOODBYE_BOUND_S = 15.0
"""How long a drain waits for goodbyes, after that for nothing."""


@dataclass(frozen=True, slots=True)
class RegistryStatistics:
    """A snapshot for health pages."""

    live: int
    by_state: Mapping[SessionState, int]
    taken: int
    """Calls for which a session was made, since the start."""
    refused: int
    """Calls that were refused, by us or by an endpoint, since the start."""
    is_draining: bool


class LoadGate(Protocol):
    """Whether the machine can carry one more call; returns at once."""

    @property
    def retry_after_s(self) -> int:
        """When a refused caller may try again, in seconds."""

    def admits(self) -> bool:
        """Decide about one call, once."""


class RoomRules(Protocol):
    """What rooms say of their calls. Methods return at once."""

    def agent(self, number: str, person: str) -> str:
        """Return whom the room of a person at our number names; empty if it names nobody."""

    def voice(self, number: str, person: str) -> ChannelAccess:
        """Return the room's rules for calls."""


class _NobodyListens:
    """Listener of a leg that was refused at once: its end was written down already."""

    def on_leg_event(self, event: LegEvent) -> None:
        """Nothing is left to be decided about it."""


class SessionRegistry:
    """Implements `OfferListener`. One per gateway, on the event loop."""

    def __init__(
        self,
        *,
        numbers: Sequence[NumberSection],
        agents: Mapping[str, Agent],
        settings: Mapping[str, AgentBase],
        around: Surroundings,
        rules: RoomRules | None = None,
        load: LoadGate | None = None,
        placed: PlacedCalls | None = None,
    ) -> None:
        """`placed` are calls of ours whose leg is to come."""
        self._rules = rules
        self._load = load
        self._numbers = tuple(numbers)
        self._agents = agents
        self._settings = settings
        self._around = around
        self.placed = placed or PlacedCalls()
        self._sessions: dict[str, Session] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._refusals: set[asyncio.Task[None]] = set()
        self._is_draining = False
        self._taken = 0
        self._refused = 0

    @property
    def around(self) -> Surroundings:
        """What the next session will share with the others."""
        return self._around

    def replace(
        self,
        *,
        numbers: Sequence[NumberSection],
        agents: Mapping[str, Agent],
        settings: Mapping[str, AgentBase],
        around: Surroundings,
    ) -> None:
        """Take calls by these from now on; sessions that run keep what they began with."""
        self._numbers = tuple(numbers)
        self._agents = agents
        self._settings = settings
        self._around = around

    # OfferListener ----------------------------------------------------------------------------------

    def on_offered(self, leg: Leg, offered: Offered) -> LegListener:
        """Start a session for the leg, or refuse it with the cause that the caller is to see."""
        placed = None
        if offered.direction is Direction.OUTBOUND:
            placed = self.placed.take(offered.call_id)
            if placed is None:
                # Whoever asked for it has given up meanwhile.
                return self._refuse(leg, offered, HangupCause.INTERNAL_ERROR)
            offered = placed.as_offered(offered)
        if self._is_draining:
            return self._refuse(leg, offered, HangupCause.DRAINING)
        if not self._may_converse(offered):
            return self._refuse(leg, offered, HangupCause.NOT_ALLOWED)
        name = self._agent_of(offered)
        if name is None or name not in self._agents:
            if offered.endpoint is EndpointKind.SIP and placed is None:
                rejections.note(offered.source, by=By.SIP, reason="no_route")
            return self._refuse(leg, offered, HangupCause.NO_ROUTE)
        if self._is_too_busy(offered):
            return self._refuse(leg, offered, HangupCause.OVERLOADED)
        try:
            ear = self._around.hearing.open()
        except HearingFull:
            return self._refuse(leg, offered, HangupCause.CAPACITY)
        settings = self._settings[name]
        session = Session(
            leg,
            offered,
            ear,
            self._agents[name],
            placed.settings(settings) if placed else settings,
            self._around,
            placed,
        )
        self._taken += 1
        self._sessions[offered.call_id] = session
        task = session.start()
        self._tasks[offered.call_id] = task
        task.add_done_callback(lambda _: self._forget(offered.call_id))
        logger.info("call offered", extra={"call_id": offered.call_id, "agent": name})
        return session

    def _is_too_busy(self, offered: Offered) -> bool:
        # A call of our own making was decided about before it was placed.
        is_inbound = offered.direction is Direction.INBOUND
        return is_inbound and self._load is not None and not self._load.admits()

    def _agent_of(self, offered: Offered) -> str | None:
        """Return who is to take a call: the agent that the offer, the room or the number names."""
        return offered.agent or self.agent_for(our_number(offered), person_of(offered))

    def agent_for(self, number: str, person: str) -> str | None:
        """Return who speaks for a number of ours to a person; None if nobody does."""
        if self._rules is not None:
            own = self._rules.agent(number, person)
            if own in self._agents:
                return own
        return route(self._numbers, number)

    def _may_converse(self, offered: Offered) -> bool:
        if self._rules is None:
            return True
        return self._rules.voice(our_number(offered), person_of(offered)).may_converse

    def on_refused(self, offered: Offered, cause: HangupCause) -> None:
        """Write down a call that an endpoint has refused by itself."""
        self._refused += 1
        logger.info("call refused", extra={"call_id": offered.call_id, "cause": cause.value})
        if len(self._refusals) >= LOOKUPS_LIMIT:
            self._write_refusal(offered, cause, fresh_room())
            return
        task = asyncio.create_task(
            self._look_up_and_write(offered, cause), name=f"call {offered.call_id} refused"
        )
        self._refusals.add(task)
        task.add_done_callback(self._refusals.discard)

    def _refuse(self, leg: Leg, offered: Offered, cause: HangupCause) -> LegListener:
        retry_after_s = self._around.retry_after_s
        if cause is HangupCause.OVERLOADED and self._load is not None:
            retry_after_s = self._load.retry_after_s
        leg.reject(cause, retry_after_s=retry_after_s)
        self.on_refused(offered, cause)
        return _NobodyListens()

    async def _look_up_and_write(self, offered: Offered, cause: HangupCause) -> None:
        self._write_refusal(offered, cause, await find_room(self._around.recorder, offered))

    def _write_refusal(self, offered: Offered, cause: HangupCause, room: RoomView) -> None:
        chronicle = Chronicle(self._around.recorder, self._around.metrics, offered)
        chronicle.enter_room(room.room_id, self._agent_of(offered) or "")
        chronicle.note(Kind.REFUSED, offered.at_s, {"cause": cause.value})
        chronicle.ended(offered.at_s, cause, "refused")

    def _forget(self, call_id: str) -> None:
        self._sessions.pop(call_id, None)
        self._tasks.pop(call_id, None)

    # For people and other parts ---------------------------------------------------------------------

    @property
    def is_draining(self) -> bool:
        return self._is_draining

    def sessions(self) -> Sequence[Session]:
        """The live sessions, oldest first."""
        return tuple(self._sessions.values())

    def session(self, call_id: str) -> Session:
        """Return a live session; raises `CallNotFound`."""
        try:
            return self._sessions[call_id]
        except KeyError:
            raise CallNotFound(call_id) from None

    def in_room(self, room_id: str) -> Session | None:
        """Return the newest call of a room into which something written can still come."""
        for session in reversed(self._sessions.values()):
            if session.room_id == room_id and session.crossing.is_open:
                return session
        return None

    def hang_up(self, call_id: str, cause: HangupCause = HangupCause.OPERATOR_HUNG_UP) -> None:
        """End one call now; raises `CallNotFound`."""
        self.session(call_id).hang_up(cause)

    def statistics(self) -> RegistryStatistics:
        by_state: dict[SessionState, int] = {}
        for session in self._sessions.values():
            by_state[session.state] = by_state.get(session.state, 0) + 1
        return RegistryStatistics(
            len(self._sessions), by_state, self._taken, self._refused, self._is_draining
        )

    # The end ----------------------------------------------------------------------------------------

    def refuse_new(self) -> None:
        """Refuse every call from now on; the live ones go on."""
        self._is_draining = True

    async def wait_until_idle(self) -> None:
        """Return when no session is left; those that begin meanwhile are waited for, too."""
        while tasks := tuple(self._tasks.values()):
            await asyncio.wait(tasks)
            # Their done callbacks, which forget them, come a turn later.
            await asyncio.sleep(0)

    async def wait_until_unused(self, agents: Sequence[Agent]) -> None:
        """Return when no session is left that these agents, who get no new ones, speak in."""
        tasks = [
            self._tasks[call_id]
            for call_id, session in self._sessions.items()
            if any(session.agent is agent for agent in agents)
        ]
        if tasks:
            await asyncio.wait(tasks)

    async def drain(self, wait_s: float) -> None:
        """Refuse new calls, let the live ones go on for `wait_s`, then say goodbye, then end them.

        Returns when no session is left; takes at most `wait_s` + `GOODBYE_BOUND_S` and a clean-up.
        """
        self.refuse_new()
        await self._wait_for_all(wait_s)
        for session in self.sessions():
            session.close(HangupCause.DRAINING)
        await self._wait_for_all(GOODBYE_BOUND_S)
        await self.stop()

    async def stop(self) -> None:
        """End every call now and release everything; may be called twice."""
        self.refuse_new()
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        # Refusals are bounded by themselves, and leave a record like every call.
        await asyncio.gather(*tasks, *self._refusals, return_exceptions=True)

    async def _wait_for_all(self, bound_s: float) -> None:
        tasks = tuple(self._tasks.values())
        if tasks and bound_s > 0:
            await asyncio.wait(tasks, timeout=bound_s)

"""What is done while the phone rings: find the room, get the greeting; neither can fail or hang."""

import asyncio
import logging
from collections.abc import Callable

from gateway.config import AgentBase
from gateway.model.events import Direction, Offered
from gateway.model.ids import new_room_id
from gateway.model.line import CallFacts, Said
from gateway.rooms.timeline import Recorder, RoomView
from gateway.sessions.greeting_audio import AudioSource, FixedAudio
from gateway.sessions.messages import GreetingReady, Message, RoomFound
from gateway.sessions.surroundings import ROOM_BOUND_S, Surroundings
from gateway.sessions.tasks import CallTasks

logger = logging.getLogger(__name__)


async def find_room(recorder: Recorder, offered: Offered) -> RoomView:
    """Look the caller's room up; a store that hangs costs the caller a second, not the call."""
    try:
        async with asyncio.timeout(ROOM_BOUND_S):
            return await recorder.room_for(number=our_number(offered), person=person_of(offered))
    except Exception:
        logger.exception("no room found", extra={"call_id": offered.call_id})
        return fresh_room()


def our_number(offered: Offered) -> str:
    """Return which number of ours a call is about."""
    return offered.caller if offered.direction is Direction.OUTBOUND else offered.callee


def person_of(offered: Offered) -> str:
    """Return who is at the other end."""
    return offered.callee if offered.direction is Direction.OUTBOUND else offered.caller


def fresh_room() -> RoomView:
    """Return a room without history, for when the right one cannot be known."""
    return RoomView(new_room_id(), ())


def call_facts(
    offered: Offered, room: RoomView, greeting: Said | None, purpose: str = ""
) -> CallFacts:
    """Return what the agent is told of the call; the history ends with the greeting as it was heard."""
    return CallFacts(
        call_id=offered.call_id,
        room_id=room.room_id,
        caller=person_of(offered),
        callee=our_number(offered),
        caller_name=offered.caller_name,
        purpose=purpose,
        history=room.history if greeting is None else (*room.history, greeting),
    )


class Preparation:
    """One call's two tasks while it rings; their results go to the session's inbox."""

    def __init__(
        self,
        offered: Offered,
        settings: AgentBase,
        around: Surroundings,
        post: Callable[[Message], None],
    ) -> None:
        self._offered = offered
        self._settings = settings
        self._around = around
        self._post = post
        self._room: asyncio.Task[RoomView] | None = None

    def start(self, tasks: CallTasks) -> None:
        """Begin: posts `RoomFound`, then `GreetingReady` once both are there."""
        self._room = tasks.start("room", self._look_up())
        tasks.start("greeting", self._get_greeting(self._room))

    async def room_in_the_end(self) -> RoomView:
        """Return the room of a call that was over before its room was found; bounded, cancelled or not."""
        if self._room is not None:
            try:
                await asyncio.wait({self._room}, timeout=ROOM_BOUND_S)
            except asyncio.CancelledError:
                # The gateway stops at just this moment; the call is written down all the same.
                await asyncio.wait({self._room}, timeout=ROOM_BOUND_S)
            if self._room.done() and not self._room.cancelled():
                return self._room.result()
        return fresh_room()

    async def _look_up(self) -> RoomView:
        room = await find_room(self._around.recorder, self._offered)
        self._post(RoomFound(room))
        return room

    async def _get_greeting(self, room: asyncio.Task[RoomView]) -> None:
        try:
            audio = await self._around.phrases.greeting(
                self._settings.greeting,
                self._settings.greeting_file,
                ring_bound_s=self._around.greeting.ring_bound_ms / 1000,
            )
        except Exception:
            logger.exception("no greeting audio", extra={"call_id": self._offered.call_id})
            audio = FixedAudio(None, AudioSource.NONE)
        await asyncio.wait({room})
        self._post(GreetingReady(audio))

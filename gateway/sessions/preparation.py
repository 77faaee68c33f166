"""What is done while the phone rings: find the room, get the greeting; neither can fail or hang."""

import asyncio
import logging

from gateway.config import AgentBase
from gateway.model.events import Offered
from gateway.model.ids import new_room_id
from gateway.model.line import CallFacts, Said
from gateway.rooms.timeline import Recorder, RoomView
from gateway.sessions.greeting_audio import AudioSource, FixedAudio, FixedPhrases
from gateway.sessions.surroundings import ROOM_BOUND_S

logger = logging.getLogger(__name__)


async def find_room(recorder: Recorder, offered: Offered) -> RoomView:
    """Look the caller's room up; a store that hangs costs the caller a second, not the call."""
    try:
        async with asyncio.timeout(ROOM_BOUND_S):
            return await recorder.room_for(number=offered.callee, person=offered.caller)
    except Exception:
        logger.exception("no room found", extra={"call_id": offered.call_id})
        return fresh_room()


def fresh_room() -> RoomView:
    """Return a room without history, for when the right one cannot be known."""
    return RoomView(new_room_id(), ())


async def greeting_audio(
    phrases: FixedPhrases, settings: AgentBase, ring_bound_ms: int, call_id: str
) -> FixedAudio:
    """Return the greeting's audio by the ladder of `FixedPhrases`."""
    try:
        return await phrases.greeting(
            settings.greeting, settings.greeting_file, ring_bound_s=ring_bound_ms / 1000
        )
    except Exception:
        logger.exception("no greeting audio", extra={"call_id": call_id})
        return FixedAudio(None, AudioSource.NONE)


def call_facts(offered: Offered, room: RoomView, greeting: Said | None) -> CallFacts:
    """Return what the agent is told of the call; the history ends with the greeting as it was heard."""
    return CallFacts(
        call_id=offered.call_id,
        room_id=room.room_id,
        caller=offered.caller,
        callee=offered.callee,
        caller_name=offered.caller_name,
        history=room.history if greeting is None else (*room.history, greeting),
    )

"""Lets the agent of a running call write to its caller; the answer comes back into the call."""

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from gateway.errors import CallOver, MessageError, OptedOut, Unreachable
from gateway.rooms import text_lines
from gateway.rooms.letters import Letter, Letters
from gateway.rooms.reach import Reach
from gateway.store import outbox_reads
from gateway.store.outbox_writes import Acceptance
from gateway.store.transactor import Transactor

log = logging.getLogger(__name__)

TEXT_MOST = 1_600
"""Characters: Twilio takes no more in one message, and nobody reads more during a call."""
TEXTS_MOST = 10
"""Texts of one call: an agent in a loop is stopped."""

SENT = "sent"
SENT_BEFORE = "the same text was sent in this call already; the caller has it"
TOO_LONG = "not sent: the text is too long; make it shorter than 480 characters"


class CallOfAgent(Protocol):
    """A live call, as far as writing to its caller is concerned."""

    @property
    def room_id(self) -> str | None:
        """None while it is not known."""

    @property
    def agent_name(self) -> str: ...


class LiveCalls(Protocol):
    """The calls that go on."""

    def call(self, call_id: str) -> CallOfAgent:
        """Return a live call; raises `CallNotFound`."""


class CallTexts:
    """Belongs to the event loop."""

    def __init__(
        self, database: Transactor, letters: Letters, reach: Reach, calls: LiveCalls
    ) -> None:
        self._database = database
        self._letters = letters
        self._reach = reach
        self._calls = calls

    async def send_message(self, call_id: str, arguments: Mapping[str, Any]) -> str:
        """Send `text` to the caller; returns what to tell the agent: one text is sent once in a call.

        Raises `CallNotFound`, `CallOver`, `MessageError` or `StoreError`, when it is not sent.
        """
        text = str(arguments.get("text", "")).strip()
        if not text or len(text) > TEXT_MOST:
            return TOO_LONG
        call = self._calls.call(call_id)
        room_id = call.room_id
        if room_id is None:
            raise CallOver(f"call {call_id!r} has no room yet")
        prefix = f"in_call:{call_id}:"
        cause = f"{prefix}{text_lines.digest(text)}"
        sent = await self._database.read(
            lambda connection: outbox_reads.causes_beginning(connection, prefix)
        )
        if cause in sent:
            return SENT_BEFORE
        if len(sent) >= TEXTS_MOST:
            log.warning("an agent writes too much", extra={"call_id": call_id})
            raise MessageError("there were too many texts in this call")
        where = await self._reach.of_room(room_id)
        answers = await self._letters.write(
            Letter(
                room_id=room_id,
                channel=where.channel,
                sender=where.sender,
                recipient=where.recipient,
                text=text,
                cause=cause,
                by=call.agent_name,
            )
        )
        if not answers or any(answer.acceptance is Acceptance.OPTED_OUT for answer in answers):
            raise OptedOut("the caller wants no messages")
        if any(answer.acceptance is Acceptance.MUTED for answer in answers):
            raise Unreachable("the room lets agents not write on this channel")
        log.info("an agent wrote to its caller", extra={"call_id": call_id, "room_id": room_id})
        return SENT

"""What an operator, or a program of theirs, has said and written to people.

A line for a room is spoken by the agent while a call goes on there, and written otherwise; one that a call
ended before it could be heard is written after all.
"""

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from gateway.channels.outbox.outbox import Acknowledgement
from gateway.channels.text_parts import split
from gateway.errors import CallOver, GatewayError, KeyReused, OptedOut, Unreachable
from gateway.model.messages import Channel, Media, Template
from gateway.rooms import text_lines
from gateway.rooms.letters import Letter, Letters
from gateway.rooms.reach import Reach
from gateway.rooms.timeline import Entry, Kind
from gateway.store import outbox_reads, room_lines
from gateway.store.message_records import MessageRecord
from gateway.store.outbox_writes import Acceptance
from gateway.store.transactor import Transactor

log = logging.getLogger(__name__)

BY = "operator"
SPOKEN_PART = 240
"""Characters that are rendered at a time: the first part sounds while the next is made."""
KEYS_REMEMBERED = 1_000
SETTLE_S = 5.0


class RunningCall(Protocol):
    """A call into which a line can come."""

    @property
    def call_id(self) -> str: ...

    def say(self, parts: Sequence[str], *, by: str) -> asyncio.Future[bool]:
        """Have the agent say something; False in the end if nobody heard any of it."""


class RunningCalls(Protocol):
    """The calls that go on."""

    def in_room(self, room_id: str) -> RunningCall | None:
        """Return the call of a room that takes lines now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of something to be written or said."""

    room_id: str
    message_ids: tuple[str, ...] = ()
    """Of the messages it became; none while it is to be spoken."""
    call_id: str = ""
    """The call in which it is to be spoken."""
    is_duplicate: bool = False
    """It had been accepted before, for the same key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A message to one address."""

    channel: Channel
    sender: str
    recipient: str
    text: str
    template: Template | None = None
    media: tuple[Media, ...] = ()
    not_after: float | None = None


class Operator:
    """Belongs to the event loop; `close` when the calls are over."""

    def __init__(
        self,
        database: Transactor,
        letters: Letters,
        reach: Reach,
        calls: RunningCalls,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._letters = letters
        self._reach = reach
        self._calls = calls
        self._clock = clock
        self._spoken: OrderedDict[str, tuple[str, Sent]] = OrderedDict()
        self._waiting: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Write what the ended calls did not say; bounded. May be called twice."""
        if self._waiting:
            await asyncio.wait(self._waiting, timeout=SETTLE_S)
        for task in self._waiting:
            task.cancel()
        await asyncio.gather(*self._waiting, return_exceptions=True)

    async def send(self, wanted: Wanted, *, key: str = "") -> Sent:
        """Have a message sent by the outbox; for one `key` once. Raises `MessageError` or `StoreError`."""
        cause = _cause(key)
        at = self._clock()
        room_id, known = await self._database.transact(
            lambda connection: _room_and_known(connection, wanted, cause, at)
        )
        shown = _shown(wanted)
        if known is not None:
            message = known.message
            was = (message.channel, message.recipient, await self._letters.text_of(cause))
            if was != (wanted.channel, wanted.recipient, shown):
                raise KeyReused("this idempotency key was used for another message")
            room_id = message.room_id
        answers = await self._letters.write(
            Letter(
                room_id=room_id,
                channel=wanted.channel,
                sender=wanted.sender,
                recipient=wanted.recipient,
                text=shown,
                cause=cause,
                by=BY,
                template=wanted.template,
                media=wanted.media,
                not_after=wanted.not_after,
            )
        )
        return _sent(room_id, answers, is_duplicate=known is not None)

    async def say(
        self, room_id: str, text: str, *, channel: Channel | None = None, key: str = ""
    ) -> Sent:
        """Say something to the person of a room: by voice in a running call, unless another channel is named.

        With `voice` it is said or nothing. Raises `RoomNotFound`, `CallOver`, `MessageError` or `StoreError`.
        """
        cause = _cause(key)
        is_written = await self._letters.text_of(cause) is not None
        # Nothing is waited for from here until the line is remembered: the same request may come twice at once.
        earlier = self._spoken.get(cause)
        if earlier is not None:
            if (earlier[0], earlier[1].room_id) != (text, room_id):
                raise KeyReused("this idempotency key was used for another line")
            return Sent(room_id=room_id, call_id=earlier[1].call_id, is_duplicate=True)
        is_voice_only = channel is Channel.VOICE
        call = self._calls.in_room(room_id) if channel is None or is_voice_only else None
        if is_voice_only and (call is None or is_written):
            raise CallOver("no call goes on in this room")
        if call is None or is_written:
            return await self._write(room_id, text, channel, cause)
        spoken = Sent(room_id=room_id, call_id=call.call_id)
        self._remember(cause, text, spoken)
        done = call.say(split(text, SPOKEN_PART), by=BY)
        task = asyncio.create_task(
            self._see_to(done, room_id, text, cause, may_write=not is_voice_only),
            name="operator's line",
        )
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)
        return spoken

    def _remember(self, cause: str, text: str, sent: Sent) -> None:
        self._spoken[cause] = (text, sent)
        if len(self._spoken) > KEYS_REMEMBERED:
            self._spoken.popitem(last=False)

    async def _see_to(
        self,
        done: asyncio.Future[bool],
        room_id: str,
        text: str,
        cause: str,
        *,
        may_write: bool,
    ) -> None:
        if await done:
            return
        try:
            if not may_write:
                raise CallOver("the call ended before it was said")
            await self._write(room_id, text, None, cause)
        except GatewayError as error:
            log.warning(
                "an operator's line reached nobody",
                extra={"room_id": room_id, "reason": str(error)},
            )
            await self._note_lost(room_id, text, cause, error)

    async def _note_lost(self, room_id: str, text: str, cause: str, error: GatewayError) -> None:
        entry = Entry(
            room_id=room_id,
            call_id="",
            kind=Kind.AGENT_EVENT,
            offset_ms=0.0,
            text=text,
            facts={
                "at": self._clock(),
                "name": "line_not_delivered",
                "by": BY,
                "reason": f"{error.code}: {error}",
            },
        )
        entry_id = f"x_{text_lines.digest('not delivered', cause)}"
        try:
            await self._database.transact(
                lambda connection: room_lines.append_line(connection, entry, entry_id=entry_id)
            )
        except GatewayError as failure:
            log.error("and this could not be written down", extra={"reason": str(failure)})

    async def _write(self, room_id: str, text: str, channel: Channel | None, cause: str) -> Sent:
        known = await self._database.read(
            lambda connection: outbox_reads.message_for_cause(connection, cause)
        )
        if known is not None:
            if (known.message.room_id, await self._letters.text_of(cause)) != (room_id, text):
                raise KeyReused("this idempotency key was used for another line")
            return Sent(room_id=room_id, message_ids=(known.message.message_id,), is_duplicate=True)
        where = await self._reach.of_room(room_id, channel)
        answers = await self._letters.write(
            Letter(
                room_id=room_id,
                channel=where.channel,
                sender=where.sender,
                recipient=where.recipient,
                text=text,
                cause=cause,
                by=BY,
            )
        )
        return _sent(room_id, answers)


def _cause(key: str) -> str:
    return f"api:{text_lines.digest('key', key) if key else secrets.token_hex(15)}"


def _shown(wanted: Wanted) -> str:
    """Return the words that the timeline shows of a message."""
    if wanted.text or wanted.template is None:
        return wanted.text
    return text_lines.template_line(wanted.template)


def _room_and_known(
    connection: Connection, wanted: Wanted, cause: str, at: float
) -> tuple[str, MessageRecord | None]:
    known = outbox_reads.message_for_cause(connection, cause)
    if known is not None:
        return known.message.room_id, known
    room_id = room_lines.room_of(
        connection, wanted.channel, number=wanted.sender, address=wanted.recipient, at=at
    )
    return room_id, None


def _sent(room_id: str, answers: Sequence[Acknowledgement], *, is_duplicate: bool = False) -> Sent:
    if any(answer.acceptance is Acceptance.OPTED_OUT for answer in answers):
        raise OptedOut("the person wants no messages")
    if any(answer.acceptance is Acceptance.MUTED for answer in answers):
        raise Unreachable("the room lets nobody write on this channel")
    ids = tuple(answer.message_id for answer in answers)
    return Sent(room_id=room_id, message_ids=ids, is_duplicate=is_duplicate)

"""Conversations in writing: what people wrote is put into their rooms in order, and each message is answered once."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from gateway.channels.outbox.outbox import Acknowledgement
from gateway.errors import GatewayError, StoreError
from gateway.model.messages import Channel, ChannelCapabilities, InboundMessage
from gateway.model.text_agent import TextAgent, TextReply, TextTurn
from gateway.model.text_stream import StreamsText, TextStream
from gateway.rooms import room_records, text_lines
from gateway.rooms.hooks import Hooks, Point
from gateway.rooms.letters import Letter, Letters, message_id
from gateway.rooms.memory import HISTORY_CHARS, bounded
from gateway.rooms.text_gate import Greeting, GreetingMode, TextGate
from gateway.rooms.timeline import Kind
from gateway.rooms.typing_sign import ShowTyping, typing_sign
from gateway.store import inbox, media, room_access, room_lines
from gateway.store.transactor import Transactor

log = logging.getLogger(__name__)

BATCH_MOST = 100
PENDING_MOST = 1_000
"""Messages in memory; the rest waits in the inbox on disk."""
ANSWERS_AT_ONCE = 16
ANSWER_BOUND_S = 60.0
RETRY_S, RETRY_MOST_S = 5.0, 300.0
HISTORY_LINES = 60

AgentFor = Callable[[str, Channel], TextAgent | None]
"""Which agent writes back for a number or address of ours."""

InCall = Callable[[str, InboundMessage], Awaitable[bool]]
"""Offers a message to a call that goes on in the room; True if it was answered there. May take as long as the call."""


async def _no_call(_room_id: str, _message: InboundMessage) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class _Task:
    message: InboundMessage
    room_id: str


class TextDesk:
    """Belongs to the event loop. `run` until cancelled; `look` when a message came in.

    A message is done when its answer is in the outbox; until then it is in the inbox on disk, and a new life of
    the gateway takes it up again. Rooms are answered side by side, each in order.
    """

    def __init__(
        self,
        database: Transactor,
        letters: Letters,
        agent_for: AgentFor,
        *,
        clock: Callable[[], float],
        mode: GreetingMode = GreetingMode.LEAD,
        history_lines: int = HISTORY_LINES,
        history_chars: int = HISTORY_CHARS,
        hooks: Hooks | None = None,
        in_call: InCall = _no_call,
        on_taken: Callable[[str], None] = lambda _room_id: None,
        on_media: Callable[[], None] | None = None,
        agent_named: Callable[[str], TextAgent | None] = lambda _name: None,
        stream_for: Callable[[InboundMessage, str], TextStream | None] = lambda _m, _id: None,
        call_link: Callable[[str], str] = lambda _room_id: "",
        capabilities: Callable[[Channel], ChannelCapabilities | None] = lambda _channel: None,
        show_typing: ShowTyping | None = None,
    ) -> None:
        """What the desk asks others for.

        `in_call` hands a message to a call that goes on in the room. `on_taken` hears of a room in which an agent
        took a message for somebody. `on_media` is told that files wait to be fetched; None: files are not kept.
        `agent_named` gives the agents that a room names itself. `stream_for` gives a way to show an answer while it
        is thought, by the id of the message that it will be. `call_link` makes a one-time link by which the person
        goes on by voice, empty if there is none.
        """
        self._database = database
        self._letters = letters
        self._agent_for = agent_for
        self._clock = clock
        self._mode = mode
        self._history_lines, self._history_chars = history_lines, history_chars
        self._hooks = hooks or Hooks()
        self._in_call = in_call
        self._on_taken = on_taken
        self._on_media = on_media
        self._agent_named = agent_named
        self._stream_for = stream_for
        self._call_link = call_link
        self._capabilities = capabilities
        self._show_typing = show_typing
        self._wake = asyncio.Event()
        self._after_seq = 0
        self._lanes: dict[str, deque[_Task]] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(ANSWERS_AT_ONCE)
        self._pending = 0
        self._answered_in_calls: set[str] = set()
        """Turns, one for each room at most, of which the store does not know it yet."""

    @property
    def pending(self) -> int:
        """Messages that are in a room and not answered."""
        return self._pending

    def look(self) -> None:
        """Look into the inbox now."""
        self._wake.set()

    async def run(self) -> None:
        """Answer what comes in, for ever, beginning with what an earlier life left."""
        try:
            while True:
                self._wake.clear()
                wait_s: float | None = None
                try:
                    if await self._take_in():
                        continue
                except StoreError as error:
                    log.warning("the inbox cannot be read", extra={"reason": str(error)})
                    wait_s = RETRY_S
                try:
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()
                except TimeoutError:
                    continue
        finally:
            for worker in self._workers:
                worker.cancel()
            await asyncio.gather(*self._workers, return_exceptions=True)

    async def _take_in(self) -> bool:
        """Put waiting messages into their rooms; returns whether there were any."""
        room = min(BATCH_MOST, PENDING_MOST - self._pending)
        if room <= 0:
            return False
        after_seq = self._after_seq

        def work(connection: Connection) -> list[tuple[int, _Task]]:
            found = inbox.waiting(connection, after_seq=after_seq, limit=room)
            return [(seq, _Task(item, self._put_down(connection, item))) for seq, item in found]

        tasks = await self._database.transact(work)
        if self._on_media is not None and any(task.message.media for _, task in tasks):
            self._on_media()
        for seq, task in tasks:
            self._after_seq = seq
            self._pending += 1
            lane = self._lanes.get(task.room_id)
            if lane is not None:
                lane.append(task)
                continue
            self._lanes[task.room_id] = deque([task])
            worker = asyncio.create_task(self._work(task.room_id))
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        return bool(tasks)

    def _put_down(self, connection: Connection, message: InboundMessage) -> str:
        """Write greeting and message into the room's timeline; runs in the store's thread."""
        room_id = room_lines.room_of_message(connection, message, at=self._clock())
        line_id, entry = text_lines.received(room_id, message)
        if room_lines.has_line(connection, line_id):
            return room_id
        if not room_lines.was_greeted(connection, room_id):
            for number, greeting in enumerate(self._greetings(connection, room_id, message)):
                greeting_id, line = text_lines.greeted(
                    room_id, greeting, self._mode, message, number
                )
                room_lines.append_line(connection, line, entry_id=greeting_id)
        room_lines.append_line(connection, entry, entry_id=line_id)
        room_access.joined(connection, room_id, message)
        if self._on_media is not None:
            media.expect(connection, room_id, message, at=self._clock())
        return room_id

    def _greetings(
        self, connection: Connection, room_id: str, message: InboundMessage
    ) -> tuple[Greeting, ...]:
        gate = TextGate()
        agents = self._agents(room_access.agents(connection, room_id), message)
        for agent in agents:
            gate.hold(agent.name)
        for agent in agents:
            gate.release(agent.name, agent.greeting)
        return gate.greetings

    def _agents(self, names: tuple[str, ...], message: InboundMessage) -> list[TextAgent]:
        """Return who writes in a room: those it names itself, else whom the number says."""
        named = [self._agent_named(name) for name in names]
        found = [agent for agent in named if agent is not None]
        if not found and (agent := self._agent_for(message.recipient, message.channel)):
            found.append(agent)
        return found

    async def _agent_of(self, task: _Task) -> TextAgent | None:
        """Return who answers; None if nobody may, by the rules of the room, or nobody can."""

        def query(connection: Connection) -> tuple[str, ...] | None:
            rules = room_access.access(connection, task.room_id, task.message.channel)
            return room_access.agents(connection, task.room_id) if rules.may_converse else None

        names = await self._database.read(query)
        if names is None:
            log.info("a channel is closed to agents", extra={"room_id": task.room_id})
            return None
        return next(iter(self._agents(names, task.message)), None)

    async def _work(self, room_id: str) -> None:
        lane = self._lanes[room_id]
        retry_s = RETRY_S
        while lane:
            try:
                async with self._slots:
                    await self._answer(lane[0])
            except Exception:
                # It stays first in its lane, so that the room's order holds.
                log.exception("a message could not be dealt with", extra={"room_id": room_id})
                await asyncio.sleep(retry_s)
                retry_s = min(2 * retry_s, RETRY_MOST_S)
                continue
            retry_s = RETRY_S
            lane.popleft()
            self._pending -= 1
        del self._lanes[room_id]
        self._wake.set()

    async def _answer(self, task: _Task) -> None:
        message, room_id = task.message, task.room_id
        agent = await self._agent_of(task)
        cause = text_lines.reply_cause(message)
        text = await self._letters.text_of(cause)
        choices: tuple[str, ...] = ()
        if text is None:
            verdicts = await self._hooks.call(Point.BEFORE_INBOUND, room_id, message=message)
            is_wanted = agent is not None and False not in verdicts
            if agent is not None and is_wanted and not await self._is_answered_in_call(task):
                reply = await self._think(agent, task)
                text, choices = reply.text, reply.choices
            await self._hooks.call(Point.AFTER_INBOUND, room_id, message=message)
            for verdict in await self._hooks.call(Point.BEFORE_OUTBOUND, room_id, text=text or ""):
                text = "" if verdict is False else verdict if isinstance(verdict, str) else text
        if text and agent is not None:
            await self._write(agent, task, text, cause, choices)
            await self._hooks.call(Point.AFTER_OUTBOUND, room_id, text=text)
        at = self._clock()
        await self._database.transact(
            lambda connection: inbox.processed(
                connection, message.provider, message.provider_id, at=at
            )
        )
        self._answered_in_calls.discard(text_lines.turn_id(message))

    async def _is_answered_in_call(self, task: _Task) -> bool:
        turn_id = text_lines.turn_id(task.message)
        if turn_id in self._answered_in_calls:
            # Said already; it was the store that failed after it.
            return True
        # A call may keep a message until its greeting is over: other rooms are answered meanwhile.
        self._slots.release()
        try:
            is_answered = await self._in_call(task.room_id, task.message)
        finally:
            await self._slots.acquire()
        if is_answered:
            self._answered_in_calls.add(turn_id)
        return is_answered

    async def _think(self, agent: TextAgent, task: _Task) -> TextReply:
        message, room_id = task.message, task.room_id
        line_id, _ = text_lines.received(room_id, message)
        history = await self._database.read(
            lambda connection: room_lines.said_before(
                connection, room_id, entry_id=line_id, limit=self._history_lines
            )
        )
        turn = TextTurn(
            room_id=room_id,
            turn_id=text_lines.turn_id(message),
            channel=message.channel,
            person=message.sender,
            person_name=message.sender_name,
            text=message.text,
            media=message.media,
            history=bounded(history, chars_most=self._history_chars),
            call_link=self._call_link(room_id),
            capabilities=self._capabilities(message.channel),
        )
        if self._mode is GreetingMode.SEND and (greeting := await self._greeting_before(message)):
            # Before the agent thinks, who may need a while.
            await self._letters.send_only(
                self._letter(agent, task, greeting, f"greeting:{turn.turn_id}")
            )
        stream = self._stream_of(agent, message)
        try:
            async with (
                asyncio.timeout(ANSWER_BOUND_S),
                typing_sign(self._show_typing, message),
            ):
                if stream is not None and isinstance(agent, StreamsText):
                    if self._mode is GreetingMode.LEAD:
                        opening = await self._greeting_before(message)
                        stream.chunk(f"{opening}\n\n" if opening else "")
                    reply = await agent.answer_streaming(turn, stream.chunk)
                else:
                    reply = await agent.answer(turn)
        except Exception as error:  # its mistakes, too: tried again they would hold up the room
            if stream is not None:
                stream.fail()
            log.warning(
                "an agent failed in writing",
                extra={"room_id": room_id, "agent": agent.name, "reason": repr(error)},
                exc_info=not isinstance(error, GatewayError | TimeoutError),
            )
            return TextReply(text=agent.apology)
        if reply.notes:
            await self._database.transact(
                lambda connection: room_records.put_notes(
                    connection, room_id, message, reply.notes, agent.name
                )
            )
            if any(note.name == Kind.MESSAGE_TAKEN.value for note in reply.notes):
                self._on_taken(room_id)
        if stream is not None and not reply.text:
            # Nothing will come after what was begun.
            stream.fail()
        return reply

    def _stream_of(self, agent: TextAgent, message: InboundMessage) -> TextStream | None:
        """Return where an answer can be shown while it is thought; a hook that may change it must see it first."""
        if self._hooks.has(Point.BEFORE_OUTBOUND) or not isinstance(agent, StreamsText):
            return None
        return self._stream_for(message, message_id(text_lines.reply_cause(message)))

    async def _write(
        self, agent: TextAgent, task: _Task, text: str, cause: str, choices: tuple[str, ...]
    ) -> None:
        message, room_id = task.message, task.room_id
        opening = ""
        if self._mode is GreetingMode.LEAD:
            opening = await self._greeting_before(message)
        letter = self._letter(agent, task, text, cause, opening)
        await self._letters.write(replace(letter, buttons=choices))
        log.info("a message is answered", extra={"room_id": room_id, "agent": agent.name})

    async def _greeting_before(self, message: InboundMessage) -> str:
        """Return the greeting that this message was the occasion of, empty if there was none."""
        return await self._database.read(
            lambda connection: room_records.greeting_before(connection, message)
        )

    def _letter(
        self, agent: TextAgent, task: _Task, text: str, cause: str, opening: str = ""
    ) -> Letter:
        message = task.message
        return Letter(
            room_id=task.room_id,
            channel=message.channel,
            sender=message.recipient,
            recipient=message.sender,
            text=text,
            cause=cause,
            by=agent.name,
            opening=opening,
            subject=message.subject,
            reply_to=message.provider_id if message.channel in text_lines.THREADED else "",
        )

    async def write(
        self, room_id: str, text: str, *, cause: str, by: str, channel: Channel | None = None
    ) -> tuple[Acknowledgement, ...]:
        """Write to the person of a room where they last wrote; empty if they never did. Raises `StoreError`."""
        found = await self._database.read(
            lambda connection: room_lines.last_address(connection, room_id, channel)
        )
        if found is None:
            return ()
        last, person, ours = found
        return await self._letters.write(
            Letter(
                room_id=room_id,
                channel=last,
                sender=ours,
                recipient=person,
                text=text,
                cause=cause,
                by=by,
            )
        )

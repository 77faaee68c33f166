"""What crosses from writing into a running call: messages for its agent to answer, lines for it to say.

Whoever brings something gets a future. True: the call has dealt with it: words were heard that the agent said
after it got the message, or words of the line. False: the call ended, or is being ended, before that, and
the bringer must see to it otherwise. It is always one of the two, once, whatever ends the call.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from gateway.model.events import MessageReceived
from gateway.model.line import LineEvent, SaidByOther, TextTyped
from gateway.rooms.timeline import Fact, Kind
from gateway.sessions.chronicle import Chronicle
from gateway.sessions.greeting_audio import FixedPhrases
from gateway.sessions.ledger import Finished, Started
from gateway.sessions.screen import Screen
from gateway.sessions.speaker import Speaker
from gateway.sessions.state import OVER, SessionState
from gateway.sessions.tasks import CallTasks
from gateway.sessions.typed import Typed, TypedTexts

WAITING_MOST = 32
"""Messages and lines that may wait in one call; one more is the bringer's at once."""
RENDER_BOUND_S = 8.0
"""How long the first voice may take for one part of a line."""
HANDED_OVER = "handed_over"
"""Name of the timeline's event: a written message is the agent's, in the call."""

_OPEN = frozenset({SessionState.CONVERSING})
_ENDING = frozenset({SessionState.CLOSING, SessionState.HANGING_UP, SessionState.ENDED})


class _Stage(StrEnum):
    WAITING = "waiting"
    """The greeting is not over, or one before it is not."""
    UNDER_WAY = "under_way"
    """The agent has it; a line is being rendered or played."""


@dataclass(slots=True)
class _Message:
    text: str
    facts: Mapping[str, Fact]
    done: asyncio.Future[bool]
    stage: _Stage = _Stage.WAITING
    last_id: int = 0
    """What was said before the agent had it; anything later counts as its answer."""
    playing: set[int] = field(default_factory=set)
    """Playbacks of the answer that sound now."""


@dataclass(slots=True)
class _Line:
    parts: deque[str]
    by: str
    done: asyncio.Future[bool]
    stage: _Stage = _Stage.WAITING
    playing: set[int] = field(default_factory=set)


class Crossing:
    """Owned by one session. `hand_over` and `say` are for anybody on the event loop, the rest is the session's."""

    def __init__(
        self,
        *,
        phrases: FixedPhrases,
        chronicle: Chronicle,
        screen: Screen,
        tasks: CallTasks,
        clock: Callable[[], float],
        wake: Callable[[], None],
        speaker: Speaker,
        deliver: Callable[[LineEvent], None],
    ) -> None:
        """`wake` has the session's task call `work`."""
        self._phrases = phrases
        self._chronicle = chronicle
        self._screen = screen
        self._tasks = tasks
        self._clock = clock
        self._wake = wake
        self._speaker = speaker
        self._deliver = deliver
        self._typed = TypedTexts()
        self._messages: list[_Message] = []
        self._lines: deque[_Line] = deque()
        self._state = SessionState.OFFERED

    # For anybody ------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether the call still takes anything."""
        return self._state not in _ENDING

    def hand_over(self, text: str, facts: Mapping[str, Fact]) -> asyncio.Future[bool]:
        """Give the agent a message that stands in the timeline already; held until the greeting gate opens."""
        message = _Message(text, facts, _new_future())
        if self._takes_more():
            self._messages.append(message)
            self._wake()
        else:
            message.done.set_result(False)
        return message.done

    def say(self, parts: Sequence[str], *, by: str) -> asyncio.Future[bool]:
        """Have the agent say something, after what it is saying; cut into parts that are rendered one by one."""
        line = _Line(deque(part for part in parts if part.strip()), by, _new_future())
        if line.parts and self._takes_more():
            self._lines.append(line)
            self._wake()
        else:
            line.done.set_result(False)
        return line.done

    def _takes_more(self) -> bool:
        return self.is_open and len(self._messages) + len(self._lines) < WAITING_MOST

    # Typed by the caller, where there is a screen ----------------------------------------------------

    def typed(self, event: MessageReceived) -> None:
        """Take what the far end typed; held until the gate opens."""
        if self._state in OVER:
            return
        for message in self._typed.received(event.text, event.at_s):
            self._deliver(self._turn(message, was_held=False))

    def open_typed(self) -> list[TextTyped]:
        """The gate is open: return the turns that were typed before."""
        return [self._turn(message, was_held=True) for message in self._typed.open()]

    def _turn(self, message: Typed, *, was_held: bool) -> TextTyped:
        self._chronicle.typed(self._clock(), message.text, message.at_s, was_held=was_held)
        self._screen.caller_wrote(message.text, message.id)
        return TextTyped(message.at_s, message.text)

    # For the session's task -------------------------------------------------------------------------

    def state_changed(self, state: SessionState) -> None:
        """Follow the call's life; what has not begun when the end is decided goes back to its bringer."""
        self._state = state
        if state in _OPEN:
            self._wake()
        elif state in _ENDING:
            # What sounds already will tell when it is cut whether any of it was heard.
            for message in [message for message in self._messages if not message.playing]:
                self._message_over(message, False)
            for line in [line for line in self._lines if not line.playing]:
                self._lines.remove(line)
                _settle(line.done, False)

    def work(self) -> None:
        """Hand on what waits, in order, if the agent has the line."""
        if self._state not in _OPEN:
            return
        for message in self._messages:
            if message.stage is _Stage.WAITING:
                self._give(message)
        if self._lines and self._lines[0].stage is _Stage.WAITING:
            line = self._lines[0]
            line.stage = _Stage.UNDER_WAY
            self._tasks.start("operator's line", self._render(line))

    def _give(self, message: _Message) -> None:
        message.stage = _Stage.UNDER_WAY
        message.last_id = self._speaker.last_id
        now = self._clock()
        self._chronicle.note(Kind.AGENT_EVENT, now, {"name": HANDED_OVER, **message.facts})
        self._screen.caller_wrote(message.text, "")
        self._deliver(TextTyped(now, message.text))

    async def _render(self, line: _Line) -> None:
        try:
            while line.parts and self._state in _OPEN:
                audio = await self._phrases.exact(line.parts[0], bound_s=RENDER_BOUND_S)
                if audio.speech is None or self._state not in _OPEN:
                    break
                line.parts.popleft()
                speech = replace(audio.speech, by=line.by)
                playback_id = self._speaker.say(speech)
                if playback_id:
                    line.playing.add(playback_id)
                    self._deliver(SaidByOther(self._clock(), playback_id, speech))
        finally:
            # What a voice could not render is the bringer's again, unless the beginning is being heard.
            line.parts.clear()
            if not line.playing:
                self._line_over(line, False)

    def started(self, start: Started) -> None:
        """The first sample of something said left for the caller."""
        is_line = any(start.playback_id in line.playing for line in self._lines)
        if is_line or self._state not in _OPEN:
            return
        for message in self._messages:
            if message.stage is _Stage.UNDER_WAY and start.playback_id > message.last_id:
                message.playing.add(start.playback_id)

    def finished(self, end: Finished) -> None:
        """Something said was played to its end, or was cut."""
        for message in [item for item in self._messages if end.playback_id in item.playing]:
            message.playing.discard(end.playback_id)
            if end.heard:
                self._message_over(message, True)
            elif not message.playing and not self.is_open:
                self._message_over(message, False)
        for line in [item for item in self._lines if end.playback_id in item.playing]:
            line.playing.discard(end.playback_id)
            if end.heard:
                _settle(line.done, True)
            if not line.playing and not line.parts:
                self._line_over(line, False)

    def _message_over(self, message: _Message, was_answered: bool) -> None:
        _settle(message.done, was_answered)
        self._messages.remove(message)

    def _line_over(self, line: _Line, was_heard: bool) -> None:
        _settle(line.done, was_heard)
        if line in self._lines:
            self._lines.remove(line)
            self._wake()

    def close(self) -> None:
        """The call is over: nothing is left undecided."""
        self.state_changed(SessionState.ENDED)
        for message in list(self._messages):
            self._message_over(message, False)
        for line in self._lines:
            _settle(line.done, False)
        self._lines.clear()


def _new_future() -> asyncio.Future[bool]:
    return asyncio.get_running_loop().create_future()


def _settle(future: asyncio.Future[bool], value: bool) -> None:
    if not future.done():
        future.set_result(value)

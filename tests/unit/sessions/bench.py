"""Everything around a session, on the virtual clock: a leg that really plays, an ear, a recorder, an agent."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gateway.clips import Clip
from gateway.config import AgentBase, GreetingSection, TurnsSection
from gateway.errors import AssetError, ProviderUnavailable
from gateway.media.hearing import (
    AudioGone,
    FrameListener,
    SpeechEvent,
    SpeechListener,
    SpeechStarted,
    SpeechStopped,
)
from gateway.media.playout import PlayoutQueue
from gateway.metrics import Metrics
from gateway.model import events
from gateway.model.endpoint import LegListener
from gateway.model.frame import BYTES_PER_MS, RATE_HZ
from gateway.model.hangup import HangupCause
from gateway.model.line import Line, LineEvent
from gateway.model.speech import Speech, Urgency
from gateway.model.texts import LongText
from gateway.recording.tape import NoTapes, Tapes
from gateway.rooms.timeline import Entry, Kind, RoomView
from gateway.sessions.echo_check import EchoQuestion
from gateway.sessions.greeting_audio import FixedPhrases
from gateway.sessions.placed import PlacedCall
from gateway.sessions.session import Session
from gateway.sessions.surroundings import Surroundings

TICK_S = 0.02
LINK_S = 0.001
"""Way of an event from the leg to the session."""
VAD_START_S = 0.1
VAD_STOP_S = 0.1


def speech(text: str, ms: int = 1000, source: str = "fake") -> Speech:
    return Speech(text, b"\x01\x00" * (ms * BYTES_PER_MS // 2), source=source)


def now() -> float:
    return asyncio.get_running_loop().time()


class VirtualLeg:
    """A leg whose media clock is the loop's; answers itself after `answer_s`, media up `media_s` later."""

    def __init__(self, call_id: str = "c_test") -> None:
        self.call_id = call_id
        self.capabilities = events.Capabilities()
        self.listener: LegListener | None = None
        self.queue = PlayoutQueue()
        self.commands: list[str] = []
        self.ear: int | None = None
        self.answer_s: float | None = 0.05
        self.media_s: float | None = 0.03
        self.reports_end = True
        self.loses_marks = False
        self.ended: events.Ended | None = None
        self.answered = False
        self.played: list[tuple[float, bytes]] = []
        self.dtmf: list[str] = []
        self.messages: list[dict[str, Any]] = []
        self._ticking = False

    # Leg --------------------------------------------------------------------------------------------

    def bind_ear(self, ear: int | None) -> None:
        self.ear = ear

    def answer(self) -> None:
        self.commands.append("answer")
        loop = asyncio.get_running_loop()
        if self.answer_s is not None:
            loop.call_later(self.answer_s, self.acknowledge)
            if self.media_s is not None:
                loop.call_later(self.answer_s + self.media_s, self.media_up)

    def reject(self, cause: HangupCause, *, retry_after_s: int = 0) -> None:
        self.commands.append(f"reject {cause.value}")
        self._end_soon(cause)

    def play(self, pcm: bytes) -> None:
        if self.ended is None:
            self.queue.play(pcm)

    def mark(self, name: str) -> None:
        if self.ended is None:
            self.queue.mark(name)

    def clear(self) -> None:
        if self.ended is not None:
            return
        self.commands.append("clear")
        self._return_marks()
        self.post(events.Cleared(call_id=self.call_id, at_s=now(), played_ms=self.queue.played_ms))

    def send_dtmf(self, digits: str) -> None:
        self.dtmf.append(digits)

    def send_message(self, text: str) -> None:
        self.messages.append(json.loads(text))

    def hang_up(self, cause: HangupCause) -> None:
        self.commands.append(f"hang_up {cause.value}")
        self._end_soon(cause)

    # The far end ------------------------------------------------------------------------------------

    def acknowledge(self) -> None:
        if not self.answered:
            self.answered = True
            self.post(events.Answered(call_id=self.call_id, at_s=now()))

    def media_up(self) -> None:
        if self.ended is not None or self._ticking:
            return
        self._ticking = True
        self.post(
            events.MediaUp(
                call_id=self.call_id,
                at_s=now(),
                codec="PCMU/8000",
                reason=events.MediaUpReason.PACKET,
            )
        )
        self.queue.release()
        asyncio.get_running_loop().call_later(0.0, self._tick)

    def press(self, digit: str) -> None:
        self.post(events.Dtmf(call_id=self.call_id, at_s=now(), digit=digit))

    def end(self, cause: HangupCause, *, returns_marks: bool = True) -> None:
        """The leg is over, whoever wanted it; a lost worker returns no marks."""
        if self.ended is not None:
            return
        if returns_marks:
            self._return_marks()
        self.post(events.Ended(call_id=self.call_id, at_s=now(), cause=cause))
        self.ended = events.Ended(call_id=self.call_id, at_s=now(), cause=cause)

    def _end_soon(self, cause: HangupCause) -> None:
        if self.reports_end:
            asyncio.get_running_loop().call_later(0.005, self.end, cause)

    def _tick(self) -> None:
        if self.ended is not None:
            return
        frame, reached = self.queue.next_frame()
        if frame is not None:
            self.played.append((now(), frame))
        for mark in reached or ():
            if not self.loses_marks:
                self._marked(mark.name, mark.played_ms, cleared=False)
        asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _return_marks(self) -> None:
        marks, played_ms = self.queue.clear()
        for mark in marks:
            self._marked(mark.name, played_ms, cleared=True)

    def _marked(self, name: str, played_ms: float, *, cleared: bool) -> None:
        self.post(
            events.Marked(
                call_id=self.call_id, at_s=now(), name=name, played_ms=played_ms, cleared=cleared
            )
        )

    def post(self, event: events.LegEvent) -> None:
        if self.ended is None and self.listener is not None:
            asyncio.get_running_loop().call_later(LINK_S, self.listener.on_leg_event, event)


class FakeEar:
    """Hears since it was opened, by the loop's clock; `FakeEar.says` schedules a stretch of speech."""

    number = 7

    def __init__(self) -> None:
        self._opened_s = now()
        self._listener: SpeechListener | None = None
        self._frame_listener: FrameListener | None = None
        self.closed = 0
        self.is_speaking = False
        self._start = 0

    @property
    def position(self) -> int:
        return int((now() - self._opened_s) * RATE_HZ)

    def read(self, start: int, stop: int) -> bytes:
        if start < self.position - 30 * RATE_HZ or stop > self.position or start < 0:
            raise AudioGone(f"[{start}, {stop}) at {self.position}")
        return b"\x05\x00" * (stop - start)

    def listen(self, listener: SpeechListener | None) -> None:
        self._listener = listener

    def listen_frames(self, listener: FrameListener | None) -> None:
        self._frame_listener = listener

    def frame(self) -> None:
        if self._frame_listener is not None:
            self._frame_listener(b"\x05\x00" * 320, self.position - 320)

    def close(self) -> None:
        self.closed += 1

    def begin(self) -> None:
        """Voice activity is noticed now, a little after it began."""
        self.is_speaking = True
        self._start = max(0, self.position - int(VAD_START_S * RATE_HZ))
        self._tell(SpeechStarted(now(), self._start))

    def stop(self) -> None:
        if self.is_speaking:
            self.is_speaking = False
            stop = max(self._start + 160, self.position - int(VAD_STOP_S * RATE_HZ))
            self._tell(SpeechStopped(now(), self._start, stop))

    async def says(self, duration_s: float) -> None:
        """Speak from now on for so long; returns when the silence after it was noticed."""
        await asyncio.sleep(VAD_START_S)
        self.begin()
        await asyncio.sleep(duration_s - VAD_START_S + VAD_STOP_S)
        self.stop()

    def _tell(self, event: SpeechEvent) -> None:
        if self._listener is not None:
            self._listener(event)


class FakeRecorder:
    """Keeps everything in lists; `delay_s` slows the look-up of rooms."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.offered: list[tuple[str, str, str]] = []
        self.ended: list[tuple[str, HangupCause, float]] = []
        self.delay_s = 0.0

    async def room_for(self, *, number: str, person: str) -> RoomView:
        await asyncio.sleep(self.delay_s)
        return RoomView(f"room of {person}", ())

    def call_offered(self, offered: events.Offered, *, room_id: str, agent: str) -> None:
        self.offered.append((offered.call_id, room_id, agent))

    def append(self, entry: Entry) -> None:
        self.entries.append(entry)

    def call_ended(
        self, call_id: str, *, cause: HangupCause, detail: str, offset_ms: float
    ) -> None:
        self.ended.append((call_id, cause, offset_ms))

    def kinds(self) -> list[Kind]:
        return [entry.kind for entry in self.entries]

    def all(self, kind: Kind) -> list[Entry]:
        return [entry for entry in self.entries if entry.kind is kind]

    def one(self, kind: Kind) -> Entry:
        (entry,) = self.all(kind)
        return entry

    def said(self) -> list[tuple[str, str, bool]]:
        """The conversation as the room has it: who, what, interrupted."""
        return [
            (entry.role.value, entry.text, bool(entry.facts.get("interrupted", False)))
            for entry in self.entries
            if entry.role is not None
        ]


class FakeVoice:
    """Says everything in one second, after `delay_s`; fails while `fails`; implements `CachingVoice`."""

    def __init__(self, name: str = "first", *, ms: int = 1000) -> None:
        self.name = name
        self.ms = ms
        self.delay_s = 0.0
        self.fails = False
        self.kept: dict[str, Speech] = {}
        self.spoken: Counter[str] = Counter()

    async def cached(self, text: str) -> Speech | None:
        return self.kept.get(text)

    async def speak(self, text: str, urgency: Urgency) -> Speech:
        self.spoken[text] += 1
        await asyncio.sleep(self.delay_s)
        if self.fails:
            raise ProviderUnavailable(f"{self.name} is down")
        self.kept[text] = speech(text, self.ms, self.name)
        return self.kept[text]


class FakePhrases(FixedPhrases):
    """The real ladder over fake voices and clips that are in memory."""

    def __init__(self, *, second: bool = True, clips: bool = True) -> None:
        self.first_voice = FakeVoice("first")
        self.second_voice = FakeVoice("second")
        self.wavs: dict[Path, bytes] = {}
        super().__init__(
            self.first_voice, self.second_voice if second else None, _no_clip, self._wav
        )
        if clips:
            self._bundled = {clip: speech(f"clip {clip.value}", 500, "bundled") for clip in Clip}

    def _wav(self, path: Path) -> bytes:
        return self.wavs[path]


def _no_clip(clip: Clip) -> Speech:
    raise AssetError(f"no clip {clip}")


class FakeAgent:
    """Keeps what it is told; `script` is what it does with the line."""

    name = "receptionist"

    def __init__(self, script: Callable[[Line], Awaitable[None]] | None = None) -> None:
        self.script = script
        self.line: Line | None = None
        self.began_s: float | None = None
        self.told: list[LineEvent] = []
        self.cancelled = False
        self.ignores_cancel = False

    async def start(self) -> None:
        return None

    def phrases(self) -> list[str]:
        return []

    async def converse(self, line: Line) -> None:
        self.line = line
        self.began_s = now()
        try:
            if self.script is not None:
                await self.script(line)
            async for event in line.events():
                self.told.append(event)
        except asyncio.CancelledError:
            self.cancelled = True
            raise

    def heard(self, kind: type[LineEvent]) -> list[LineEvent]:
        return [event for event in self.told if isinstance(event, kind)]


class FakeHearing:
    """Opens one ear."""

    def __init__(self) -> None:
        self.ears: list[FakeEar] = []

    def open(self) -> FakeEar:
        ear = FakeEar()
        self.ears.append(ear)
        return ear

    def on_tick(self, tick: object) -> None:
        """Not needed: a `FakeEar` follows the clock."""


async def not_echo(played: bytes, heard: bytes) -> bool:
    return False


@dataclass
class Bench:
    """One call and everything around it. Make it inside the loop; `start` begins the call."""

    settings: AgentBase = field(default_factory=lambda: AgentBase(greeting="Hello and welcome."))
    greeting: GreetingSection = field(default_factory=GreetingSection)
    turns: TurnsSection = field(default_factory=TurnsSection)
    max_call_s: float = 3600.0
    is_echo: EchoQuestion = not_echo
    agent: FakeAgent = field(default_factory=FakeAgent)
    phrases: FakePhrases = field(default_factory=FakePhrases)
    recorder: FakeRecorder = field(default_factory=FakeRecorder)
    metrics: Metrics = field(default_factory=Metrics)
    tapes: Tapes = field(default_factory=NoTapes)
    placed: PlacedCall | None = None
    """Set for a call of ours."""

    def __post_init__(self) -> None:
        self.leg = VirtualLeg()
        self.hearing = FakeHearing()
        self.ear = self.hearing.open()
        self.offered_s = now()
        self.offered = events.Offered(
            call_id="c_test",
            at_s=self.offered_s,
            endpoint=events.EndpointKind.FAKE,
            caller="+15550001",
            callee="100",
        )
        if self.placed is not None:
            ours = replace(self.offered, direction=events.Direction.OUTBOUND)
            self.offered = self.placed.as_offered(ours)
            self.settings = self.placed.settings(self.settings)
        self.session = Session(
            self.leg,
            self.offered,
            self.ear,
            self.agent,
            self.settings,
            self.around(),
            self.placed,
        )
        self.leg.listener = self.session
        self.task: asyncio.Task[None] | None = None

    def around(self) -> Surroundings:
        return Surroundings(
            greeting=self.greeting,
            turns=self.turns,
            max_call_s=self.max_call_s,
            retry_after_s=5,
            recorder=self.recorder,
            metrics=self.metrics,
            hearing=self.hearing,
            phrases=self.phrases,
            is_echo=self.is_echo,
            tapes=self.tapes,
        )

    def start(self) -> None:
        self.task = self.session.start()

    def writes(self, text: str, line_id: str = "") -> None:
        """The caller types something."""
        message = json.dumps({"type": "text", "text": text, "id": line_id})
        self.leg.post(events.MessageReceived(call_id="c_test", at_s=now(), text=LongText(message)))

    async def run_until(self, at_s: float) -> None:
        """Let the call go on until so long after the offer."""
        await asyncio.sleep(max(0.0, self.offered_s + at_s - now()))

    async def until(self, condition: Callable[[], bool], limit_s: float = 30.0) -> None:
        """Let the call go on until something is so; fails after `limit_s`."""
        async with asyncio.timeout(limit_s):
            while not condition():  # noqa: ASYNC110  # any condition, on a clock that costs nothing
                await asyncio.sleep(0.005)

    async def until_gate(self, limit_s: float = 30.0) -> None:
        await self.until(lambda: self.session.is_gate_open, limit_s)
        await asyncio.sleep(0)

    async def hung_up_by_caller(self) -> None:
        self.leg.end(HangupCause.CALLER_HUNG_UP)
        await self.over()

    async def over(self) -> None:
        """Wait for the session's end and check that nothing of it is left."""
        assert self.task is not None
        async with asyncio.timeout(60):
            await self.task
        # Background renderings belong to the gateway, not to the call.
        await self.phrases.close()
        await asyncio.sleep(0)
        self.assert_clean()

    def assert_clean(self) -> None:
        assert self.session.state.value == "ended"
        assert self.session.is_gate_open
        assert self.ear.closed == 1
        assert self.leg.ear is None
        assert len(self.recorder.offered) == 1
        assert len(self.recorder.ended) == 1
        assert len(self.recorder.all(Kind.ENDED)) == 1
        assert len(self.recorder.all(Kind.GATE_OPENED)) == 1
        assert self.recorder.entries[-1].kind is Kind.ENDED
        assert len(self.session._timers.pending) == 0
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not [task.get_name() for task in others if task.get_name().startswith("call ")]
        assert self.metrics.calls_active._value.get() == 0

    @property
    def gate_reason(self) -> str:
        return str(self.recorder.one(Kind.GATE_OPENED).facts["reason"])

    @property
    def cause(self) -> HangupCause:
        ((_, cause, _),) = self.recorder.ended
        return cause

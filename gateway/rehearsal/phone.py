"""The rehearsing caller's telephone: places the call, plays lines, records both sides, obeys the conductor."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.endpoints.worker import WorkerEndpoint
from gateway.errors import EndpointError
from gateway.media.hearing import Ear, Hearing, SpeechEvent, SpeechStarted
from gateway.model.endpoint import Leg, LegListener
from gateway.model.events import Answered, Ended, LegEvent, Marked, MediaUp, Offered
from gateway.model.frame import RATE_HZ
from gateway.model.hangup import HangupCause
from gateway.model.ids import new_call_id
from gateway.rehearsal.conduct import Conductor, HangUp, Press, Speak
from gateway.rehearsal.recording import Recording
from gateway.rehearsal.script import Script, StepKind

log = logging.getLogger(__name__)

_POLL_S = 0.05
_START, _END = "start", "end"


@dataclass(slots=True)
class Observed:
    """What happened on the line; positions are samples on the recording."""

    placed_s: float = 0.0
    answered_s: float | None = None
    media_up_s: float | None = None
    codec: str = ""
    foreign_id: str = ""
    ended: str = ""
    cause: HangupCause | None = None
    lines: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Step number → where its audio began and ended."""
    recording: Recording = field(default_factory=Recording)
    origin_s: float | None = None
    """Monotonic time of the recording's first sample."""

    def position(self, at_s: float) -> int:
        """Return the position on the recording of a moment."""
        return 0 if self.origin_s is None else max(0, round((at_s - self.origin_s) * RATE_HZ))


class Phone:
    """One outbound call by script (implements `OfferListener` and `LegListener`)."""

    def __init__(self, script: Script, lines: Sequence[bytes], conductor: Conductor) -> None:
        """`lines` holds the audio (PCM16 mono 16 kHz) of each step, empty for keys and waits."""
        self._script = script
        self._lines = lines
        self._conductor = conductor
        self._leg: Leg | None = None
        self._ear: Ear | None = None
        self._over = asyncio.Event()
        self._began: dict[int, int] = {}
        self.observed = Observed()

    async def call(
        self,
        endpoint: WorkerEndpoint,
        hearing: Hearing,
        target: str,
        *,
        caller: str,
        bound_s: float,
    ) -> Observed:
        """Place the call, follow the script to its end, and return what was observed.

        Raises:
            EndpointError: there is no worker to place the call.
        """
        loop = asyncio.get_running_loop()
        self.observed.placed_s = loop.time()
        self._ear = hearing.open()
        self._ear.listen(self._on_speech)
        self._ear.listen_frames(self._on_frame)
        try:
            if not endpoint.place(new_call_id(), target, caller=caller):
                raise EndpointError("the caller's worker is gone")
            async with asyncio.timeout(bound_s):
                await self._follow()
        except TimeoutError:
            self.observed.ended = f"stopped by the caller after {bound_s:.0f} s"
        finally:
            self._hang_up()
            self._ear.close()
        return self.observed

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._over.is_set():
            if self.observed.media_up_s is not None:
                self._act(self._conductor.poll(loop.time()))
            try:
                async with asyncio.timeout(_POLL_S):
                    await self._over.wait()
            except TimeoutError:
                continue

    def _act(self, action: Speak | Press | HangUp | None) -> None:
        leg = self._leg
        if leg is None:
            return
        match action:
            case Speak(index):
                leg.mark(f"{index}.{_START}")
                leg.play(self._lines[index])
                leg.mark(f"{index}.{_END}")
            case Press(index):
                leg.send_dtmf(self._script.steps[index].text)
                here = self.observed.recording.position
                self.observed.lines[index] = (here, here)
                self._conductor.line_played(asyncio.get_running_loop().time())
            case HangUp():
                self.observed.ended = "script finished"
                self._hang_up()

    def _hang_up(self) -> None:
        if self._leg is not None and not self._over.is_set():
            self._leg.hang_up(HangupCause.CALLER_HUNG_UP)

    # OfferListener ----------------------------------------------------------------------------

    def on_offered(self, leg: Leg, offered: Offered) -> LegListener:
        self._leg = leg
        self.observed.foreign_id = offered.foreign_id
        if self._ear is not None:
            leg.bind_ear(self._ear.number)
        return self

    def on_refused(self, offered: Offered, cause: HangupCause) -> None:
        """Nobody calls the caller; a stranger who does is refused by its worker."""
        log.info("refused a call", extra={"call_id": offered.call_id, "cause": cause.value})

    # LegListener ------------------------------------------------------------------------------

    def on_leg_event(self, event: LegEvent) -> None:
        match event:
            case Answered(at_s=at_s):
                self.observed.answered_s = at_s
            case MediaUp(at_s=at_s, codec=codec):
                self.observed.media_up_s = at_s
                self.observed.codec = codec
                self._conductor.start(at_s)
            case Marked(name=name, at_s=at_s):
                self._on_mark(name, at_s)
            case Ended(cause=cause, detail=detail):
                self.observed.cause = cause
                # Seen from here whoever called us is the caller; to who reads it that is the gateway.
                is_theirs = cause is HangupCause.CALLER_HUNG_UP
                told = "the gateway hung up" if is_theirs else cause.value
                self.observed.ended = self.observed.ended or f"{told} ({detail})"
                self._over.set()
            case _:
                return

    def _on_mark(self, name: str, at_s: float) -> None:
        number, _, which = name.partition(".")
        index = int(number)
        here = self.observed.position(at_s)
        if which == _START:
            self._began[index] = here
            self.observed.recording.caller_audio(here, self._lines[index])
        else:
            self.observed.lines[index] = (self._began.get(index, here), here)
            self._conductor.line_played(at_s)

    # Ear --------------------------------------------------------------------------------------

    def _on_speech(self, event: SpeechEvent) -> None:
        if isinstance(event, SpeechStarted):
            self._conductor.agent_started(event.at_s)
        else:
            self._conductor.agent_stopped(event.at_s)

    def _on_frame(self, pcm: bytes, _position: int) -> None:
        if self.observed.origin_s is None:
            # The frame ends now, so it began a frame ago.
            self.observed.origin_s = asyncio.get_running_loop().time() - len(pcm) / 2 / RATE_HZ
        self.observed.recording.gateway_frame(pcm)


def needs_voice(script: Script) -> list[str]:
    """Return the text of each step, empty for those that are not spoken."""
    spoken = (StepKind.SAY, StepKind.INTERRUPT)
    return [step.text if step.kind in spoken else "" for step in script.steps]

"""An endpoint without a network, for tests on the virtual clock: the test plays the far end.

    endpoint = FakeEndpoint(offers=registry, ticks=hearing)
    leg = endpoint.offer(callee="100")     # the listener's on_offered has run when this returns
    …                                      # the code under test answers
    leg.far.acknowledge()                  # or offer(answers=True): all of it happens by itself
    leg.far.bring_media_up()
    await asyncio.sleep(3)                 # three virtual seconds of playout
    leg.far.hang_up()

Events reach the listener by `call_soon`, never from inside a command, as with a real endpoint.
"""

import asyncio
from collections.abc import Sequence

import numpy as np

from gateway.media.tick import AudioTick, TickListener
from gateway.model.endpoint import Leg, LegListener, OfferListener
from gateway.model.events import (
    Capabilities,
    Direction,
    Ended,
    EndpointKind,
    LegEvent,
    MediaUpReason,
    Offered,
)
from gateway.model.frame import FRAME_MS, FRAME_SAMPLES, SAMPLE_BYTES
from gateway.model.hangup import HangupCause
from gateway.model.ids import new_call_id
from tests.support.fake_call import CallerAudio, CallState, FakeCall

TICK_S = FRAME_MS / 1000
_KEYS = frozenset("0123456789*#ABCD")


class FarEnd:
    """The far end of one fake leg, in the hands of the test."""

    def __init__(self, call: FakeCall) -> None:
        self._call = call

    @property
    def state(self) -> CallState:
        return self._call.state

    @property
    def heard(self) -> bytes:
        """PCM16 mono 16 kHz since media came up, silence included."""
        return bytes(self._call.heard)

    @property
    def keys_heard(self) -> str:
        return self._call.keys_heard

    @property
    def queued_ms(self) -> float:
        """Audio that waits in the leg's playout queue."""
        return self._call.playout.queued_ms

    def acknowledge(self) -> None:
        """Confirm the answer: `Answered`."""
        self._call.acknowledge(_now_s())

    def bring_media_up(self, reason: MediaUpReason = MediaUpReason.PACKET) -> None:
        """Send the first packet: `MediaUp`, and playout begins."""
        self._call.bring_media_up(_now_s(), reason)

    def speak(self, pcm: bytes) -> None:
        """Say something (PCM16 mono 16 kHz), after what is still to be said."""
        self._call.speak(pcm)

    def press(self, digit: str) -> None:
        self._call.press(digit, _now_s())

    def hang_up(self, cause: HangupCause | None = None) -> None:
        """End the call: CANCEL before the answer, BYE after it, or any other cause."""
        is_early = self._call.state is CallState.OFFERED
        default = HangupCause.CALLER_CANCELLED if is_early else HangupCause.CALLER_HUNG_UP
        self._call.end(cause or default, _now_s())


class FakeLeg:
    """Implements `gateway.model.endpoint.Leg`; `far` is its other end."""

    def __init__(
        self, endpoint: "FakeEndpoint", offered: Offered, audio: CallerAudio, answers: bool
    ) -> None:
        self._endpoint = endpoint
        self._offered = offered
        self._answers = answers
        self.call = FakeCall(offered.call_id, self._deliver, audio)
        self.far = FarEnd(self.call)
        self.listener: LegListener | None = None
        self.ear: int | None = None
        self.retry_after_s = 0
        self.messages: list[str] = []

    @property
    def call_id(self) -> str:
        return self._offered.call_id

    @property
    def capabilities(self) -> Capabilities:
        return self._offered.capabilities

    def bind_ear(self, ear: int | None) -> None:
        self.ear = ear

    def answer(self) -> None:
        if self.call.answer() and self._answers:
            loop = asyncio.get_running_loop()
            loop.call_soon(self.far.acknowledge)
            loop.call_later(self._endpoint.media_delay_s, self.far.bring_media_up)

    def reject(self, cause: HangupCause, *, retry_after_s: int = 0) -> None:
        self.retry_after_s = retry_after_s
        self.call.reject(cause, _now_s())

    def play(self, pcm: bytes) -> None:
        if len(pcm) % SAMPLE_BYTES:
            raise ValueError(f"{len(pcm)} bytes are not whole 16-bit samples")
        self.call.play(pcm)

    def mark(self, name: str) -> None:
        self.call.mark(name, _now_s())

    def clear(self) -> None:
        self.call.clear(_now_s())

    def send_dtmf(self, digits: str) -> None:
        if set(digits) - _KEYS:
            raise ValueError(f"not keys of a telephone: {digits!r}")
        self.call.press_for_far_end(digits)

    def send_message(self, text: str) -> None:
        self.messages.append(text)

    def hang_up(self, cause: HangupCause) -> None:
        self.call.end(cause, _now_s())

    def lose(self) -> None:
        """The process that held the call died: `Ended(WORKER_LOST)`, no marks."""
        if self.call.state is CallState.ENDED:
            return
        self.call.lose()
        self._deliver(
            Ended(call_id=self.call_id, at_s=_now_s(), cause=HangupCause.WORKER_LOST, detail="fake")
        )

    def _deliver(self, event: LegEvent) -> None:
        if isinstance(event, Ended):
            self._endpoint.forget(self)
        asyncio.get_running_loop().call_soon(self._tell, event)

    def _tell(self, event: LegEvent) -> None:
        # Looked up late: the listener is returned by on_offered, which may itself end the leg.
        if self.listener is not None:
            self.listener.on_leg_event(event)


class FakeEndpoint:
    """Implements `gateway.model.endpoint.Endpoint`; ticks while it has legs."""

    def __init__(
        self,
        *,
        offers: OfferListener,
        ticks: TickListener | None = None,
        media_delay_s: float = 0.04,
    ) -> None:
        self._offers = offers
        self._ticks = ticks
        self.media_delay_s = media_delay_s
        """From the answer to `MediaUp`, for legs that answer by themselves."""
        self._legs: dict[str, FakeLeg] = {}
        self._is_ready = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def kind(self) -> EndpointKind:
        return EndpointKind.FAKE

    @property
    def is_ready(self) -> bool:
        return self._is_ready

    async def start(self) -> None:
        self._is_ready = True

    async def stop(self) -> None:
        self._is_ready = False
        for leg in list(self._legs.values()):
            leg.hang_up(HangupCause.DRAINING)
        await asyncio.sleep(0)

    def legs(self) -> Sequence[Leg]:
        return list(self._legs.values())

    def offer(
        self,
        *,
        call_id: str = "",
        caller: str = "+4930111",
        callee: str = "100",
        capabilities: Capabilities | None = None,
        audio: CallerAudio = CallerAudio.SILENCE,
        answers: bool = False,
        direction: Direction = Direction.INBOUND,
        headers: dict[str, str] | None = None,
    ) -> FakeLeg:
        """Let a call arrive. With `answers` an answer is acknowledged and media comes by itself."""
        offered = Offered(
            call_id=call_id or new_call_id(),
            at_s=_now_s(),
            endpoint=self.kind,
            caller=caller,
            callee=callee,
            direction=direction,
            capabilities=capabilities or Capabilities(),
            headers=headers or {},
        )
        leg = FakeLeg(self, offered, audio, answers)
        self._legs[leg.call_id] = leg
        leg.listener = self._offers.on_offered(leg, offered)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)
        return leg

    def lose(self) -> None:
        """Pretend that the worker process died: every leg ends with `WORKER_LOST`."""
        for leg in list(self._legs.values()):
            leg.lose()

    def forget(self, leg: FakeLeg) -> None:
        """Called by a leg that ended."""
        self._legs.pop(leg.call_id, None)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        ears: list[int] = []
        frames: list[bytes] = []
        for leg in list(self._legs.values()):
            said = leg.call.tick(now_s)
            if said is not None and leg.ear is not None:
                ears.append(leg.ear)
                frames.append(said)
        if ears and self._ticks is not None:
            pcm = np.frombuffer(b"".join(frames), dtype="<i2").reshape(-1, FRAME_SAMPLES)
            self._ticks.on_tick(AudioTick(now_s, np.array(ears, dtype=np.int32), pcm))
        self._timer = loop.call_later(TICK_S, self._tick) if self._legs else None


def _now_s() -> float:
    return asyncio.get_running_loop().time()

"""A leg whose playout is watched by a recording; everything else passes through."""

from collections.abc import Callable

from gateway.model.endpoint import Leg
from gateway.model.events import Capabilities
from gateway.model.hangup import HangupCause
from gateway.recording.played_track import PlayedTrack


class TappedLeg:
    """Implements `gateway.model.endpoint.Leg`."""

    def __init__(self, leg: Leg, track: PlayedTrack, clock: Callable[[], float]) -> None:
        self._leg = leg
        self._track = track
        self._clock = clock

    @property
    def call_id(self) -> str:
        return self._leg.call_id

    @property
    def capabilities(self) -> Capabilities:
        return self._leg.capabilities

    def bind_ear(self, ear: int | None) -> None:
        self._leg.bind_ear(ear)

    def answer(self) -> None:
        self._leg.answer()

    def reject(self, cause: HangupCause, *, retry_after_s: int = 0) -> None:
        self._leg.reject(cause, retry_after_s=retry_after_s)

    def play(self, pcm: bytes) -> None:
        self._leg.play(pcm)
        self._track.play(pcm, self._clock())

    def mark(self, name: str) -> None:
        self._leg.mark(name)
        self._track.mark(name)

    def clear(self) -> None:
        self._leg.clear()

    def send_dtmf(self, digits: str) -> None:
        self._leg.send_dtmf(digits)

    def send_message(self, text: str) -> None:
        self._leg.send_message(text)

    def hang_up(self, cause: HangupCause) -> None:
        self._leg.hang_up(cause)

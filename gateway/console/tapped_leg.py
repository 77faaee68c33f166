"""A leg that tells what is queued on it; everything is passed on unchanged."""

from gateway.console.watched_call import WatchedCall
from gateway.model.endpoint import Leg
from gateway.model.events import Capabilities
from gateway.model.hangup import HangupCause


class TappedLeg:
    """Implements `gateway.model.endpoint.Leg` in front of the real one."""

    def __init__(self, leg: Leg, call: WatchedCall) -> None:
        self._leg = leg
        self._call = call

    @property
    def call_id(self) -> str:
        return self._leg.call_id

    @property
    def capabilities(self) -> Capabilities:
        return self._leg.capabilities

    def bind_ear(self, ear: int | None) -> None:
        self._call.ear = ear
        self._leg.bind_ear(ear)

    def answer(self) -> None:
        self._leg.answer()

    def reject(self, cause: HangupCause, *, retry_after_s: int = 0) -> None:
        self._leg.reject(cause, retry_after_s=retry_after_s)

    def play(self, pcm: bytes) -> None:
        self._leg.play(pcm)
        self._call.playing.play(pcm)

    def mark(self, name: str) -> None:
        self._leg.mark(name)

    def clear(self) -> None:
        self._leg.clear()
        self._call.playing.clear()

    def send_dtmf(self, digits: str) -> None:
        self._leg.send_dtmf(digits)

    def send_message(self, text: str) -> None:
        self._leg.send_message(text)

    def hang_up(self, cause: HangupCause) -> None:
        self._leg.hang_up(cause)

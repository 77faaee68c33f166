"""One caller's ear: what sessions and agents hold of the hub."""

import logging
from collections.abc import Callable

from agents.hearing.ring import RingMatrix
from gateway.media.hearing import (
    AudioGone,
    FrameListener,
    SpeechEvent,
    SpeechListener,
    SpeechStarted,
)

log = logging.getLogger(__name__)


class HubEar:
    """Implements `gateway.media.hearing.Ear`. Event loop only."""

    def __init__(
        self,
        number: int,
        ring: RingMatrix,
        frames_wanted: Callable[[int, bool], None],
        release: Callable[[int], None],
    ) -> None:
        """`frames_wanted` and `release` tell the hub, by number."""
        self._number = number
        self._ring = ring
        self._frames_wanted = frames_wanted
        self._release = release
        self._listener: SpeechListener | None = None
        self._frame_listener: FrameListener | None = None
        self._is_speaking = False
        self._final_position: int | None = None

    @property
    def number(self) -> int:
        return self._number

    @property
    def position(self) -> int:
        """Samples heard so far; stays what it was after `close`."""
        if self._final_position is not None:
            return self._final_position
        return self._ring.position(self._number)

    @property
    def is_speaking(self) -> bool:
        return self._is_speaking

    def read(self, start: int, stop: int) -> bytes:
        """Return PCM16 mono 16 kHz for `[start, stop)`; raises `AudioGone`, always so once closed."""
        if self._final_position is not None:
            raise AudioGone("the ear is closed")
        return self._ring.read(self._number, start, stop)

    def listen(self, listener: SpeechListener | None) -> None:
        """Send speech events to `listener` from now on (None: to nobody)."""
        self._listener = listener

    def listen_frames(self, listener: FrameListener | None) -> None:
        """Send every frame to `listener` from now on (None: to nobody)."""
        if self._final_position is None:
            self._frame_listener = listener
            self._frames_wanted(self._number, listener is not None)

    def close(self) -> None:
        """Forget the caller and free the number; may be called twice."""
        if self._final_position is not None:
            return
        self._frames_wanted(self._number, False)
        self._final_position = self._ring.position(self._number)
        self._listener = self._frame_listener = None
        self._is_speaking = False
        self._release(self._number)

    def on_change(self, event: SpeechEvent) -> None:
        """Take a change from the hub. What the listener raises is logged: other calls go on."""
        self._is_speaking = isinstance(event, SpeechStarted)
        if self._listener is not None:
            try:
                self._listener(event)
            except Exception:
                log.exception("listener to speech failed")

    def on_frame(self, pcm: bytes, position: int) -> None:
        """Take a frame from the hub. What the listener raises is logged: other calls go on."""
        if self._frame_listener is not None:
            try:
                self._frame_listener(pcm, position)
            except Exception:
                log.exception("listener to frames failed")

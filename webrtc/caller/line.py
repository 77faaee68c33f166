"""The caller's end of the media: an aiortc peer that sends and takes 20 ms frames of PCM."""

import asyncio
import json
import logging
import re
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from fractions import Fraction
from typing import Any

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, AudioResampler

from gateway.errors import EndpointError
from gateway.model.frame import FRAME_BYTES, FRAME_SAMPLES, RATE_HZ

log = logging.getLogger(__name__)

CHANNEL = "offhook"
_SEND_FRAMES = 5
"""Frames that wait to be sent; when full the oldest goes, since late is worse than lost."""
_START_FRAMES = 3
"""Frames that are gathered before the first is handed out (again): they come unevenly."""
_HEARD_FRAMES = 25
"""Most frames heard and not taken; when full the oldest goes."""
_UNTOLD_MOST = 32
"""Messages that wait for the data channel; when full the oldest goes."""
_SILENCE = bytes(FRAME_BYTES)


class LineState(StrEnum):
    """Where the transport is."""

    NEW = "new"
    UP = "up"
    CLOSED = "closed"
    """The far end closed it in order."""
    LOST = "lost"


_STATES = {
    "connected": LineState.UP,
    "closed": LineState.CLOSED,
    "failed": LineState.LOST,
}


class Line:
    """One call's transport and audio; for the event loop. `close` it in every case."""

    def __init__(
        self,
        *,
        on_state: Callable[[LineState], None],
        on_message: Callable[[dict[str, Any]], None],
        ice_servers: tuple[RTCIceServer, ...] = (),
    ) -> None:
        self._on_state = on_state
        self._on_message = on_message
        # None would mean a public STUN server; an empty list means none.
        self._peer = RTCPeerConnection(RTCConfiguration(iceServers=list(ice_servers)))
        self._microphone = _Microphone()
        self._peer.addTrack(self._microphone)
        self._channel = self._peer.createDataChannel(CHANNEL)
        self._channel.on("message", self._on_text)
        self._channel.on("open", self._on_open)
        self._untold: deque[str] = deque(maxlen=_UNTOLD_MOST)
        self._heard: deque[bytes] = deque(maxlen=_HEARD_FRAMES)
        self._is_filling = True
        self._listening: asyncio.Task[None] | None = None
        self._state = LineState.NEW
        self.codec = ""
        """Of the answer, for people."""
        self._peer.on("track", self._on_track)
        self._peer.on("connectionstatechange", self._on_connection)

    async def offer(self) -> str:
        """Return an offer with all candidates."""
        await self._peer.setLocalDescription(await self._peer.createOffer())
        return str(self._peer.localDescription.sdp)

    async def accept(self, sdp: str) -> None:
        """Take the far end's answer. Raises `EndpointError`."""
        self.codec = codec_of(sdp)
        try:
            await self._peer.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        except Exception as error:  # aiortc tells bad descriptions with whatever it stumbled over
            raise EndpointError(f"the answer cannot be used: {error}") from error

    def send(self, pcm: bytes | None) -> None:
        """Send 20 ms of PCM16 mono 16 kHz; None: silence."""
        self._microphone.put(pcm or _SILENCE)

    def take(self) -> bytes:
        """Return the next 20 ms heard; silence while there is nothing."""
        if self._is_filling and len(self._heard) < _START_FRAMES:
            return _SILENCE
        self._is_filling = not self._heard
        return self._heard.popleft() if self._heard else _SILENCE

    def tell(self, message: dict[str, Any]) -> bool:
        """Send a message over the data channel, or as soon as it opens; False if it is closed."""
        text = json.dumps(message)
        match self._channel.readyState:
            case "open":
                self._channel.send(text)
            case "connecting":
                self._untold.append(text)
            case _:
                return False
        return True

    async def close(self) -> None:
        self._state = LineState.CLOSED
        if self._listening is not None:
            self._listening.cancel()
        self._microphone.stop()
        await self._peer.close()

    def _on_connection(self) -> None:
        state = _STATES.get(self._peer.connectionState)
        if state is None or state is self._state or self._state is LineState.CLOSED:
            return
        self._state = state
        self._on_state(state)

    def _on_open(self) -> None:
        while self._untold:
            self._channel.send(self._untold.popleft())

    def _on_text(self, data: str | bytes) -> None:
        try:
            message = json.loads(data)
        except ValueError:
            log.warning("the gateway sent a message that is not JSON")
            return
        if isinstance(message, dict):
            self._on_message(message)

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio" and self._listening is None:
            self._listening = asyncio.create_task(self._listen(track), name="caller listens")

    async def _listen(self, track: MediaStreamTrack) -> None:
        resampler = AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
        waiting = bytearray()
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            assert isinstance(frame, AudioFrame)
            for part in resampler.resample(frame):
                waiting += bytes(part.planes[0])[: part.samples * 2]
            while len(waiting) >= FRAME_BYTES:
                self._heard.append(bytes(waiting[:FRAME_BYTES]))
                del waiting[:FRAME_BYTES]


class _Microphone(MediaStreamTrack):
    """What we say, frame by frame; whoever puts the frames in is the clock."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._frames: asyncio.Queue[bytes] = asyncio.Queue(_SEND_FRAMES)
        self._position = 0

    def put(self, pcm: bytes) -> None:
        if self._frames.full():
            self._frames.get_nowait()
        self._frames.put_nowait(pcm)

    async def recv(self) -> AudioFrame:
        pcm = await self._frames.get()
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME_SAMPLES)
        frame.planes[0].update(pcm)
        frame.sample_rate = RATE_HZ
        frame.time_base = Fraction(1, RATE_HZ)
        frame.pts = self._position
        self._position += FRAME_SAMPLES
        return frame


def codec_of(sdp: str) -> str:
    """Return the first codec of a description's audio section, like `opus/48000`; empty if unnamed."""
    section = re.search(r"^m=audio \S+ \S+ (\d+)", sdp, re.MULTILINE)
    if section is None:
        return ""
    number = section[1]
    named = re.search(rf"^a=rtpmap:{number} ([^/\s]+/\d+)", sdp, re.MULTILINE)
    return named[1] if named else {"0": "PCMU/8000", "8": "PCMA/8000"}.get(number, "")

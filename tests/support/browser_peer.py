"""A browser of aiortc: makes offers, speaks, listens, presses keys; what a page does, without a page."""

import asyncio
import json
from collections.abc import Callable
from fractions import Fraction

import av
from aioice import Candidate, Connection
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceTransport,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError

from gateway.model.frame import FRAME_BYTES, FRAME_SAMPLES, RATE_HZ, SILENCE

TICK_S = 0.02


class BrowserPeer:
    """One browser's end of a call."""

    def __init__(self, *, has_audio: bool = True, has_channel: bool = True) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.microphone = Microphone()
        if has_audio:
            self.connection.addTrack(self.microphone)
        else:
            self.connection.addTransceiver("audio", direction="recvonly")
        self.channel = self.connection.createDataChannel("offhook") if has_channel else None
        self.messages: list[dict[str, object]] = []
        self.heard = bytearray()
        """PCM16 mono 16 kHz, from the first packet."""
        self.opened = asyncio.Event()
        self.connected = asyncio.Event()
        self._restarted: Connection | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        if self.channel is not None:
            self.channel.on("message", lambda data: self.messages.append(json.loads(data)))
            self.channel.on("open", self.opened.set)
        self.connection.on("track", self._on_track)
        self.connection.on("connectionstatechange", self._on_state)

    async def offer(self) -> str:
        """Return an offer with all candidates."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return str(self.connection.localDescription.sdp)

    async def accept(self, sdp: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def wait_up(self, bound_s: float = 5.0) -> None:
        """Wait until the transport is up, and the channel open if there is one."""
        async with asyncio.timeout(bound_s):
            await self.connected.wait()
            if self.channel is not None:
                await self.opened.wait()

    def say(self, **message: object) -> None:
        assert self.channel is not None
        self.channel.send(json.dumps(message))

    def of_type(self, kind: str) -> list[dict[str, object]]:
        return [message for message in self.messages if message["type"] == kind]

    # Networks that break, and ICE restarts, which aiortc itself does not know -----------------------

    def cut(self) -> None:
        """Lose the network: nothing comes in or goes out any more on the present ICE session."""
        for protocol in self._ice._protocols:
            protocol.datagram_received = lambda *_: None  # type: ignore[method-assign]
            protocol.transport.sendto = lambda *_: None  # type: ignore[method-assign]

    async def restart(self) -> str:
        """Open another ICE session; returns the fragment for the gateway."""
        before = self._ice
        self._restarted = ice = Connection(ice_controlling=True)
        # What arrives goes on into the old session's queue, out of which DTLS reads.
        ice.data_received = before.data_received  # type: ignore[method-assign]
        await ice.gather_candidates()
        lines = [f"a=ice-ufrag:{ice.local_username}", f"a=ice-pwd:{ice.local_password}"]
        lines += ["m=audio 9 UDP/TLS/RTP/SAVPF 96", "a=mid:0"]
        lines += [f"a=candidate:{candidate.to_sdp()}" for candidate in ice.local_candidates]
        return "\r\n".join((*lines, "a=end-of-candidates", ""))

    async def finish_restart(self, fragment: str) -> None:
        """Take the gateway's fragment, connect, and send over the new session from then on."""
        ice = self._restarted
        for line in fragment.splitlines():
            name, _, value = line.partition(":")
            if name == "a=ice-ufrag":
                ice.remote_username = value
            elif name == "a=ice-pwd":
                ice.remote_password = value
            elif name == "a=candidate":
                await ice.add_remote_candidate(Candidate.from_sdp(value))
        await ice.add_remote_candidate(None)
        await ice.connect()
        self._transport._send = ice.send

    @property
    def _transport(self) -> RTCIceTransport:
        return self.connection.getTransceivers()[0].receiver.transport.transport

    @property
    def _ice(self) -> Connection:
        return self._transport._connection

    async def close(self) -> None:
        await self.connection.close()
        if self._restarted is not None:
            await self._restarted.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _on_state(self) -> None:
        if self.connection.connectionState == "connected":
            self.connected.set()

    def _on_track(self, track: MediaStreamTrack) -> None:
        task = asyncio.create_task(_listen(track, self.heard.extend))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _listen(track: MediaStreamTrack, take: Callable[[bytes], None]) -> None:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        assert isinstance(frame, av.AudioFrame)
        for part in resampler.resample(frame):
            take(bytes(part.planes[0])[: part.samples * 2])


class Microphone(MediaStreamTrack):
    """Says what it is given, silence otherwise, on a clock of its own."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._waiting = bytearray()
        self._position = 0
        self._start_s: float | None = None

    def speak(self, pcm: bytes) -> None:
        self._waiting += pcm

    @property
    def is_done(self) -> bool:
        return not self._waiting

    async def recv(self) -> av.AudioFrame:
        loop = asyncio.get_running_loop()
        if self._start_s is None:
            self._start_s = loop.time()
        await asyncio.sleep(self._start_s + self._position / RATE_HZ - loop.time())
        pcm = bytes(self._waiting[:FRAME_BYTES]).ljust(FRAME_BYTES, b"\0") or SILENCE
        del self._waiting[:FRAME_BYTES]
        frame = av.AudioFrame(format="s16", layout="mono", samples=FRAME_SAMPLES)
        frame.planes[0].update(pcm)
        frame.sample_rate = RATE_HZ
        frame.time_base = Fraction(1, RATE_HZ)
        frame.pts = self._position
        self._position += FRAME_SAMPLES
        return frame

"""aiortc as its examples use it, for comparison: `python -m tests.load.plain_server --port N --sound FILE`.

Every call plays the sound as `AudioFrame`s of a `MediaStreamTrack`, and takes what comes from `recv`. No
voice activity, no agent, no link: only what the library itself does with the ordinary frame path.
"""

import argparse
import asyncio
import secrets
import sys
import time
from fractions import Fraction
from pathlib import Path

from aiohttp import web
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

RATE_HZ = 16_000
FRAME_SAMPLES = 320
_FRAME_BYTES = FRAME_SAMPLES * 2


class _Player(MediaStreamTrack):
    kind = "audio"

    def __init__(self, pcm: bytes) -> None:
        super().__init__()
        self._pcm = pcm
        self._count = 0
        self._began_s = 0.0

    async def recv(self) -> AudioFrame:
        if not self._count:
            self._began_s = time.monotonic()
        wait_s = self._began_s + self._count * 0.02 - time.monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        start = self._count * _FRAME_BYTES % (len(self._pcm) - _FRAME_BYTES)
        start -= start % _FRAME_BYTES
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME_SAMPLES)
        frame.planes[0].update(self._pcm[start : start + _FRAME_BYTES])
        frame.sample_rate = RATE_HZ
        frame.time_base = Fraction(1, RATE_HZ)
        frame.pts = self._count * FRAME_SAMPLES
        self._count += 1
        return frame


class _Server:
    def __init__(self, pcm: bytes) -> None:
        self._pcm = pcm
        self._peers: dict[str, RTCPeerConnection] = {}
        self._listening: set[asyncio.Task[None]] = set()

    async def offer(self, request: web.Request) -> web.Response:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        name = secrets.token_hex(8)
        self._peers[name] = peer

        @peer.on("track")
        def track(track: MediaStreamTrack) -> None:
            task = asyncio.create_task(_drain(track))
            self._listening.add(task)
            task.add_done_callback(self._listening.discard)

        await peer.setRemoteDescription(RTCSessionDescription(await request.text(), "offer"))
        peer.addTrack(_Player(self._pcm))
        await peer.setLocalDescription(await peer.createAnswer())
        return web.Response(
            status=201,
            text=peer.localDescription.sdp,
            content_type="application/sdp",
            headers={"Location": f"/webrtc/calls/{name}"},
        )

    async def end(self, request: web.Request) -> web.Response:
        await self._peers.pop(request.match_info["name"]).close()
        return web.Response()


async def _drain(track: MediaStreamTrack) -> None:
    while True:
        try:
            await track.recv()
        except MediaStreamError:
            return


def main() -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="plain_server", description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--sound", type=Path, required=True, help="PCM16 mono 16 kHz")
    options = parser.parse_args()
    server = _Server(options.sound.read_bytes())
    app = web.Application()
    app.router.add_post("/webrtc/calls", server.offer)
    app.router.add_delete("/webrtc/calls/{name}", server.end)
    web.run_app(app, host="127.0.0.1", port=options.port, print=None)
    return 0


if __name__ == "__main__":
    sys.exit(main())

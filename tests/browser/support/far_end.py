"""A far end for tests of the page alone: the gateway's HTTP side and an aiortc peer in one process.

It speaks the protocol of page and gateway (signalling, data channel, early audio) and writes down what
the page did. It holds no conversation: tests tell it what to say. It is no double of the gateway for
anything else.
"""

import asyncio
import contextlib
import json
import secrets
import wave
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from aiohttp import web
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from gateway.http.webrtc import page

STATIC = Path(__file__).parents[3] / "webrtc" / "static"
RATE_HZ = 48_000
FRAME_SAMPLES = 960
HEARD_HZ = 16_000


@dataclass
class Request:
    """One request of the page's signalling."""

    method: str
    body: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass
class FarEnd:
    """The server: what it will answer, and what it has seen."""

    greeting: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int16))
    """PCM16 at 48 kHz, played from the moment the transport is up."""
    refusal: tuple[int, str, Mapping[str, str]] | None = None
    """Status, code and headers for every offer, instead of an answer."""
    settings: dict[str, object] = field(default_factory=dict)
    answer_after_s: float = 0.0
    requests: list[Request] = field(default_factory=list)
    messages: list[dict[str, object]] = field(default_factory=list)
    """JSON messages of the page, in order."""
    early: list[tuple[int, bytes]] = field(default_factory=list)
    """Early audio: offset in ms, PCM16 at 16 kHz."""
    heard: list[np.ndarray] = field(default_factory=list)
    """The page's track, PCM16 at 16 kHz."""
    tokens: list[str] = field(default_factory=list)
    """Tokens given to widgets."""
    port: int = 0
    foreign_page: str = ""
    """HTML of somebody else's page that carries the widget, at `/elsewhere`."""

    def __post_init__(self) -> None:
        self._peers: list[RTCPeerConnection] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.channel: object | None = None
        self.connected = asyncio.Event()
        self.opened = asyncio.Event()
        self.deleted = asyncio.Event()
        self._stopping = asyncio.Event()
        self._resource = ""
        self._runner: web.AppRunner | None = None

    # Serving ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        app = web.Application(middlewares=[_cors])
        page.add_routes(app, page.read_files(STATIC))
        app.router.add_get("/webrtc/config", self._config)
        app.router.add_post("/webrtc/calls", self._offer)
        app.router.add_patch("/webrtc/calls/{resource}", self._patch)
        app.router.add_delete("/webrtc/calls/{resource}", self._delete)
        app.router.add_get("/elsewhere", self._elsewhere)
        app.router.add_post("/token", self._token)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]

    async def stop(self) -> None:
        self._stopping.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # Requests under way first: one that is answered after its peer was closed would open it again.
        if self._runner is not None:
            await self._runner.cleanup()
        for peer in self._peers:
            await peer.close()

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/"

    # What a test tells it to do ---------------------------------------------------------------------

    def say(self, **message: object) -> None:
        """Send a message over the data channel."""
        self.channel.send(json.dumps(message))  # type: ignore[attr-defined]

    async def drop(self) -> None:
        """Lose the transport of all calls, without a word."""
        for peer in self._peers:
            await peer.close()

    def of_type(self, kind: str) -> list[dict[str, object]]:
        return [message for message in self.messages if message["type"] == kind]

    def heard_pcm(self) -> np.ndarray:
        return np.concatenate(self.heard) if self.heard else np.zeros(0, np.int16)

    def early_pcm(self) -> np.ndarray:
        return np.frombuffer(b"".join(pcm for _, pcm in self.early), "<i2")

    # Signalling -------------------------------------------------------------------------------------

    async def _config(self, request: web.Request) -> web.Response:
        given = {
            "agents": ["receptionist"],
            "token_needed": False,
            "ice_servers": [],
            "relay_only": False,
            "early_audio": True,
            "grace_s": 6.0,
            "ready": True,
        }
        return web.json_response(given | self.settings)

    async def _offer(self, request: web.Request) -> web.Response:
        body = await self._note(request)
        if self.refusal is not None:
            status, code, headers = self.refusal
            answer = {"error": {"code": code, "message": "refused by the test"}}
            return web.json_response(answer, status=status, headers=headers)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), self.answer_after_s)
            return web.Response(status=503)
        peer = RTCPeerConnection()
        self._peers.append(peer)
        self._watch(peer)
        await peer.setRemoteDescription(RTCSessionDescription(body, "offer"))
        peer.addTrack(_Playing(self.greeting, self.connected))
        await peer.setLocalDescription(await peer.createAnswer())
        self._resource = secrets.token_urlsafe(16)
        return web.Response(
            status=201,
            text=peer.localDescription.sdp,
            content_type="application/sdp",
            headers={"Location": f"/webrtc/calls/{self._resource}", "ETag": '"first"'},
        )

    async def _patch(self, request: web.Request) -> web.Response:
        body = await self._note(request)
        if request.match_info["resource"] != self._resource:
            gone = {"error": {"code": "call.not_found", "message": "it is over"}}
            return web.json_response(gone, status=404)
        if request.headers.get("If-Match") == "*":
            fragment = "a=ice-ufrag:fresh\r\na=ice-pwd:0123456789012345678901\r\n"
            answer = fragment + body[body.index("m=") :].split("a=candidate")[0]
            return web.Response(
                text=answer,
                content_type="application/trickle-ice-sdpfrag",
                headers={"ETag": '"second"'},
            )
        return web.Response(status=204)

    async def _delete(self, request: web.Request) -> web.Response:
        await self._note(request)
        self.deleted.set()
        return web.Response()

    def forget_call(self) -> None:
        """Have requests for the call answered as for one that is over."""
        self._resource = ""

    async def _elsewhere(self, request: web.Request) -> web.Response:
        return web.Response(text=self.foreign_page, content_type="text/html")

    async def _token(self, request: web.Request) -> web.Response:
        await self._note(request)
        self.tokens.append(f"token-{len(self.tokens) + 1}")
        return web.json_response({"token": self.tokens[-1]})

    async def _note(self, request: web.Request) -> str:
        body = await request.text()
        self.requests.append(
            Request(request.method, body, dict(request.query), dict(request.headers))
        )
        return body

    # The peer ---------------------------------------------------------------------------------------

    def _watch(self, peer: RTCPeerConnection) -> None:
        @peer.on("connectionstatechange")
        def changed() -> None:
            if peer.connectionState == "connected":
                self.connected.set()

        @peer.on("datachannel")
        def channel(channel: object) -> None:
            self.channel = channel
            self.opened.set()
            channel.on("message", self._take)  # type: ignore[attr-defined]

        @peer.on("track")
        def track(track: MediaStreamTrack) -> None:
            task = asyncio.create_task(self._hear(track))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _take(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.messages.append(json.loads(message))
            return
        assert message[0] == 1
        self.early.append((int.from_bytes(message[1:5], "little"), message[5:]))

    async def _hear(self, track: MediaStreamTrack) -> None:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=HEARD_HZ)
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            for made in resampler.resample(frame):
                self.heard.append(made.to_ndarray().reshape(-1).copy())


class _Playing(MediaStreamTrack):
    """Plays samples from the moment the transport is up, then silence, on the clock of the test."""

    kind = "audio"

    def __init__(self, samples: np.ndarray, connected: asyncio.Event) -> None:
        super().__init__()
        self._samples = samples
        self._connected = connected
        self._sent = 0
        self._start_s = 0.0

    async def recv(self) -> av.AudioFrame:
        loop = asyncio.get_running_loop()
        if self._sent == 0:
            await self._connected.wait()
            self._start_s = loop.time()
        await asyncio.sleep(self._start_s + self._sent / RATE_HZ - loop.time())
        chunk = np.zeros(FRAME_SAMPLES, np.int16)
        given = self._samples[self._sent : self._sent + FRAME_SAMPLES]
        chunk[: len(given)] = given
        frame = av.AudioFrame.from_ndarray(chunk.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE_HZ
        frame.pts = self._sent
        frame.time_base = Fraction(1, RATE_HZ)
        self._sent += FRAME_SAMPLES
        return frame


@web.middleware
async def _cors(request: web.Request, handler: web.RequestHandler) -> web.StreamResponse:
    headers = {
        "Access-Control-Allow-Origin": request.headers.get("Origin", "*"),
        "Access-Control-Allow-Methods": "GET, POST, PATCH, DELETE",
        "Access-Control-Allow-Headers": "authorization, content-type, if-match",
        "Access-Control-Expose-Headers": "location, etag, link, retry-after",
    }
    if request.method == "OPTIONS":
        return web.Response(status=204, headers=headers)
    response = await handler(request)
    response.headers.update(headers)
    return response


def read_wav(path: Path) -> np.ndarray:
    """Return a mono WAV's samples at 48 kHz (by repetition: only rates that divide it)."""
    with wave.open(str(path)) as opened:
        assert opened.getnchannels() == 1
        samples = np.frombuffer(opened.readframes(opened.getnframes()), "<i2")
        return np.repeat(samples, RATE_HZ // opened.getframerate())

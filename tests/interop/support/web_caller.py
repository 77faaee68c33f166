"""A caller over WebRTC without a browser: WHIP to the real gateway, sound both ways, the data channel."""

import asyncio
import contextlib
import itertools
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt

from gateway.model.frame import FRAME_BYTES
from webrtc.caller.line import Line, LineState
from webrtc.caller.whip import Accepted, WhipClient

T = TypeVar("T")
Samples = npt.NDArray[np.float64]

_TICK_S = 0.02
_BOUND_S = 20.0
_numbers = itertools.count(1)


class WebCaller:
    """One call; use as a context manager. Says silence whenever `say` gave nothing to say.

    `url` is where offers go, with agent and options; `number` is the name of the call where the token
    has it as its subject. It runs on a loop of its own, so that tests may block.
    """

    def __init__(self, url: str, *, token: str = "", origin: str = "") -> None:
        self.number = f"web-{next(_numbers)}"
        self.messages: list[dict[str, Any]] = []
        """What came over the data channel, in order."""
        self.state = LineState.NEW
        self.up_s: float | None = None
        """Monotonic time at which the transport was up."""
        self.accepted: Accepted | None = None
        self._target = f"{url}#{token}" if token else url
        self._origin = origin
        self._heard = bytearray()
        self._waiting = bytearray()
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._line: Line | None = None
        self._client: WhipClient | None = None
        self._clock: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._run(self._close())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_BOUND_S)
            self._loop.close()

    def call(self) -> Self:
        """Offer and wait until the transport is up. Raises `CallRefused`."""
        self._run(self._call())
        self.until(lambda: self.state is LineState.UP, "the transport")
        return self

    def say(self, pcm: bytes) -> None:
        """Say PCM16 16 kHz after what is being said."""
        with self._lock:
            self._waiting += pcm

    def press(self, digit: str) -> None:
        self.tell({"type": "dtmf", "digit": digit})

    def tell(self, message: Mapping[str, Any]) -> None:
        """Send a message over the data channel, which is waited for."""
        assert self._line is not None
        line = self._line
        self.until(lambda: self._on_loop(lambda: line.tell(dict(message))), "the data channel")

    def hang_up(self) -> None:
        """End the call with a DELETE."""
        assert self.accepted is not None
        assert self._client is not None
        assert self._run(self._client.end(self.accepted.resource))

    def vanish(self) -> None:
        """Let the transport go without a word over HTTP."""
        assert self._line is not None
        self._run(self._line.close())

    def heard(self) -> Samples:
        """Return everything heard so far, 16 kHz."""
        with self._lock:
            return np.frombuffer(bytes(self._heard), dtype="<i2").astype(np.float64)

    def told(self, kind: str) -> list[dict[str, Any]]:
        """Return the messages of a type."""
        return [message for message in list(self.messages) if message.get("type") == kind]

    def until(self, ask: Callable[[], bool], what: str, bound_s: float = _BOUND_S) -> None:
        deadline_s = time.monotonic() + bound_s
        while not ask():
            assert time.monotonic() < deadline_s, f"{what}: not within {bound_s} s"
            time.sleep(0.02)

    async def _open(self) -> None:
        self._client = WhipClient(self._target, origin=self._origin)
        self._line = Line(on_state=self._on_state, on_message=self.messages.append)
        self._clock = asyncio.create_task(self._tick(self._line))

    async def _call(self) -> None:
        assert self._line is not None
        assert self._client is not None
        self.accepted = await self._client.offer(await self._line.offer())
        await self._line.accept(self.accepted.sdp)

    async def _close(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            await asyncio.gather(self._clock, return_exceptions=True)
        if self._client is not None:
            if self.accepted is not None:
                await self._client.end(self.accepted.resource)
            await self._client.close()
        if self._line is not None:
            await self._line.close()

    async def _tick(self, line: Line) -> None:
        due_s = time.monotonic()
        while True:
            due_s += _TICK_S
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            if self.state is not LineState.UP:
                continue
            with self._lock:
                pcm = bytes(self._waiting[:FRAME_BYTES]).ljust(FRAME_BYTES, b"\0")
                del self._waiting[:FRAME_BYTES]
                self._heard += line.take()
            line.send(pcm)

    def _on_state(self, state: LineState) -> None:
        self.state = state
        if state is LineState.UP:
            self.up_s = time.monotonic()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_BOUND_S * 2)

    def _on_loop(self, work: Callable[[], T]) -> T:
        done: Future[T] = Future()
        self._loop.call_soon_threadsafe(lambda: done.set_result(work()))
        return done.result(_BOUND_S)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an HTTP server said."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def code(self) -> str:
        """The code of an error answer; empty if it is none."""
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return str(json.loads(self.body)["error"]["code"])
        return ""


def ask(
    url: str, *, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] = {}
) -> Answer:
    """Ask an HTTP server; statuses of all kinds are answers. Raises `OSError` if there is none."""
    request = urllib.request.Request(url, data=body, method=method, headers=dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=40) as answer:
            return Answer(answer.status, dict(answer.headers), answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read().decode())


def offer_sdp() -> str:
    """Return a good offer of a peer that never connects to anything."""

    async def make() -> str:
        line = Line(on_state=lambda _: None, on_message=lambda _: None)
        try:
            return await line.offer()
        finally:
            await line.close()

    return asyncio.run(make())

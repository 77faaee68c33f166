"""The test's end of a `fake_worker`: starts its listening socket, sends orders, plays the far end."""

import asyncio
import base64
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.support.fake_call import CallerAudio

_LINE_LIMIT_BYTES = 32 * 1024 * 1024
_ANSWER_S = 10.0


class FakeWorkerControl:
    """Orders to the worker that connected last; a restarted worker connects again."""

    def __init__(self, path: Path, audio: CallerAudio = CallerAudio.SILENCE) -> None:
        self._path = path
        self._audio = audio
        self._server: asyncio.Server | None = None
        self._connected = asyncio.Event()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> None:
        """Listen; call before the endpoint is started."""
        self._server = await asyncio.start_unix_server(
            self._accept, self._path, limit=_LINE_LIMIT_BYTES
        )

    async def stop(self) -> None:
        """Close everything."""
        for writer in self._writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def argv(self, fd: int) -> Sequence[str]:
        """Return the command of a worker that will connect here; an `ArgvFactory`."""
        return (
            sys.executable,
            "-m",
            "tests.support.fake_worker",
            f"--link-fd={fd}",
            f"--control={self._path}",
            f"--audio={self._audio}",
        )

    async def order(self, do: str, **facts: Any) -> dict[str, Any]:
        """Send an order and return the worker's answer."""
        async with asyncio.timeout(_ANSWER_S):
            await self._connected.wait()
            assert self._reader is not None
            assert self._writer is not None
            self._writer.write(json.dumps({"do": do, **facts}).encode() + b"\n")
            await self._writer.drain()
            answer: dict[str, Any] = json.loads(await self._reader.readline())
            return answer

    async def order_last(self, do: str) -> None:
        """Send an order that this worker may not live to answer."""
        async with asyncio.timeout(_ANSWER_S):
            await self._connected.wait()
        assert self._writer is not None
        self.expect_restart()
        self._writer.write(json.dumps({"do": do}).encode() + b"\n")

    def expect_restart(self) -> None:
        """Have the next order wait for the next worker; call before this one is lost."""
        self._connected.clear()

    async def hear(self, leg: int) -> bytes:
        """Return what the far end of a leg heard so far."""
        return base64.b64decode((await self.order("hear", leg=leg))["pcm"])

    async def speak(self, leg: int, pcm: bytes) -> None:
        """Let the far end of a leg say something."""
        await self.order("speak", leg=leg, pcm=base64.b64encode(pcm).decode())

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._writers.append(writer)
        self._connected.set()

"""The gateway's end of one speech worker process: start it, give it one job at a time, end it."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Sequence

from agents.speech.wire import PREFIX, Message, decode, decode_prefix
from gateway.errors import AssetError, LinkError, ProviderUnavailable

_EXIT_S = 2.0
"""How long a worker may take to leave by itself after the socket is closed, then after SIGTERM."""

_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # glibc's arenas for threads we do not use cost tens of megabytes.
    "MALLOC_ARENA_MAX": "2",
    # Synthesis allocates megabytes per layer; glibc would return each to the kernel at once, which
    # made it 18 % slower here, and without a bound would keep all of it.
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(64 * 1024 * 1024),
    "TOKENIZERS_PARALLELISM": "false",
}


class WorkerLost(Exception):
    """The process died, closed its socket or broke the protocol."""


class WorkerProcess:
    """One running worker. Make it by `start`; at most one `request` at a time."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._exit = asyncio.create_task(process.wait(), name=f"speech worker {process.pid} exit")

    @classmethod
    async def start(cls, command: Sequence[str], ready_s: float) -> "WorkerProcess":
        """Start `command` with `--link-fd N` appended; returns when its models are loaded.

        Raises:
            AssetError: it says that a model is missing.
            ProviderUnavailable: it did not start, or was not ready within `ready_s`.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.setblocking(False)
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                "--link-fd",
                str(theirs.fileno()),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                env={**os.environ, **_ENVIRONMENT},
            )
        except OSError as error:
            ours.close()
            raise ProviderUnavailable(f"speech worker cannot be started: {error}") from error
        finally:
            theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours)
        worker = cls(process, reader, writer)
        try:
            async with asyncio.timeout(ready_s):
                first = await worker._receive()
            _check_ready(first)
        except (WorkerLost, TimeoutError) as error:
            await worker.kill()
            reason = f"not ready within {ready_s:g} s" if isinstance(error, TimeoutError) else error
            raise ProviderUnavailable(f"speech worker did not start: {reason}") from error
        except BaseException:
            await worker.kill()
            raise
        return worker

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_gone(self) -> bool:
        return self._exit.done()

    def on_exit(self, callback: Callable[[], None]) -> None:
        """Call `callback` on the loop when the process has ended."""
        self._exit.add_done_callback(lambda _: callback())

    async def request(self, data: bytes) -> Message:
        """Do one encoded job; raises `WorkerLost`. After a cancellation the worker must be killed."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise WorkerLost(str(error)) from error
        return await self._receive()

    async def stop(self) -> None:
        """Close the socket, wait, SIGTERM, wait, SIGKILL; may be called twice."""
        self._writer.close()
        if not await self._exits_within(_EXIT_S):
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            if not await self._exits_within(_EXIT_S):
                await self.kill()

    async def kill(self) -> None:
        """SIGKILL and reap; may be called twice."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._writer.close()
        await asyncio.shield(self._exit)

    async def _exits_within(self, seconds: float) -> bool:
        done, _ = await asyncio.wait({self._exit}, timeout=seconds)
        return bool(done)

    async def _receive(self) -> Message:
        try:
            header_bytes, payload_bytes = decode_prefix(await self._reader.readexactly(PREFIX.size))
            header = await self._reader.readexactly(header_bytes)
            return decode(header, await self._reader.readexactly(payload_bytes))
        except asyncio.IncompleteReadError as error:
            raise WorkerLost("the process ended") from error
        except (OSError, LinkError) as error:
            raise WorkerLost(str(error)) from error


def _check_ready(first: Message) -> None:
    if "ready" in first.header:
        return
    reason = str(first.header.get("failed", "unexpected first message"))
    if first.header.get("code") == AssetError.code:
        raise AssetError(reason)
    raise ProviderUnavailable(f"speech worker did not start: {reason}")

"""Keeps one worker process alive: start, handshake, ping, restart with back-off, orderly stop.

A worker inherits one end of a socket pair and nothing else. When the gateway dies the worker reads an
end of file and ends its calls by itself; when the worker dies or falls silent the gateway is told once,
and the worker is started again.
"""

import asyncio
import logging
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from gateway.errors import EndpointError, LinkClosed, LinkError
from gateway.link import protocol
from gateway.link.connection import LinkConnection
from gateway.model import commands

log = logging.getLogger(__name__)

HANDSHAKE_S = 30.0
PING_EVERY_S = 1.0
PINGS_UNANSWERED = 5
"""Counted in pings, not in seconds, so that a gateway that was itself stopped blames nobody."""
BACKOFF_FIRST_S = 0.25
BACKOFF_MOST_S = 10.0
STABLE_S = 30.0
"""A worker that lived so long starts the back-off anew."""
STOP_LINK_S = 4.0
"""After closing the link: time for a worker to end by itself; then SIGTERM, then SIGKILL."""
STOP_TERM_S = 2.0

ArgvFactory = Callable[[int], Sequence[str]]
"""Given the number of the inherited descriptor, returns the command to run."""


class WorkerListener(Protocol):
    """Told of a worker's life, on the event loop."""

    def on_worker_up(self, connection: LinkConnection, hello: protocol.Hello) -> None: ...

    def on_worker_message(self, message: protocol.Message) -> None: ...

    def on_worker_pong(self, pong: protocol.Pong) -> None: ...

    def on_worker_lost(self, reason: str) -> None:
        """The worker is gone; nothing more comes from it. Called once per `on_worker_up`."""


class Supervisor:
    """One worker process and its link."""

    def __init__(
        self,
        name: str,
        argv: ArgvFactory,
        listener: WorkerListener,
        *,
        on_restart: Callable[[], None] | None = None,
    ) -> None:
        self._name = name
        self._argv = argv
        self._listener = listener
        self._on_restart = on_restart
        self._task: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._connection: LinkConnection | None = None
        self._up = asyncio.Event()
        self._stopping = False
        self._lived = False
        self._failure = ""
        self._unanswered = 0

    @property
    def is_up(self) -> bool:
        """Whether the worker has introduced itself and is there."""
        return self._up.is_set()

    @property
    def pid(self) -> int | None:
        """Process id of the running worker, if any."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the worker and wait until it is up. Raises `EndpointError`."""
        self._task = asyncio.create_task(self._run(), name=f"supervise {self._name}")
        waiting = asyncio.create_task(self._up.wait())
        await asyncio.wait(
            {waiting, self._task}, timeout=HANDSHAKE_S, return_when=asyncio.FIRST_COMPLETED
        )
        waiting.cancel()
        if not self._up.is_set():
            await self.stop()
            raise EndpointError(
                f"the {self._name} worker did not start: {self._failure or 'no handshake'}"
            )

    async def stop(self) -> None:
        """End the worker, orderly if it can be; may be called twice."""
        self._stopping = True
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        await self._end_process()

    async def _run(self) -> None:
        backoff_s = BACKOFF_FIRST_S
        loop = asyncio.get_running_loop()
        while not self._stopping:
            began_s = loop.time()
            self._lived |= await self._live()
            if not self._lived:
                # It never worked: `start` reports that; trying again would hide it.
                return
            if loop.time() - began_s > STABLE_S:
                backoff_s = BACKOFF_FIRST_S
            log.warning(
                "worker is started again",
                extra={"worker": self._name, "in_s": backoff_s, "reason": self._failure},
            )
            if self._on_restart is not None:
                self._on_restart()
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, BACKOFF_MOST_S)

    async def _live(self) -> bool:
        """Run one worker process from start to end; returns whether it came up."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        lost = asyncio.Event()
        hello: asyncio.Future[protocol.Hello] = asyncio.get_running_loop().create_future()
        self._failure = ""
        self._unanswered = 0

        def on_closed(error: LinkError | None) -> None:
            self._failure = self._failure or (str(error) if error else "it closed the link")
            if not hello.done():
                hello.set_exception(LinkClosed(self._failure))
                # Looked at here, since nobody awaits it when the start failed before the handshake.
                hello.exception()
            lost.set()

        def on_message(message: protocol.Message) -> None:
            match message:
                case protocol.Hello():
                    if not hello.done():
                        hello.set_result(message)
                case protocol.Pong():
                    self._unanswered = 0
                    self._listener.on_worker_pong(message)
                case _:
                    self._listener.on_worker_message(message)

        connection = LinkConnection(ours, on_message, on_closed)
        self._connection = connection
        came_up = False
        try:
            self._process = await self._spawn(theirs)
            came_up = await self._handshake(connection, hello)
            if came_up:
                await self._watch(connection, lost)
        except OSError as error:
            self._failure = f"cannot be started: {error}"
        finally:
            self._up.clear()
            connection.close()
            if came_up:
                self._listener.on_worker_lost(self._failure)
            if not self._stopping:
                await self._end_process()
        return came_up

    async def _spawn(self, theirs: socket.socket) -> asyncio.subprocess.Process:
        with theirs:
            argv = list(self._argv(theirs.fileno()))
            return await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sys.stderr.fileno() if sys.stderr else None,
                pass_fds=(theirs.fileno(),),
            )

    async def _handshake(
        self, connection: LinkConnection, hello: asyncio.Future[protocol.Hello]
    ) -> bool:
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                greeting = await hello
        except TimeoutError:
            self._failure = "no handshake"
            return False
        except LinkClosed:
            return False
        if greeting.version != protocol.LINK_VERSION:
            self._failure = f"it speaks link version {greeting.version}"
            return False
        connection.send(protocol.Welcome(version=protocol.LINK_VERSION))
        self._listener.on_worker_up(connection, greeting)
        self._up.set()
        return True

    async def _watch(self, connection: LinkConnection, lost: asyncio.Event) -> None:
        number = 0
        while not lost.is_set():
            if self._unanswered >= PINGS_UNANSWERED:
                self._failure = f"silent for {self._unanswered} pings"
                self._kill()
                return
            number += 1
            self._unanswered += 1
            connection.send(protocol.Ping(number=number))
            with suppress(TimeoutError):
                async with asyncio.timeout(PING_EVERY_S):
                    await lost.wait()

    def drain(self) -> None:
        """Ask the worker to refuse new calls."""
        if self._connection is not None:
            self._connection.send(commands.Drain())

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for patience_s, push in (
            (STOP_LINK_S, process.terminate),
            (STOP_TERM_S, process.kill),
        ):
            try:
                async with asyncio.timeout(patience_s):
                    await process.wait()
                    return
            except TimeoutError:
                with suppress(ProcessLookupError):
                    push()
        await process.wait()

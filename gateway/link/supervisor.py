"""Keeps one worker process alive: start, handshake, ping, restart with back-off, orderly stop.

A worker inherits its end of a socket pair and nothing else. When the gateway dies the worker reads an
end of file, ends its calls and exits by itself; when the worker dies, falls silent or breaks the
protocol, the listener is told once and the worker is started again.
"""

import asyncio
import logging
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from gateway.errors import EndpointError, LinkError, LinkProtocolError, LinkVersionError
from gateway.link.connection import LinkConnection
from gateway.link.messages import (
    LINK_VERSION,
    Control,
    Hello,
    Negotiated,
    NegotiationRefused,
    OnLeg,
    Ping,
    Pong,
    Refused,
    Welcome,
)
from gateway.link.protocol import Tick
from gateway.link.sockets import link_pair
from gateway.model import commands

logger = logging.getLogger(__name__)

HANDSHAKE_S = 30.0
"""From the start of the process to its hello; a loaded machine may take long to import."""
PING_EVERY_S = 1.0
PINGS_UNANSWERED = 5
"""Then the worker is killed. Counted in pings sent, so a gateway that hung itself blames nobody."""
BACKOFF_FIRST_S = 0.5
BACKOFF_MOST_S = 10.0
STABLE_S = 30.0
"""A worker that lived so long starts the back-off anew."""

# The ladder of an orderly stop, in order.
STOP_CALLS_S = 2.0
"""After all legs were hung up: time for the far ends to confirm."""
STOP_LINK_S = 4.0
"""After the link was closed: time for the worker to exit by itself. Then SIGTERM."""
STOP_TERM_S = 2.0
"""After SIGTERM. Then SIGKILL."""

_STDERR_FD = 2

ArgvFactory = Callable[[int], Sequence[str]]
"""Given the number of the inherited descriptor, returns the command to run."""
WorkerMessage = OnLeg | Refused | Negotiated | NegotiationRefused | Tick


class WorkerListener(Protocol):
    """Told of a worker's life, on the event loop."""

    def on_worker_up(self, connection: LinkConnection, hello: Hello) -> None:
        """The worker is there; commands may be sent on the connection until it is lost."""

    def on_worker_message(self, message: WorkerMessage) -> None:
        """A message came; raises `LinkProtocolError` if it makes no sense, which ends the worker."""

    def on_worker_pong(self, pong: Pong) -> None: ...

    def on_worker_lost(self, reason: str) -> None:
        """Nothing more comes from this worker. Called once per `on_worker_up`."""


class Supervisor:
    """One worker process and its link, for as long as the gateway runs."""

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
        self._has_been_up = False
        self._failure = ""
        self._unanswered = 0
        self._is_draining = False

    @property
    def is_up(self) -> bool:
        """Whether a worker has introduced itself and is there."""
        return self._up.is_set()

    @property
    def pid(self) -> int | None:
        """Process id of the running worker, if any."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the worker and wait until it is up; call once. Raises `EndpointError`.

        A worker that does not come up the first time is not tried again: the caller decides.
        """
        self._task = asyncio.create_task(self._run(), name=f"supervise {self._name}")
        up = asyncio.create_task(self._up.wait(), name=f"wait for {self._name}")
        try:
            await asyncio.wait({up, self._task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            up.cancel()
        if not self._has_been_up:
            await self.stop()
            raise EndpointError(f"the {self._name} worker did not start: {self._failure}")

    async def stop(self) -> None:
        """Close the link, then wait, terminate and kill as needed; may be called twice."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._end_process()

    def drain(self) -> None:
        """Have the worker refuse new calls, and any that follows it; calls that run go on."""
        self._is_draining = True
        if self._connection is not None:
            self._connection.send(commands.Drain())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        backoff_s = BACKOFF_FIRST_S
        while True:
            began_s = loop.time()
            try:
                await self._live()
            except Exception as error:
                # A fault of ours around one worker; without this there would be no next one.
                logger.exception("supervising a worker failed", extra={"worker": self._name})
                self._failure = f"fault: {error}"
            await self._end_process()
            if not self._has_been_up:
                return
            if loop.time() - began_s > STABLE_S:
                backoff_s = BACKOFF_FIRST_S
            logger.warning(
                "worker is started again",
                extra={"worker": self._name, "in_s": backoff_s, "reason": self._failure},
            )
            if self._on_restart is not None:
                self._on_restart()
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, BACKOFF_MOST_S)

    async def _live(self) -> None:
        """Run one worker process from its start to the end of its link."""
        ours, theirs = link_pair()
        lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._failure = ""
        self._unanswered = 0

        def on_closed(error: LinkError | None) -> None:
            self._failure = self._failure or (str(error) if error else "it closed the link")
            if not lost.done():
                lost.set_result(None)

        connection = LinkConnection(
            ours, lambda message: self._on_message(connection, message), on_closed
        )
        try:
            with theirs:
                self._process = await self._spawn(theirs.fileno())
            if await self._wait_up(lost):
                await self._watch(connection, lost)
        except OSError as error:
            self._failure = f"cannot be started: {error}"
        finally:
            connection.close()
            self._connection = None
            if self._up.is_set():
                self._up.clear()
                self._listener.on_worker_lost(self._failure or "stopped")

    async def _wait_up(self, lost: "asyncio.Future[None]") -> bool:
        up = asyncio.create_task(self._up.wait(), name=f"hello of {self._name}")
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                await asyncio.wait((up, lost), return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            self._failure = f"no hello within {HANDSHAKE_S:g} s"
        finally:
            up.cancel()
        return self._up.is_set()

    async def _spawn(self, fd: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._argv(fd),
            stdin=subprocess.DEVNULL,
            # Standard output is the gateway's own; whatever a worker prints belongs to the log.
            stdout=_STDERR_FD,
            pass_fds=(fd,),
        )

    def _on_message(self, connection: LinkConnection, message: Control | Tick) -> None:
        match message:
            case Hello():
                self._welcome(connection, message)
            case OnLeg() | Refused() | Negotiated() | NegotiationRefused() | Tick() | Pong() if (
                not self._up.is_set()
            ):
                raise LinkProtocolError(f"{type(message).__name__} before the hello")
            case Pong():
                self._unanswered = 0
                self._listener.on_worker_pong(message)
            case OnLeg() | Refused() | Negotiated() | NegotiationRefused() | Tick():
                self._listener.on_worker_message(message)
            case _:
                raise LinkProtocolError(f"a worker sent {type(message).__name__}")

    def _welcome(self, connection: LinkConnection, hello: Hello) -> None:
        """Take the worker, at once: offers may be right behind its hello."""
        if self._up.is_set():
            raise LinkProtocolError("a second hello")
        if hello.version != LINK_VERSION:
            raise LinkVersionError(f"it speaks link version {hello.version}, we {LINK_VERSION}")
        connection.send(Welcome(version=LINK_VERSION))
        if self._is_draining:
            # Else a successor would register with the trunks again, which then send calls here.
            connection.send(commands.Drain())
        self._connection = connection
        self._has_been_up = True
        self._up.set()
        self._listener.on_worker_up(connection, hello)

    async def _watch(self, connection: LinkConnection, lost: "asyncio.Future[None]") -> None:
        number = 0
        while not lost.done():
            if self._unanswered >= PINGS_UNANSWERED:
                self._failure = f"silent for {self._unanswered} pings"
                self._signal(signal.SIGKILL)
                return
            number += 1
            self._unanswered += 1
            connection.send(Ping(number=number))
            await asyncio.wait({lost}, timeout=PING_EVERY_S)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _end_process(self) -> None:
        """Wait for the exit of a process whose link is closed, with more and more force."""
        process = self._process
        if process is None:
            return
        for patience_s, number in ((STOP_LINK_S, signal.SIGTERM), (STOP_TERM_S, signal.SIGKILL)):
            try:
                async with asyncio.timeout(patience_s):
                    await process.wait()
                    break
            except TimeoutError:
                logger.warning(
                    "worker does not exit", extra={"worker": self._name, "signal": number.name}
                )
                self._signal(number)
        await process.wait()
        self._process = None

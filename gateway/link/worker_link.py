"""The worker's end of the link: threads send, one thread reads and runs the commands."""

import logging
import os
import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from gateway.errors import LinkError, LinkProtocolError, LinkVersionError
from gateway.link.command_handler import CommandHandler, run_command
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
from gateway.link.protocol import (
    DATAGRAM_LIMIT_BYTES,
    TICK_LEGS_LIMIT,
    Play,
    Tick,
    batch_size,
    decode,
    encode_message,
    encode_tick,
    join_control,
)
from gateway.model.events import Event, Offered
from gateway.model.hangup import HangupCause

TICKS_LIMIT = 10
"""Most tick datagrams kept when the socket is full; then the oldest is dropped: late is worse."""
CONTROL_LIMIT = 8_192
"""Most control messages kept when the socket is full; one more fails the link."""
_READS_PER_WAKE = 64

logger = logging.getLogger(__name__)


class LinkState(StrEnum):
    """Where the worker's end is in its life; it only moves down this list."""

    NEW = "new"
    """The gateway's welcome has not come."""
    OPEN = "open"
    CLOSED = "closed"
    """By us, by the other end, or because something failed."""


class WorkerLink:
    """Owns the socket. Every method is thread-safe, and none but `run` blocks.

    Control messages keep their order and are never dropped. Ticks keep their order; control
    messages may overtake them when the socket is full. What is sent after the end is ignored: `run`
    returns, or raises, and then the worker is to end its calls and exit, since it has nobody to
    serve.
    """

    def __init__(self, sock: socket.socket, handler: CommandHandler) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._handler = handler
        self._lock = threading.Lock()
        self._control: deque[bytes] = deque()
        self._ticks: deque[bytes] = deque()
        self._ticks_frames: deque[int] = deque()
        self._sequence = 0
        self._dropped_frames = 0
        self._state = LinkState.NEW
        self._failure: LinkError | None = None
        self._is_blocked = False  # the socket was full; `run` waits for room
        self._is_running = False
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._buffer = bytearray(DATAGRAM_LIMIT_BYTES + 1)

    @property
    def state(self) -> LinkState:
        return self._state

    @property
    def dropped_frames(self) -> int:
        """Frames from callers dropped so far because the gateway did not read fast enough."""
        return self._dropped_frames

    def hello(self, facts: Mapping[str, str]) -> None:
        """Introduce the worker; call once, before anything else is sent.

        The gateway's welcome is awaited by `run`. `facts` are for people: engine, version, limits.
        """
        self._send(Hello(version=LINK_VERSION, pid=os.getpid(), facts=dict(facts)))

    def send_event(self, leg_no: int, event: Event) -> None:
        """Report an event of a leg: first `Offered`, last `Ended`, nothing after that.

        Never blocks. Raises `LinkProtocolError` for a number that is not finite. If more than
        `CONTROL_LIMIT` messages wait, the link fails and `run` raises.
        """
        self._send(OnLeg(leg=leg_no, event=event))

    def send_refused(self, offered: Offered, cause: HangupCause) -> None:
        """Report an offer that the worker refused by itself (capacity, draining): it has no leg."""
        self._send(Refused(offered=offered, cause=cause))

    def send_negotiation(self, outcome: Negotiated | NegotiationRefused) -> None:
        """Report what came of a browser's description."""
        self._send(outcome)

    def send_tick(
        self,
        at_s: float,
        lateness_s: float,
        legs: Sequence[int],
        frames: Sequence[bytes | bytearray],
    ) -> None:
        """Send one tick: a frame of 640 bytes (PCM16 mono 16 kHz, 20 ms) of each leg.

        `at_s` is when the tick happened (`time.monotonic()`), `lateness_s` how late the media clock
        was. Never blocks: of the ticks that wait for the socket at most `TICKS_LIMIT` are kept, the
        oldest is dropped and its frames are counted. The frames are copied. Nothing is sent for no
        legs.
        """
        for start in range(0, len(legs), TICK_LEGS_LIMIT):
            stop = start + TICK_LEGS_LIMIT
            self._send_tick(at_s, lateness_s, legs[start:stop], frames[start:stop])

    def run(self) -> None:
        """Read and run commands until the end of file or `close`; for a thread of its own.

        Raises `LinkError` when the link failed: `LinkVersionError` for a gateway of another
        version, `LinkProtocolError` for a malformed datagram or an overflow. Closes the socket in
        every case.
        """
        with self._lock:
            self._is_running = self._state is not LinkState.CLOSED
        try:
            if self._is_running:
                self._serve_until_end()
        except LinkError as error:
            self._end(error)
        finally:
            self._end(None)
            self._release()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """End the link; what was sent and fits the socket still arrives. May be called twice."""
        self._end(None)

    def _serve_until_end(self) -> None:
        poller = select.poll()
        poller.register(self._wake_fd, select.POLLIN)
        while self.state is not LinkState.CLOSED:
            poller.register(self._sock, select.POLLIN | self._is_blocked * select.POLLOUT)
            for fd, flags in poller.poll():
                if fd == self._wake_fd:
                    os.eventfd_read(self._wake_fd)
                elif not self._serve(flags):
                    return

    def _serve(self, flags: int) -> bool:
        """Write and read as far as possible; False at the end of file."""
        if flags & select.POLLOUT:
            with self._lock:
                self._flush()
        for _ in range(_READS_PER_WAKE):
            try:
                size = self._sock.recv_into(self._buffer)
            except BlockingIOError:
                return True
            except ConnectionError:
                return False
            if not size:
                return False
            if size > DATAGRAM_LIMIT_BYTES:
                raise LinkProtocolError("datagram too long")
            self._dispatch(memoryview(self._buffer)[:size])
            if self._state is LinkState.CLOSED:
                return False
        return True

    def _dispatch(self, datagram: memoryview) -> None:
        match decode(datagram):
            case Tick():
                raise LinkProtocolError("the gateway sent a tick")
            case Play(leg, pcm):
                if self._state is LinkState.NEW:
                    raise LinkProtocolError("the gateway sent audio before its welcome")
                audio = bytes(pcm)
                self._guard(lambda: self._handler.on_play(leg, audio))
            case messages:
                for message in messages:
                    self._obey(message)

    def _obey(self, message: Control) -> None:
        if self._state is LinkState.NEW and not isinstance(message, Welcome):
            raise LinkProtocolError(f"{type(message).__name__} before the welcome")
        match message:
            case Welcome():
                if message.version != LINK_VERSION:
                    raise LinkVersionError(
                        f"gateway speaks {message.version}, worker {LINK_VERSION}"
                    )
                self._open()
            case Ping():
                self._guard(lambda: self._answer_ping(message.number))
            case Hello() | Pong() | OnLeg() | Refused() | Negotiated() | NegotiationRefused():
                raise LinkProtocolError(f"the gateway sent {type(message).__name__}")
            case _:
                self._guard(lambda: run_command(self._handler, message))

    def _open(self) -> None:
        with self._lock:
            if self._state is LinkState.NEW:
                self._state = LinkState.OPEN

    def _answer_ping(self, number: int) -> None:
        self._send(Pong(number=number, counters=dict(self._handler.counters())))

    def _guard(self, command: Callable[[], None]) -> None:
        try:
            command()
        except Exception:
            # A fault in one call's command must not end all other calls of this worker.
            logger.exception("a command from the gateway failed")

    def _send(self, message: Control) -> None:
        encoded = encode_message(message)
        with self._lock:
            if self._state is LinkState.CLOSED:
                return
            is_full = len(self._control) >= CONTROL_LIMIT
            if not is_full:
                self._control.append(encoded)
                self._flush()
        if is_full:
            self._end(LinkProtocolError(f"the gateway left {CONTROL_LIMIT} messages unread"))

    def _send_tick(
        self,
        at_s: float,
        lateness_s: float,
        legs: Sequence[int],
        frames: Sequence[bytes | bytearray],
    ) -> None:
        with self._lock:
            if self._state is LinkState.CLOSED:
                return
            if len(self._ticks) >= TICKS_LIMIT:
                self._ticks.popleft()
                self._dropped_frames += self._ticks_frames.popleft()
            datagram = encode_tick(
                self._sequence, at_s, lateness_s, self._dropped_frames, legs, frames
            )
            self._sequence += 1
            self._ticks.append(datagram)
            self._ticks_frames.append(len(legs))
            self._flush()

    def _flush(self) -> None:
        """Send what waits until the socket is full; the lock is held."""
        try:
            while self._control:
                count = batch_size(self._control)
                parts = [self._control[index] for index in range(count)]
                self._sock.send(join_control(parts))
                for _ in range(count):
                    self._control.popleft()
            while self._ticks:
                self._sock.send(self._ticks[0])
                self._ticks.popleft()
                self._ticks_frames.popleft()
            self._is_blocked = False
        except BlockingIOError:
            if not self._is_blocked:
                self._is_blocked = True
                os.eventfd_write(self._wake_fd, 1)
        except ConnectionError:
            # The gateway is gone; the reader finds the end of file and ends the process.
            self._forget_waiting()
        except OSError as error:
            self._forget_waiting()
            self._close(LinkError(f"the link broke: {error}"))

    def _forget_waiting(self) -> None:
        self._control.clear()
        self._ticks.clear()
        self._ticks_frames.clear()
        self._is_blocked = False

    def _end(self, failure: LinkError | None) -> None:
        with self._lock:
            self._close(failure)
            is_running = self._is_running
        if not is_running:
            self._release()

    def _close(self, failure: LinkError | None) -> None:
        """Let `run` come to its end; the lock is held."""
        if self._state is LinkState.CLOSED:
            return
        self._state = LinkState.CLOSED
        self._failure = failure
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            logger.debug("shutdown of the link: %s", error)
        os.eventfd_write(self._wake_fd, 1)

    def _release(self) -> None:
        """Give back the descriptors; nobody uses them once the state is closed."""
        with self._lock:
            self._is_running = False
            self._sock.close()
            if self._wake_fd >= 0:
                os.close(self._wake_fd)
                self._wake_fd = -1

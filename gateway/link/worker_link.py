"""The worker's end of the media link: threads, no event loop.

The media thread and the signalling thread both send; nobody may ever wait for the gateway. So all
sends are non-blocking: control messages wait in order in a bounded queue (a gateway that does not take
them is gone: the link fails), ticks wait in a short one that drops its oldest and counts.
"""

import os
import socket
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from gateway.errors import LinkClosed, LinkProtocolError, LinkVersionError
from gateway.link import protocol
from gateway.model import commands, events
from gateway.model.hangup import HangupCause

_TICKS_WAITING = 10
"""200 ms of audio; later than that it is better lost than late."""
_CONTROL_WAITING = 4_096


class CommandHandler(Protocol):
    """Takes the gateway's commands, on the thread that runs `WorkerLink.run`; must not block."""

    def on_play(self, leg: int, pcm: bytes) -> None: ...
    def on_mark(self, leg: int, name: str) -> None: ...
    def on_clear(self, leg: int) -> None: ...
    def on_answer(self, leg: int) -> None: ...
    def on_reject(self, leg: int, cause: HangupCause, retry_after_s: int) -> None: ...
    def on_dtmf(self, leg: int, digits: str) -> None: ...
    def on_hang_up(self, leg: int, cause: HangupCause) -> None: ...
    def on_place(self, call_id: str, target: str, caller: str) -> None: ...
    def on_drain(self) -> None: ...
    def counters(self) -> Mapping[str, float]:
        """Return the worker's own counters for the answer to a ping."""


class WorkerLink:
    """One worker's link. `run` on a thread of its own; the sending methods from any thread."""

    def __init__(self, sock: socket.socket, handler: CommandHandler) -> None:
        sock.setblocking(True)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, 4 << 20)
        self._sock = sock
        self._handler = handler
        self._lock = threading.Lock()
        self._control: deque[bytes] = deque()
        self._ticks: deque[tuple[bytes, int]] = deque()
        self._sequence = 0
        self._dropped = 0
        self._closed = False

    @property
    def dropped_frames(self) -> int:
        """Frames dropped because the gateway did not read."""
        return self._dropped

    def hello(self, facts: Mapping[str, Any]) -> None:
        """Introduce the worker; the first thing sent."""
        self._send(
            protocol.Hello(version=protocol.LINK_VERSION, pid=os.getpid(), facts=dict(facts))
        )

    def send_event(self, leg: int, event: events.Event) -> None:
        """Report an event of a leg. Never blocks."""
        self._send(protocol.OnLeg(leg=leg, event=event))

    def send_refused(self, offered: events.Offered, cause: HangupCause) -> None:
        """Report an offer that was refused here. Never blocks."""
        self._send(protocol.Refused(offered=offered, cause=cause))

    def send_tick(
        self,
        at_s: float,
        lateness_s: float,
        legs: Sequence[int],
        frames: Sequence[bytes | bytearray],
    ) -> None:
        """Send one tick, 640 bytes for each leg. Never blocks; a tick too many drops the oldest."""
        for start in range(0, len(legs), protocol.MAX_TICK_LEGS):
            stop = start + protocol.MAX_TICK_LEGS
            part = legs[start:stop]
            self._sequence += 1
            data = protocol.encode_tick(
                self._sequence, at_s, lateness_s, self._dropped, part, frames[start:stop]
            )
            with self._lock:
                self._ticks.append((data, len(part)))
                if len(self._ticks) > _TICKS_WAITING:
                    self._dropped += self._ticks.popleft()[1]
                self._flush()

    def run(self) -> None:
        """Read commands until the gateway closes the link, or errs; never raises."""
        buffer = bytearray(protocol.MAX_DATAGRAM)
        view = memoryview(buffer)
        try:
            while size := self._sock.recv_into(buffer):
                for message in protocol.decode(view[:size]):
                    self._dispatch(message)
                with self._lock:
                    self._flush()
        except (OSError, LinkClosed):
            return
        except (LinkProtocolError, LinkVersionError):
            self.close()
            raise

    def close(self) -> None:
        """End the link; `run` returns. May be called twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            # The other end was first.
            return

    def _dispatch(self, message: protocol.Message) -> None:
        handler = self._handler
        match message:
            case protocol.Play(leg, pcm):
                handler.on_play(leg, pcm)
            case commands.Mark():
                handler.on_mark(message.leg, message.name)
            case commands.Clear():
                handler.on_clear(message.leg)
            case commands.Answer():
                handler.on_answer(message.leg)
            case commands.Reject():
                handler.on_reject(message.leg, message.cause, message.retry_after_s)
            case commands.SendDtmf():
                handler.on_dtmf(message.leg, message.digits)
            case commands.HangUp():
                handler.on_hang_up(message.leg, message.cause)
            case commands.Place():
                handler.on_place(message.call_id, message.target, message.caller)
            case commands.Drain():
                handler.on_drain()
            case protocol.Ping():
                counters = dict(handler.counters())
                self._send(protocol.Pong(number=message.number, counters=counters))
            case protocol.Welcome():
                if message.version != protocol.LINK_VERSION:
                    raise LinkVersionError(f"the gateway speaks version {message.version}")
            case _:
                raise LinkProtocolError(f"{type(message).__name__} is not for a worker")

    def _send(self, message: protocol.Control) -> None:
        data = protocol.encode_control([message])
        with self._lock:
            if self._closed:
                return
            self._control.append(data)
            self._flush()
            overflow = len(self._control) > _CONTROL_WAITING
        if overflow:
            self.close()

    def _flush(self) -> None:
        """Send what the socket takes; with the lock held."""
        try:
            while self._control:
                self._sock.send(self._control[0], socket.MSG_DONTWAIT)
                self._control.popleft()
            while self._ticks:
                self._sock.send(self._ticks[0][0], socket.MSG_DONTWAIT)
                self._ticks.popleft()
        except BlockingIOError:
            return
        except OSError:
            # The gateway is gone; the reader notices the end of file and ends the worker.
            self._control.clear()
            self._ticks.clear()

"""The gateway's end of the media link, on the event loop.

Reading takes a bounded number of datagrams per turn of the loop into one buffer. Writing is immediate; what
a full socket does not take waits in one queue, in order, because a mark must stay behind its audio. That
queue is bounded: audio over the bound is dropped (newest first, counted), and a link whose control
messages pile up is given up.
"""

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable

from gateway.errors import LinkError, LinkProtocolError
from gateway.link import protocol

log = logging.getLogger(__name__)

_DATAGRAMS_PER_TURN = 8
_AUDIO_WAITING_BYTES = 32 << 20
_MESSAGES_WAITING = 8_192

MessageListener = Callable[[protocol.Message], None]
ClosedListener = Callable[[LinkError | None], None]


class LinkConnection:
    """One worker's link as the gateway sees it. All methods are for the event loop's thread."""

    def __init__(
        self, sock: socket.socket, on_message: MessageListener, on_closed: ClosedListener
    ) -> None:
        sock.setblocking(False)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, 4 << 20)
        self._sock = sock
        self._on_message = on_message
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray(protocol.MAX_DATAGRAM)
        self._view = memoryview(self._buffer)
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._dropped_bytes = 0
        self._closed = False
        self._loop.add_reader(sock.fileno(), self._readable)

    @property
    def is_closed(self) -> bool:
        return self._closed

    @property
    def dropped_bytes(self) -> int:
        """Audio towards callers that was dropped because the worker did not read."""
        return self._dropped_bytes

    def send(self, message: protocol.Control) -> None:
        """Send a control message; ignored once closed."""
        self._put(protocol.encode_control([message]))
        if len(self._waiting) > _MESSAGES_WAITING:
            self._finish(LinkError("the worker does not take its commands"))

    def play(self, leg: int, pcm: bytes) -> None:
        """Send audio for a leg's playout queue; ignored once closed."""
        for data in protocol.encode_play(leg, pcm):
            if self._waiting_bytes + len(data) > _AUDIO_WAITING_BYTES:
                self._dropped_bytes += len(data)
            else:
                self._put(data)

    def close(self) -> None:
        """End the link; the listener is told. May be called twice."""
        self._finish(None)

    def _put(self, data: bytes) -> None:
        if self._closed:
            return
        if not self._waiting:
            try:
                self._sock.send(data)
            except BlockingIOError:
                self._loop.add_writer(self._sock.fileno(), self._writable)
            except OSError as error:
                self._finish(LinkError(f"the link broke: {error}"))
                return
            else:
                return
        self._waiting.append(data)
        self._waiting_bytes += len(data)

    def _writable(self) -> None:
        try:
            while self._waiting:
                self._sock.send(self._waiting[0])
                self._waiting_bytes -= len(self._waiting.popleft())
        except BlockingIOError:
            return
        except OSError as error:
            self._finish(LinkError(f"the link broke: {error}"))
            return
        self._loop.remove_writer(self._sock.fileno())

    def _readable(self) -> None:
        try:
            for _ in range(_DATAGRAMS_PER_TURN):
                size = self._sock.recv_into(self._buffer)
                if not size:
                    self._finish(None)
                    return
                for message in protocol.decode(self._view[:size]):
                    self._on_message(message)
                if self._closed:
                    return
        except BlockingIOError:
            return
        except LinkProtocolError as error:
            log.error("the worker sent nonsense", extra={"error": str(error)})
            self._finish(error)
        except OSError as error:
            self._finish(LinkError(f"the link broke: {error}"))

    def _finish(self, error: LinkError | None) -> None:
        if self._closed:
            return
        self._closed = True
        number = self._sock.fileno()
        self._loop.remove_reader(number)
        self._loop.remove_writer(number)
        self._sock.close()
        self._waiting.clear()
        self._waiting_bytes = 0
        self._on_closed(error)
